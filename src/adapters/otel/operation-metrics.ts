import { type ConnectTrace, type RequestTrace, version } from '../../index.ts'
import type { OtelApi, OtelCounter, OtelHistogram } from './api.ts'
import {
  addressAttributes,
  commonAttributes,
  errorAttributes,
  poolAttributes,
  returnedRows,
} from './attributes.ts'
import type { OtelOptions } from './options.ts'
import { SessionObserver } from './session-observer.ts'

const durationBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const rowBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]

/** Metrics of calls and connections. */
export class OperationMetrics {
  readonly observer: SessionObserver
  readonly #systemName: string | undefined
  readonly #duration: OtelHistogram
  readonly #rows: OtelHistogram
  readonly #createTime: OtelHistogram
  readonly #timeouts: OtelCounter

  constructor(api: Pick<OtelApi<never>, 'metrics'>, { systemName }: OtelOptions) {
    const meter = api.metrics.getMeter('tsylla', version)
    const advice = { explicitBucketBoundaries: durationBounds }
    this.observer = new SessionObserver(meter)
    this.#systemName = systemName
    this.#duration = meter.createHistogram('db.client.operation.duration', {
      ...{ unit: 's', advice, description: 'Duration of database client operations' },
    })
    this.#rows = meter.createHistogram('db.client.response.returned_rows', {
      ...{ unit: '{row}', advice: { explicitBucketBoundaries: rowBounds } },
      description: 'Rows returned by an operation',
    })
    this.#createTime = meter.createHistogram('db.client.connection.create_time', {
      ...{ unit: 's', advice, description: 'Time until a new connection is ready' },
    })
    this.#timeouts = meter.createCounter('db.client.connection.timeouts', {
      ...{ unit: '{timeout}', description: 'Requests that got no connection by their deadline' },
    })
  }

  record(trace: RequestTrace): void {
    const failure = errorAttributes(trace)
    const attributes = { ...commonAttributes(trace, this.#systemName), ...failure }
    if (trace.durationMs !== undefined) this.#duration.record(trace.durationMs / 1_000, attributes)
    const rows = returnedRows(trace)
    if (rows !== undefined) this.#rows.record(rows, attributes)
    const isTimeout = failure['error.type'] === 'TSYLLA_REQUEST_TIMEOUT'
    if (isTimeout && trace.attemptCount === 0) {
      this.#timeouts.add(1, poolAttributes(trace.server))
    }
  }

  recordConnect({ node, server, durationMs, error }: ConnectTrace): void {
    if (durationMs === undefined || error !== undefined) return
    const peer = addressAttributes('network.peer', node)
    this.#createTime.record(durationMs / 1_000, { ...poolAttributes(server), ...peer })
  }
}
