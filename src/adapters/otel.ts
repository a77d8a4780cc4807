import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ConnectTrace, RequestTrace, Session } from '../index.ts'
import type { OtelApi } from './otel/api.ts'
import { OperationMetrics } from './otel/operation-metrics.ts'
import type { OtelOptions } from './otel/options.ts'
import { Spans } from './otel/spans.ts'

export type { OtelApi } from './otel/api.ts'
export type { OtelOptions } from './otel/options.ts'

export interface TsyllaInstrumentation {
  /**
   * Reports connections, requests that wait or are in flight, retries and speculative executions of
   * a session until it is closed.
   *
   * @param name in `tsylla.session.name`, another one for each open session. Default `default`
   * @returns what ends it earlier; other calls of `observe` for the session stay in effect
   * @throws ConfigError when another open session has that name
   */
  observe(session: Session, name?: string): () => void
  /** Ends all spans and metrics that are made from now on. */
  disable(): void
}

/**
 * Makes spans and metrics of all sessions of the process, named by the semantic conventions of
 * OpenTelemetry for databases. Bound values are in none of them.
 *
 * @param api `import * as api from '@opentelemetry/api'`
 */
export function instrumentTsylla<Context>(
  api: OtelApi<Context>,
  options: OtelOptions = {},
): TsyllaInstrumentation {
  const spans = options.traces === false ? undefined : new Spans(api, options)
  const metrics = options.metrics === false ? undefined : new OperationMetrics(api, options)
  const onStart = (trace: unknown): void => spans?.start(trace as RequestTrace)
  const onEnd = (message: unknown): void => {
    const trace = message as RequestTrace
    spans?.end(trace)
    metrics?.record(trace)
  }
  const onConnected = (trace: unknown): void => metrics?.recordConnect(trace as ConnectTrace)
  subscribe('tracing:tsylla:request:start', onStart)
  subscribe('tracing:tsylla:request:asyncEnd', onEnd)
  subscribe('tracing:tsylla:connect:asyncEnd', onConnected)
  return {
    observe: (session, name = 'default') => metrics?.observer.add(session, name) ?? (() => {}),
    disable: () => {
      unsubscribe('tracing:tsylla:request:start', onStart)
      unsubscribe('tracing:tsylla:request:asyncEnd', onEnd)
      unsubscribe('tracing:tsylla:connect:asyncEnd', onConnected)
      metrics?.observer.close()
    },
  }
}
