import { ConfigError, type Session, type SessionMetrics } from '../index.ts'
import { type MetricDefinition, metricDefinitions, type Sample } from './prometheus/definitions.ts'
import { ReportedSessions } from './reported-sessions.ts'

/** What the adapter uses of a registry of `prom-client`. */
export interface PrometheusRegistry {
  registerMetric(metric: object): void
  removeSingleMetric(name: string): void
}

export interface TsyllaCollectorOptions {
  /** The default registry: `register` of `prom-client`. */
  readonly registry: PrometheusRegistry
  /** Before all names. Default `tsylla_`. */
  readonly prefix?: string | undefined
  /** Upper bounds of the buckets of durations, in seconds. Default: 0.5 ms … 10 s. */
  readonly buckets?: readonly number[] | undefined
}

/** A metric as a registry keeps it. */
interface RegisteredMetric {
  name: string
  readonly help: string
  readonly type: string
  readonly aggregator: 'sum'
  get(): Promise<object>
  reset(): void
}

const defaultBuckets = [
  ...[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
]

/**
 * Registers metrics of sessions with `prom-client`. They are read from `session.metrics()` when the
 * registry is asked, so that requests pay nothing for them.
 */
export class TsyllaCollector {
  readonly #registry: PrometheusRegistry
  readonly #names: readonly string[]
  readonly #sessions = new ReportedSessions()
  /** Of the collection that is under way: all metrics of one are of the same moment. */
  #snapshots: readonly (readonly [name: string, metrics: SessionMetrics])[] | undefined

  /** @throws ConfigError */
  constructor({ registry, prefix = 'tsylla_', buckets = defaultBuckets }: TsyllaCollectorOptions) {
    if (typeof registry?.registerMetric !== 'function') {
      throw new ConfigError('registry must be a registry of prom-client: its export register')
    }
    const isAscending = buckets.every((bound, i) => bound > (buckets[i - 1] ?? 0))
    if (!isAscending) throw new ConfigError('buckets must be positive numbers in ascending order')
    this.#registry = registry
    const definitions = metricDefinitions(buckets)
    this.#names = definitions.map(({ name }) => `${prefix}${name}`)
    for (const one of definitions) registry.registerMetric(this.#metric(prefix, one))
  }

  /**
   * Reports a session until it is closed.
   *
   * @param name label `session`. Default `default`
   * @returns what ends it earlier; other calls of `add` for the session stay in effect
   * @throws ConfigError when another open session has that name
   */
  add(session: Session, name = 'default'): () => void {
    return this.#sessions.add(session, name)
  }

  /** Removes the metrics from the registry. */
  close(): void {
    this.#sessions.clear()
    for (const name of this.#names) this.#registry.removeSingleMetric(name)
  }

  /** A metric as `prom-client` asks it. */
  #metric(prefix: string, definition: MetricDefinition): RegisteredMetric {
    const { help, type } = definition
    const get = async (name: string): Promise<object> => ({
      ...{ name, help, type, aggregator: 'sum' },
      values: this.#samples(definition).map(({ suffix, ...sample }) =>
        suffix === undefined ? sample : { ...sample, metricName: `${name}${suffix}` },
      ),
    })
    return {
      // For OpenMetrics the registry changes the names of counters.
      name: `${prefix}${definition.name}`,
      help,
      type,
      aggregator: 'sum',
      get() {
        return get(this.name)
      },
      // The sessions go on counting.
      reset: () => {},
    }
  }

  #samples(definition: MetricDefinition): readonly Sample[] {
    this.#snapshots ??= this.#takeSnapshots()
    return this.#snapshots.flatMap(([name, metrics]) => definition.collect(metrics, name))
  }

  #takeSnapshots(): readonly (readonly [name: string, metrics: SessionMetrics])[] {
    // The registry asks all metrics at once.
    void Promise.resolve().then(() => {
      this.#snapshots = undefined
    })
    return this.#sessions.open().map(([name, session]) => [name, session.metrics()] as const)
  }
}
