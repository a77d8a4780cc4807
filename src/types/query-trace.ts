/** Options of `result.trace()`. */
export interface TraceOptions {
  /**
   * Milliseconds to wait until the servers have written the trace, which they do in the background.
   * Default 5,000.
   */
  readonly timeoutMs?: number | undefined
  /** Aborts waiting. */
  readonly signal?: AbortSignal | undefined
}

/** Something that a node did for a request. */
export interface QueryTraceEvent {
  /** What was done, in the words of the server. */
  readonly activity: string
  /** IP address of the node. */
  readonly source: string
  /** Microseconds since the node has begun with the request; `undefined` if it did not say. */
  readonly sourceElapsedUs: number | undefined
  /** Thread of the node; `undefined` if it did not say. */
  readonly thread: string | undefined
}

/** The trace of a request, as the servers have written it to `system_traces`. */
export interface QueryTrace {
  /** UUID of the trace: `result.tracingId()`. */
  readonly id: string
  /** IP address of the node that the request was sent to. */
  readonly coordinator: string
  /** Microseconds that the coordinator has taken. */
  readonly durationUs: number
  readonly startedAt: Date
  /** What the coordinator says about the request: consistency, page size, query, … */
  readonly parameters: ReadonlyMap<string, string>
  /** Kind of request, in the words of the server. */
  readonly request: string
  /** IP address of the client; `undefined` when the server does not say. */
  readonly client: string | undefined
  /** In the order in which they were written. */
  readonly events: readonly QueryTraceEvent[]
}
