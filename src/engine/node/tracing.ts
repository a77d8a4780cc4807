import { type Inet, TimeUuidGenerator } from '../../types/index.ts'
import type { Clock, Runtime } from '../../util/index.ts'
import type { AdvertisedAddress } from '../system/node-identity.ts'
import type { Trace, TraceLog } from '../system/trace-log.ts'

/** Parameters are cut at this length, as in Cassandra. */
const parameterCharsMax = 1_000

/** Records requests with the tracing flag in `system_traces`. */
export class Tracer {
  readonly #log: TraceLog
  readonly #clock: Clock
  readonly #ids: TimeUuidGenerator
  readonly #starts: WeakMap<Trace, number> = new WeakMap()

  constructor(log: TraceLog, runtime: Runtime) {
    const { clock } = runtime
    this.#log = log
    this.#clock = clock
    this.#ids = new TimeUuidGenerator(clock, runtime.randomBytes(8))
  }

  begin(
    request: string,
    client: Inet,
    coordinator: AdvertisedAddress,
    parameters: ReadonlyMap<string, string>,
  ): Trace {
    const cut = [...parameters].map(([name, value]): [string, string] => [name, cutText(value)])
    const trace: Trace = {
      sessionId: this.#ids.next().toString(),
      client,
      coordinator: coordinator.address,
      coordinatorPort: coordinator.port,
      request,
      parameters: new Map(cut),
      startedAtMs: this.#clock.nowMs(),
      durationMicros: undefined,
      events: [],
    }
    this.#starts.set(trace, this.#clock.monotonicMs())
    this.#log.add(trace)
    return trace
  }

  event(trace: Trace, activity: string): void {
    const elapsedMicros = this.#elapsedMicros(trace)
    trace.events.push({ id: this.#ids.next(), activity, elapsedMicros })
  }

  finish(trace: Trace, activity: string): void {
    this.event(trace, activity)
    this.#log.finish(trace, this.#elapsedMicros(trace))
  }

  #elapsedMicros(trace: Trace): number {
    const start = this.#starts.get(trace) ?? this.#clock.monotonicMs()
    return Math.max(0, Math.round((this.#clock.monotonicMs() - start) * 1_000))
  }
}

/** Cuts a long text. What is left is copied: a slice would keep the whole text in memory. */
function cutText(text: string): string {
  if (text.length <= parameterCharsMax) return text
  const left = Buffer.from(text.slice(0, parameterCharsMax), 'utf16le')
  return `${left.toString('utf16le')}...`
}
