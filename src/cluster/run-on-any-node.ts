import { TsyllaError } from '../errors/index.ts'
import { type RetryPolicy, stalledAttemptPolicy } from '../policies/index.ts'
import type { Connection } from '../transport/index.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './cluster-node.ts'

export interface RunOptions {
  readonly cluster: Cluster
  readonly retry: RetryPolicy
  readonly timeoutMs: number
}

/**
 * Runs a request of the driver itself, which changes nothing and so may be repeated, on one node
 * after another as the retry policy decides. While another node is left, a node that does not
 * answer is waited for no longer than an attempt of a user's request would be. Without any
 * connection it waits for the next one.
 *
 * @param work sends the request; its answer may take `timeoutMs`
 */
export async function runOnAnyNode<T>(
  { cluster, retry, timeoutMs }: RunOptions,
  work: (connection: Connection, timeoutMs: number) => Promise<T>,
): Promise<T> {
  const tried = new Set<ClusterNode>()
  for (let attemptCount = 1; ; attemptCount++) {
    const connection = cluster.anyConnection(tried) ?? (await cluster.nextConnection(timeoutMs))
    const isLast = tried.size + 1 >= cluster.nodeCount
    const patienceMs = isLast ? undefined : stalledAttemptPolicy.delayMs(1, timeoutMs)
    try {
      return await work(connection, patienceMs ?? timeoutMs)
    } catch (error) {
      const node = cluster.nodeOf(connection)
      if (!TsyllaError.is(error) || node === undefined) throw error
      const isStalled = error.code === 'TSYLLA_REQUEST_TIMEOUT' && !isLast
      const decision = isStalled
        ? 'next_node'
        : retry.decide({ error, isIdempotent: true, attemptCount })
      if (decision === 'rethrow' || (isLast && error.code !== 'TSYLLA_CONNECTION')) throw error
      if (decision === 'next_node') tried.add(node)
      // A node that was lost may be back; the others have refused.
      if (isLast) tried.clear()
    }
  }
}
