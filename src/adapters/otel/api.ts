/** Attributes of spans and metrics. */
export interface OtelAttributes {
  [name: string]: string | number | boolean
}

export interface OtelSpan {
  setAttributes(attributes: OtelAttributes): unknown
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  recordException(exception: Error): void
  end(): void
}

export interface OtelHistogram {
  record(value: number, attributes?: OtelAttributes): void
}

export interface OtelCounter {
  add(value: number, attributes?: OtelAttributes): void
}

interface InstrumentOptions {
  readonly description?: string
  readonly unit?: string
  readonly advice?: { explicitBucketBoundaries?: number[] }
}

/** Takes what is measured when metrics are collected. */
export interface OtelObservation {
  observe(instrument: object, value: number, attributes?: OtelAttributes): void
}

type Observe = (observation: OtelObservation) => void

export interface OtelMeter {
  createHistogram(name: string, options?: InstrumentOptions): OtelHistogram
  createCounter(name: string, options?: InstrumentOptions): OtelCounter
  createObservableCounter(name: string, options?: InstrumentOptions): object
  createObservableUpDownCounter(name: string, options?: InstrumentOptions): object
  addBatchObservableCallback(callback: Observe, instruments: object[]): void
  removeBatchObservableCallback(callback: Observe, instruments: object[]): void
}

interface OtelTracer<Context> {
  startSpan(
    name: string,
    options: { readonly kind: number; readonly attributes: OtelAttributes },
    context: Context,
  ): OtelSpan
}

/** What the adapter uses of the module `@opentelemetry/api`. */
export interface OtelApi<Context> {
  readonly context: { active(): Context }
  readonly trace: {
    getTracer(name: string, version?: string): OtelTracer<Context>
    getSpan(context: Context): object | undefined
  }
  readonly metrics: { getMeter(name: string, version?: string): OtelMeter }
  readonly SpanKind: { readonly CLIENT: number }
  readonly SpanStatusCode: { readonly ERROR: number }
}
