import { type Cluster, runOnAnyNode, selectAll } from '../../cluster/index.ts'
import { ConfigError, TraceError, TsyllaError } from '../../errors/index.ts'
import { defaultRetryPolicy } from '../../policies/index.ts'
import type { DeadlineTimer } from '../../transport/index.ts'
import {
  Inet,
  type QueryTrace,
  type QueryTraceEvent,
  type TraceOptions,
} from '../../types/index.ts'
import { sleep } from '../../util/index.ts'
import { awaitWithin } from '../execution/await-within.ts'
import { milliseconds } from '../options.ts'

export interface TraceSource {
  readonly cluster: Cluster
  readonly deadlineTimer: DeadlineTimer
}

type TraceRow = ReadonlyMap<string, unknown>

const timeoutMsDefault = 5_000
/** Pause between two looks at the trace: from the first to the longest, doubled each time. */
const pauseMsMin = 5
const pauseMsMax = 250

/**
 * Reads a trace, at consistency ONE. The servers write it in the background, and the duration last:
 * it is looked for again and again until the duration is there.
 *
 * @throws ConfigError, AbortedError; TraceError when the trace is not complete in time; otherwise
 *   what reading fails with
 */
export async function readTrace(
  source: TraceSource,
  id: string,
  { timeoutMs = timeoutMsDefault, signal }: TraceOptions,
): Promise<QueryTrace> {
  milliseconds('timeoutMs', timeoutMs)
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ConfigError('signal must be an AbortSignal')
  }
  const polling = new TracePolling(source, id, timeoutMs, signal)
  const { clock } = source.deadlineTimer
  const timeoutError = (): TsyllaError => polling.incompleteError()
  const limits = { clock, signal, timeoutMs, leftMs: timeoutMs, timeoutError }
  return await awaitWithin(() => polling.run(), { ...limits, outcome: 'not_applied' })
}

class TracePolling {
  readonly #source: TraceSource
  readonly #id: string
  readonly #timeoutMs: number
  readonly #signal: AbortSignal | undefined
  readonly #endMs: number
  #wasFound = false

  constructor(source: TraceSource, id: string, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#source = source
    this.#id = id
    this.#timeoutMs = timeoutMs
    this.#signal = signal
    this.#endMs = source.deadlineTimer.nowMs() + timeoutMs
  }

  get #leftMs(): number {
    return this.#endMs - this.#source.deadlineTimer.nowMs()
  }

  incompleteError(cause?: unknown): TraceError {
    return new TraceError(this.#id, this.#timeoutMs, this.#wasFound, { cause })
  }

  async run(): Promise<QueryTrace> {
    const session = await this.#completeSession()
    const events = await this.#select('events')
    return traceOf(this.#id, session, events)
  }

  async #completeSession(): Promise<TraceRow> {
    const { clock } = this.#source.deadlineTimer
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      const [row] = await this.#select('sessions')
      this.#wasFound = row !== undefined
      if (typeof row?.get('duration') === 'number') return row
      const leftMs = this.#leftMs
      if (leftMs > 0) await sleep(clock, Math.min(pauseMs, leftMs), this.#signal)
      // The caller has its AbortedError already.
      if (leftMs <= 0 || this.#signal?.aborted === true) throw this.incompleteError()
    }
  }

  async #select(table: 'sessions' | 'events'): Promise<readonly TraceRow[]> {
    const { cluster, deadlineTimer } = this.#source
    const text = `SELECT * FROM system_traces.${table} WHERE session_id = ${this.#id}`
    const limits = { cluster, deadlineTimer, timeoutMs: Math.max(1, this.#leftMs) }
    try {
      return await runOnAnyNode(
        { ...limits, retry: defaultRetryPolicy },
        async (connection, timeoutMs) =>
          await selectAll(connection, text, { deadlineTimer, timeoutMs }),
      )
    } catch (error) {
      const isLate = TsyllaError.is(error) && error.code === 'TSYLLA_REQUEST_TIMEOUT'
      throw isLate ? this.incompleteError(error) : error
    }
  }
}

function traceOf(id: string, session: TraceRow, events: readonly TraceRow[]): QueryTrace {
  return {
    id,
    coordinator: textIn(session, 'coordinator') ?? '',
    durationUs: session.get('duration') as number,
    startedAt: session.get('started_at') as Date,
    parameters: (session.get('parameters') ?? new Map()) as ReadonlyMap<string, string>,
    request: textIn(session, 'request') ?? '',
    client: textIn(session, 'client'),
    events: events.map(eventOf),
  }
}

function eventOf(row: TraceRow): QueryTraceEvent {
  const elapsedUs = row.get('source_elapsed')
  return {
    activity: textIn(row, 'activity') ?? '',
    source: textIn(row, 'source') ?? '',
    sourceElapsedUs: typeof elapsedUs === 'number' ? elapsedUs : undefined,
    thread: textIn(row, 'thread'),
  }
}

/** Returns a column of type text or inet. */
function textIn(row: TraceRow, column: string): string | undefined {
  const value = row.get(column)
  if (value instanceof Inet) return value.toString()
  return typeof value === 'string' ? value : undefined
}
