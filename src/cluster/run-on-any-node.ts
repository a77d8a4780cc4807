import { RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import { stalledAttemptPolicy } from '../policies/index.ts'
import type { RetryPolicy } from '../types/index.ts'
import type { Connection, DeadlineTimer } from '../transport/index.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './cluster-node.ts'

/** What every request of the driver itself is. */
const ofDriver = { isIdempotent: true, isConditional: false, consistency: 'ONE' } as const

export interface RunOptions {
  readonly cluster: Cluster
  readonly retry: RetryPolicy
  readonly deadlineTimer: DeadlineTimer
  /** Deadline over all attempts. */
  readonly timeoutMs: number
}

/**
 * Runs a request of the driver itself, which changes nothing and so may be repeated, on one node
 * after another as the retry policy decides. While another node is left, a node that does not
 * answer is waited for no longer than an attempt of a user's request would be. Without any
 * connection it waits for the next one.
 *
 * @param work sends the request; its answer may take as long as is given
 */
export async function runOnAnyNode<T>(
  { cluster, retry, deadlineTimer, timeoutMs }: RunOptions,
  work: (connection: Connection, timeoutMs: number) => Promise<T>,
): Promise<T> {
  const tried = new Set<ClusterNode>()
  const endMs = deadlineTimer.nowMs() + timeoutMs
  for (let attemptCount = 1; ; attemptCount++) {
    const connection =
      cluster.anyConnection(tried) ?? (await cluster.nextConnection(endMs - deadlineTimer.nowMs()))
    const isLast = tried.size + 1 >= cluster.nodeCount
    const patienceMs = isLast ? undefined : stalledAttemptPolicy.delayMs(1, timeoutMs)
    try {
      const leftMs = Math.max(1, endMs - deadlineTimer.nowMs())
      return await work(connection, Math.min(patienceMs ?? leftMs, leftMs))
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      const isStalled = error.code === 'TSYLLA_REQUEST_TIMEOUT' && !isLast
      const decision = isStalled ? 'next_node' : retry.decide({ error, attemptCount, ...ofDriver })
      const isOver = decision === 'rethrow' || deadlineTimer.nowMs() >= endMs
      if (isOver || (isLast && error.code !== 'TSYLLA_CONNECTION')) {
        throw error.code === 'TSYLLA_REQUEST_TIMEOUT'
          ? new RequestTimeoutError(timeoutMs, error.outcome)
          : error
      }
      // A node that has moved meanwhile is another one now.
      const node = cluster.nodeOf(connection)
      if (decision === 'next_node' && node !== undefined) tried.add(node)
      // A node that was lost may be back; the others have refused.
      if (isLast) tried.clear()
    }
  }
}
