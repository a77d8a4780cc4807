import type { Cluster, ClusterNode } from '../cluster/index.ts'
import { TsyllaError } from '../errors/index.ts'
import { LatencyHistogram, type LatencyMetrics } from '../observability/index.ts'
import type { Dispatcher } from './execution/dispatcher.ts'
import type { SlowRequestLog } from './execution/slow-requests.ts'

/** What a session has counted of one node. */
export interface NodeMetrics {
  /** The identity of the node; its address may change. */
  readonly hostId: string
  /** `host:port`, or `embedded:` with its path. */
  readonly address: string
  readonly dataCenter: string
  readonly rack: string
  /** Whether the session has a connection to it. */
  readonly isUp: boolean
  /** From sending an attempt to its answer, errors of the server included. */
  readonly latency: LatencyMetrics
  /** Attempts that were not answered by the deadline of their request. */
  readonly timeoutCount: number
  /**
   * Requests that went to another shard than the one of their partition, or that the node reported
   * as misrouted. They were served, only slower. Always 0 for nodes without shards and tablets.
   */
  readonly misroutedCount: number
  /** Requests in flight now. */
  readonly inFlightCount: number
  /** Stream ids whose request was given up and whose answer has not come yet, now. */
  readonly orphanedCount: number
  /** Open connections now. */
  readonly connectionCount: number
  /** Open connections now, by shard; empty for a node without shards. */
  readonly connectionCountsByShard: readonly number[]
}

/**
 * What a session has counted since it was opened, and what is under way. A snapshot: it does not
 * change.
 */
export interface SessionMetrics {
  /** The first contact point of the session: `host:port`, or `embedded:` with its path. */
  readonly server: string
  /**
   * Requests that have ended, with success or not: every call of `execute`, `executePrepared`,
   * `batch` and `page`, and every page of a stream.
   */
  readonly requestCount: number
  /** Requests that have failed, by `code` of their error. Only codes that occurred are in it. */
  readonly errorCounts: { readonly [code: string]: number }
  /** Requests that have failed at their deadline: `errorCounts.TSYLLA_REQUEST_TIMEOUT`. */
  readonly timeoutCount: number
  /** Attempts that followed a failed one. */
  readonly retryCount: number
  /** Attempts that were sent while another one of the same request was in flight. */
  readonly speculativeExecutionCount: number
  /** From the call to its end: waiting, all attempts and all pages included. */
  readonly latency: LatencyMetrics
  /** Requests that wait for a connection now. */
  readonly queuedCount: number
  /** Estimated bytes of those that wait. */
  readonly queuedBytes: number
  /** Bytes of the requests in flight now, over all connections. */
  readonly inFlightBytes: number
  readonly nodes: readonly NodeMetrics[]
}

/** Counts what the requests of a session come to. */
export class SessionRecorder {
  readonly #latency = new LatencyHistogram()
  readonly #errorCounts = new Map<string, number>()
  /** Errors of requests, which are counted already when their call rejects with them. */
  readonly #counted = new WeakSet<object>()
  /** Calls that have failed before they became a request. */
  #refusedCount = 0
  retryCount = 0
  speculativeExecutionCount = 0
  readonly slowRequests: SlowRequestLog | undefined
  /** Microseconds from which on a request is reported to {@link slowRequests}. */
  readonly slowUs: number

  constructor(slowRequests: SlowRequestLog | undefined) {
    this.slowRequests = slowRequests
    this.slowUs = slowRequests?.thresholdUs ?? Number.POSITIVE_INFINITY
  }

  /** @param us microseconds from the call to its end */
  onSettled(us: number): void {
    this.#latency.record(us)
  }

  /** A request has failed; {@link onSettled} is called too. */
  onFailed(error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#counted.add(error)
    this.#countError(error)
  }

  /** A call has failed, with its request or before there was one. */
  onCallFailed(error: unknown): void {
    if (typeof error === 'object' && error !== null && this.#counted.has(error)) return
    this.#refusedCount++
    this.#countError(error)
  }

  #countError(error: unknown): void {
    const code = TsyllaError.is(error) ? error.code : 'OTHER'
    this.#errorCounts.set(code, (this.#errorCounts.get(code) ?? 0) + 1)
  }

  snapshot(cluster: Cluster, dispatcher: Dispatcher): SessionMetrics {
    const latency = this.#latency.snapshot()
    return Object.freeze({
      server: cluster.contactAddress,
      requestCount: latency.count + this.#refusedCount,
      errorCounts: Object.freeze(Object.fromEntries(this.#errorCounts)),
      timeoutCount: this.#errorCounts.get('TSYLLA_REQUEST_TIMEOUT') ?? 0,
      retryCount: this.retryCount,
      speculativeExecutionCount: this.speculativeExecutionCount,
      latency,
      queuedCount: dispatcher.queuedCount,
      queuedBytes: dispatcher.queuedBytes,
      inFlightBytes: cluster.inFlightBytes,
      nodes: Object.freeze(cluster.nodes.map(metricsOf)),
    })
  }
}

function metricsOf({ recorder, pool, info }: ClusterNode): NodeMetrics {
  const { connections, sharding } = pool
  const byShard = Array.from({ length: sharding?.count ?? 0 }, () => 0)
  for (const { features } of connections) {
    if (features.shard !== undefined && features.shard.shard < byShard.length)
      byShard[features.shard.shard]!++
  }
  return Object.freeze({
    hostId: info.hostId,
    address: info.address,
    dataCenter: info.dataCenter,
    rack: info.rack,
    isUp: info.isUp,
    latency: recorder.latency.snapshot(),
    timeoutCount: recorder.timeoutCount,
    misroutedCount: recorder.misroutedCount,
    inFlightCount: info.inFlightCount,
    orphanedCount: connections.reduce((sum, { orphanCount }) => sum + orphanCount, 0),
    connectionCount: connections.length,
    connectionCountsByShard: Object.freeze(byShard),
  })
}
