import { type RequestTrace, version } from '../../index.ts'
import type { OtelApi, OtelSpan } from './api.ts'
import { commonAttributes, endAttributes, startAttributes } from './attributes.ts'
import type { OtelOptions } from './options.ts'

/** One span per call of a session, with all its attempts and pages. */
export class Spans<Context> {
  readonly #api: OtelApi<Context>
  readonly #options: OtelOptions
  readonly #open = new WeakMap<RequestTrace, OtelSpan>()

  constructor(api: OtelApi<Context>, options: OtelOptions) {
    this.#api = api
    this.#options = options
  }

  start(trace: RequestTrace): void {
    const { context, trace: traces, SpanKind } = this.#api
    const { requireParent = false, systemName, queryText = true } = this.#options
    const parent = context.active()
    if (requireParent && traces.getSpan(parent) === undefined) return
    const common = commonAttributes(trace, systemName)
    const attributes = { ...common, ...startAttributes(trace, queryText) }
    const name = trace.summary === '' ? String(common['db.system.name']) : trace.summary
    // The provider may be set after this adapter, so the tracer is asked for each time.
    const tracer = traces.getTracer('tsylla', version)
    this.#open.set(trace, tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent))
  }

  end(trace: RequestTrace): void {
    const span = this.#open.get(trace)
    if (span === undefined) return
    this.#open.delete(trace)
    span.setAttributes(endAttributes(trace))
    const { error } = trace
    if (error instanceof Error) {
      span.recordException(error)
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: error.message })
    }
    span.end()
  }
}
