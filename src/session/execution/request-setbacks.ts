import type { ClusterNode } from '../../cluster/index.ts'
import type { Attempt, TsyllaError } from '../../errors/index.ts'
import type { RequestAttempt } from './request-attempt.ts'

/** PREPAREs of one request on one node that follow UNPREPARED at once; later ones are paced. */
const promptPrepareCount = 2
const prepareDelayMsMin = 20
const prepareDelayMsMax = 1_000

/**
 * What has gone wrong with a request: failed attempts, nodes to avoid, and how often a node did not
 * know the statement. Most requests never have setbacks.
 */
export class RequestSetbacks {
  /** Attempts in flight besides the first. */
  readonly others: RequestAttempt[] = []
  readonly failures: Attempt[] = []
  /**
   * What the next attempt is: one that follows a failure, or a PREPARE. Without either it is a
   * second one, besides the one in flight.
   */
  next: 'retry' | 'repetition' | undefined
  /** Attempts that were sent while another one was in flight. */
  speculativeExecutionCount = 0
  /** Nodes that have refused the request. */
  excludedNodes: Set<ClusterNode> | undefined
  /** Nodes on which an attempt was lost. */
  failedNodes: Set<ClusterNode> | undefined
  /** By node: PREPAREs that followed UNPREPARED, over all attempts of a page. */
  #prepareCounts: Map<string, number> | undefined

  /** Whether a node forgets the statement again and again. */
  get isPreparedTooOften(): boolean {
    const counts = this.#prepareCounts
    return counts !== undefined && Math.max(...counts.values()) > promptPrepareCount
  }

  /**
   * Counts a PREPARE that follows UNPREPARED: DDL of other clients may make nodes forget a
   * statement again and again. That each node forgets it once is no reason to wait.
   *
   * @returns how long to wait before it is sent
   */
  nextPrepareDelayMs(address: string): number {
    const counts = (this.#prepareCounts ??= new Map())
    const count = counts.get(address) ?? 0
    counts.set(address, count + 1)
    const paced = count - promptPrepareCount
    if (paced < 0) return 0
    return Math.min(prepareDelayMsMax, prepareDelayMsMin * 2 ** Math.min(paced, 10))
  }

  /** Avoids a node from now on, as strictly as its error demands. */
  avoid(node: ClusterNode, error: TsyllaError): void {
    // What a lost connection has failed, another one to the same node may do.
    const isRefused = error.code !== 'TSYLLA_CONNECTION' && error.code !== 'TSYLLA_PROTOCOL'
    if (isRefused) (this.excludedNodes ??= new Set()).add(node)
    else (this.failedNodes ??= new Set()).add(node)
  }

  /** Forgets what concerns one page; failures are kept for the error. */
  endPage(): void {
    this.#prepareCounts = undefined
    this.excludedNodes = undefined
    this.failedNodes = undefined
  }
}
