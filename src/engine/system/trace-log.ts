import type { Inet, TimeUuid } from '../../types/index.ts'
import type { SystemRow } from './system-row.ts'

/** Maximum traces. Older ones are removed. */
const traceCountMax = 256

/** The rows of `system_traces` for a request. */
export interface Trace {
  readonly sessionId: string
  readonly client: Inet
  readonly coordinator: Inet
  readonly coordinatorPort: number
  readonly request: string
  readonly parameters: ReadonlyMap<string, string>
  readonly startedAtMs: number
  durationMicros: number | undefined
  readonly events: TraceEvent[]
}

export interface TraceEvent {
  readonly id: TimeUuid
  readonly activity: string
  readonly elapsedMicros: number
}

/** The last traced requests. */
export class TraceLog {
  #version = 0
  readonly #traces: Map<string, Trace> = new Map()

  /** Changes whenever the rows do. */
  get version(): number {
    return this.#version
  }

  add(trace: Trace): void {
    this.#traces.set(trace.sessionId, trace)
    this.#version++
    if (this.#traces.size <= traceCountMax) return
    for (const oldest of this.#traces.keys()) {
      this.#traces.delete(oldest)
      return
    }
  }

  /** Records that a request is done. Drivers poll for the duration. */
  finish(trace: Trace, durationMicros: number): void {
    trace.durationMicros = durationMicros
    this.#version++
  }

  *sessionRows(): Generator<SystemRow> {
    for (const trace of this.#traces.values()) {
      yield {
        session_id: trace.sessionId,
        client: trace.client,
        command: 'QUERY',
        coordinator: trace.coordinator,
        coordinator_port: trace.coordinatorPort,
        duration: trace.durationMicros,
        parameters: trace.parameters,
        request: trace.request,
        started_at: new Date(trace.startedAtMs),
      }
    }
  }

  *eventRows(): Generator<SystemRow> {
    for (const trace of this.#traces.values()) {
      for (const event of trace.events) {
        yield {
          session_id: trace.sessionId,
          event_id: event.id,
          activity: event.activity,
          source: trace.coordinator,
          source_elapsed: event.elapsedMicros,
          source_port: trace.coordinatorPort,
          thread: 'tsylla',
        }
      }
    }
  }
}
