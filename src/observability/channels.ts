import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { Consistency } from '../errors/index.ts'
import type { ExecuteOptions, NodeInfo, Result } from '../types/index.ts'
import type { Clock } from '../util/index.ts'

/**
 * What subscribers of `tsylla:request` receive: one object per call of a session, from its start
 * until it is settled, all attempts and pages included. Values of statements are in none of them.
 */
export interface RequestTrace {
  readonly verb: 'execute' | 'executePrepared' | 'batch' | 'page' | 'prepare'
  /** The CQL text; `undefined` for a batch. It contains the literals that the caller wrote. */
  readonly text: string | undefined
  /** Statements of a batch; 1 otherwise. */
  readonly statementCount: number
  /** Keyspace that the call has chosen, or else that of the session, which `USE` changes. */
  readonly keyspace: string | undefined
  /** Options of this call; those of the statement and the session are not merged in. */
  readonly options: ExecuteOptions | undefined
  /**
   * `SELECT`, `CREATE TABLE`, `BATCH` or, when all statements of a batch are alike, `BATCH INSERT`;
   * `undefined` for a text that begins with no word.
   */
  readonly operation: string | undefined
  /** The table, when all statements are about the same; `undefined` for definitions. */
  readonly table: string | undefined
  /** A name for such calls, at most 255 characters: `SELECT app.users`. */
  readonly summary: string
  /** The texts with `?` instead of literals and without comments, cut beyond 2,000 characters. */
  readonly parameterizedText: string
  /** `scylladb` when a node offers extensions of ScyllaDB; the embedded engine is `cassandra`. */
  readonly system: 'scylladb' | 'cassandra'
  /** The first contact point of the session: `host:port`, or `embedded:` with its path. */
  readonly server: string
  /** From the call to its end, in milliseconds; set when it has ended. */
  durationMs?: number
  /**
   * The node that answered, or was sent the last attempt; `undefined` when there was none. This and
   * what follows is set when a request has ended: never for `prepare`, nor for a call that has
   * failed before there was a request.
   */
  node?: NodeInfo | undefined
  /** How often the request was sent, over all its pages. */
  attemptCount?: number
  /** Attempts among them that were sent while another one was in flight. */
  speculativeExecutionCount?: number
  consistency?: Consistency
  /** Rows per page. */
  pageSize?: number
  isIdempotent?: boolean
  /** Set when the call has succeeded; for `prepare` the prepared statement. */
  result?: Result | undefined
  /** Set when the call has failed: a `TsyllaError` with `attempts` and `outcome`. */
  error?: unknown
}

/** What subscribers of `tsylla:connect` receive: one object per connection that is opened. */
export interface ConnectTrace {
  /** `host:port`, or `embedded:` with its path. */
  readonly node: string
  /** The first contact point of the session: `host:port`, or `embedded:` with its path. */
  readonly server: string
  /** Milliseconds until it was ready, or given up; set then. */
  durationMs?: number
  /** Set when the connection could not be opened: a `TsyllaError`. */
  error?: unknown
}

/** What subscribers of `tsylla:prepare` receive: one object per PREPARE that a node is sent. */
export interface PrepareTrace {
  /** `host:port`, or `embedded:` with its path. */
  readonly node: string
  /** The CQL text. */
  readonly text: string
  /** Keyspace of the session. */
  readonly keyspace: string | undefined
  /** Milliseconds until the node has answered; set then. */
  durationMs?: number
  /** Set when the node has refused the statement or has not answered: a `TsyllaError`. */
  error?: unknown
}

/** What subscribers of `tsylla:warning` receive: what costs speed, and fails no request. */
export interface WarningTrace {
  /** `host:port`, or `embedded:` with its path. */
  readonly node: string
  readonly message: string
}

/**
 * The channels of `node:diagnostics_channel` that tsylla publishes to. Each is a tracing channel:
 * `tracing:tsylla:request:start`, `…:end`, `…:asyncStart`, `…:asyncEnd` and `…:error`.
 */
export const requestChannel: TracingChannel<unknown, RequestTrace> =
  tracingChannel('tsylla:request')
export const connectChannel: TracingChannel<unknown, ConnectTrace> =
  tracingChannel('tsylla:connect')
export const prepareChannel: TracingChannel<unknown, PrepareTrace> =
  tracingChannel('tsylla:prepare')

const warningChannel = channel('tsylla:warning')

/** Publishes a warning about a node to `tsylla:warning`. */
export function warn(node: string, message: string): void {
  const warning: WarningTrace = { node, message }
  if (warningChannel.hasSubscribers) warningChannel.publish(warning)
}

/**
 * Whether anything subscribes to a channel. Asks each of its five channels, because Bun leaves
 * `hasSubscribers` of a tracing channel undefined, and subscribers may want the end or the error
 * only.
 */
export function isObserved<Trace extends object>(channel: TracingChannel<unknown, Trace>): boolean {
  const { start, end, asyncStart, asyncEnd, error } = channel
  return (
    start.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers
  )
}

/**
 * Runs `work`, and publishes its start and its end when the channel has subscribers. Otherwise the
 * trace is not made.
 */
export function traced<T, Trace extends { durationMs?: number }>(
  channel: TracingChannel<unknown, Trace>,
  clock: Pick<Clock, 'monotonicMs'>,
  trace: () => NoInfer<Trace>,
  work: (trace?: Trace) => Promise<T>,
): Promise<T> {
  if (!isObserved(channel)) return work()
  const own = trace()
  return channel.tracePromise(() => {
    const startedMs = clock.monotonicMs()
    const promise = work(own)
    const onEnd = (): void => {
      if (Object.isExtensible(own)) own.durationMs = clock.monotonicMs() - startedMs
    }
    promise.then(onEnd, onEnd)
    return promise
  }, own)
}
