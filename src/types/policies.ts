import type { Consistency, SerialConsistency, TsyllaError } from '../errors/index.ts'

/** A failed attempt of a request, as a retry policy sees it. */
export interface FailedAttempt {
  readonly error: TsyllaError
  /** Whether the statement may be repeated although it may have been applied. */
  readonly isIdempotent: boolean
  /** Whether it is a conditional statement (LWT). */
  readonly isConditional: boolean
  /** Consistency of the attempt. */
  readonly consistency: Consistency
  /** Attempts made so far, this one included. */
  readonly attemptCount: number
}

/**
 * What to do with a failed attempt: `same_node` and `next_node` try again, also with another
 * consistency or after a time; `rethrow` reports the error.
 */
export type RetryDecision =
  | 'same_node'
  | 'next_node'
  | 'rethrow'
  | {
      readonly retry: 'same_node' | 'next_node'
      /** Default: that of the failed attempt. */
      readonly consistency?: Consistency
      /**
       * Milliseconds until the next attempt, at most 60,000. Default 0. A time that ends after the
       * deadline of the request reports the error at once.
       */
      readonly afterMs?: number
    }

/** Decides what follows a failed attempt. */
export interface RetryPolicy {
  /**
   * Called once per failed attempt, of which a request has at most 100. What it throws, or returns
   * that is no decision, fails the request with a `ConfigError`.
   */
  decide(failed: FailedAttempt): RetryDecision
}

/**
 * Decides whether an idempotent request is sent to one more node while earlier attempts are still
 * without an answer. The first answer wins.
 */
export interface SpeculativeExecutionPolicy {
  /**
   * Called for every attempt that is sent. What it throws, or returns that is no delay, fails the
   * request with a `ConfigError`; when attempts are in flight already, no other one is sent.
   *
   * @param attemptCount attempts in flight, the one that is sent now included
   * @param timeoutMs deadline of the whole request
   * @returns milliseconds that the latest attempt may take before another one starts; `undefined`
   *   for never. Attempts are looked at every 25 ms, so another one starts up to 25 ms later
   */
  delayMs(attemptCount: number, timeoutMs: number): number | undefined
  /**
   * Called with the time of every attempt that was answered, and of those that were given up
   * because another one was faster. What it throws is ignored.
   */
  onLatency?(latencyMs: number): void
}

/** How long to wait before the n-th try to reach a node again. */
export interface ReconnectionPolicy {
  /**
   * What it throws, or returns that is no delay, counts as ten seconds.
   *
   * @param attempt 0 for the first try after a failure
   * @returns milliseconds
   */
  delayMs(attempt: number): number
}

/** A node of the cluster, as policies and host filters see it. */
export interface NodeInfo {
  /** The identity of the node; its address may change. */
  readonly hostId: string
  /** `host:port` that the node is reached at, or `embedded:…`. */
  readonly address: string
  readonly dataCenter: string
  readonly rack: string
  /** Whether the session has a connection to it, now. */
  readonly isUp: boolean
  /** Requests of the session that the node has not answered, now. */
  readonly inFlightCount: number
  /** Shards of a node of ScyllaDB; `undefined` without shards, or while they are not known. */
  readonly shardCount: number | undefined
}

/** The cluster as a load-balancing policy sees it. It changes when nodes come or go. */
export interface ClusterInfo {
  /** All nodes that the host filter accepts, with a connection or not. */
  readonly nodes: readonly NodeInfo[]
  /** `localDataCenter` of the session, or the data center of the first node that was reached. */
  readonly localDataCenter: string
}

/** A request, as a load-balancing policy sees it. */
export interface RoutedRequest {
  /** Keyspace of its table; `undefined` when it is not known, as for texts without values. */
  readonly keyspace: string | undefined
  readonly table: string | undefined
  /** Whether it runs Paxos: a conditional statement (LWT), or a read with a serial consistency. */
  readonly isConditional: boolean
  readonly consistency: Consistency
  readonly serialConsistency: SerialConsistency
  /** Token of its partition; `undefined` when that is not known. */
  readonly token: bigint | undefined
  /** Replicas of its partition in ring order, those of all data centers; empty when not known. */
  readonly replicas: readonly NodeInfo[]
}

/** Where a request may go: a node, or one of its shards while that has a connection with room. */
export type PlanEntry = NodeInfo | { readonly node: NodeInfo; readonly shard: number }

/** Decides which nodes a request may go to, and in which order they are tried. */
export interface LoadBalancingPolicy {
  /**
   * Called at least once for every attempt, and its plan is read up to the first node with a
   * connection that has room. While requests of the session wait, it is called up to four times for
   * an attempt, and each plan may be read to its end: the nodes in it decide which requests a new
   * one waits behind. It must therefore return the same nodes for the same request, in any order,
   * end, and be cheap. A call that does not return blocks the process.
   *
   * Nodes that it leaves out are not used, not even when all others are down.
   *
   * What it throws, or returns that is no iterable of nodes of `cluster`, fails the request with a
   * `ConfigError`, and so do more than 10,000 entries; a plan without any entry fails it with a
   * `NoNodeAvailableError`.
   */
  plan(request: RoutedRequest, cluster: ClusterInfo): Iterable<PlanEntry>
}

/** A node as the system tables describe it, before anything was sent to it. */
export interface DiscoveredNode {
  readonly hostId: string
  /** Address that the node advertises, `host:port`, before `addressTranslator`. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly dataCenter: string
  readonly rack: string
}

/** Says which nodes a session may connect to. */
export type HostFilter = (node: DiscoveredNode) => boolean
