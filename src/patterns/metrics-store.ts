import { channel } from 'node:diagnostics_channel'
import { AbortedError, ConfigError } from '../errors/index.ts'
import {
  asyncRows,
  type AsyncRows,
  checkExclusive,
  checkInteger,
  checkOptions,
  checkTableName,
  checkText,
  checkTtl,
  createTables,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  timeoutOf,
  type TimeSpan,
  toDate,
  toSeconds,
  ttlSecondsMaxAt,
} from '../kernel/index.ts'
import {
  type ExecuteOptions,
  type Executor,
  type Page,
  randomUuid,
  runtimeOf,
} from '../types/index.ts'
import type { Clock, Runtime } from '../util/index.ts'

export interface MetricsStoreOptions {
  /**
   * How long points are kept, counted from their own time; whole seconds, rounded up. Default
   * `'7d'`.
   */
  readonly retention?: TimeSpan | undefined
  /** The same in seconds. */
  readonly retentionSeconds?: number | undefined
  /** Time span of one partition, in UTC; whole seconds, rounded up. Default `'1d'`. */
  readonly bucket?: TimeSpan | undefined
  /** The same in seconds. */
  readonly bucketSeconds?: number | undefined
  /** Buckets a query reads at the same time. Default 4. */
  readonly parallelBuckets?: number | undefined
  /** Time that a write, or the read of a page, may take. Default: that of the executor. */
  readonly timeout?: TimeSpan | undefined
  /** Default `metrics`. */
  readonly table?: string | undefined
  readonly clock?: Clock | undefined
}

export interface QueryOptions {
  /** Stops the query when it fires: the iteration rejects with `AbortedError`. */
  readonly signal?: AbortSignal | undefined
  /** Points to return at most. Default: all. */
  readonly limit?: number | undefined
}

/** One recorded value. */
export interface MetricPoint {
  readonly ts: Date
  readonly value: number
  readonly tags: ReadonlyMap<string, string>
}

/** What subscribers of the channel `tsylla:metrics` of `node:diagnostics_channel` receive. */
export interface MetricsEvent {
  readonly type: 'recorded' | 'failed'
  readonly metric: string
}

/** What `stats` returns: what this object has done. */
export interface MetricsStoreStats {
  /** Points that were stored. */
  readonly recorded: number
  /** Points whose write has failed; they may be stored when its outcome is unknown. */
  readonly failed: number
  /** Points that queries have returned. */
  readonly read: number
}

const events = channel('tsylla:metrics')
/** A partition key of 65,535 bytes, less that of the bucket and what is around both. */
const metricBytesMax = 65_521
const tagBytesMax = 65_535
const retentionSecondsDefault = 604_800
const bucketSecondsDefault = 86_400
/** Rows per page of a query: with {@link MetricsStoreOptions.parallelBuckets} it bounds memory. */
const pageRows = 1_000
/** Partitions that one query reads at most: a wider range would take minutes. */
const queryBucketCountMax = 10_000

/**
 * Time series in partitions of one metric and one time span. Every point has an id, so that several
 * points may have the same millisecond, and a repeated write stays one point.
 */
export class MetricsStore {
  readonly #executor: Executor
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #tableName: string
  readonly #table: string
  readonly #retentionSeconds: number
  readonly #bucketMs: number
  readonly #parallelBuckets: number
  readonly #timeoutMs: number | undefined
  readonly #stats = { recorded: 0, failed: 0, read: 0 }

  constructor(executor: Executor, options: MetricsStoreOptions = {}) {
    checkOptions('MetricsStore', options, {
      ...{ retention: true, retentionSeconds: true, bucket: true, bucketSeconds: true },
      ...{ parallelBuckets: true, timeout: true, table: true, clock: true },
    })
    checkExclusive(options, 'retention', 'retentionSeconds')
    checkExclusive(options, 'bucket', 'bucketSeconds')
    const { retentionSeconds = retentionSecondsDefault, bucketSeconds = bucketSecondsDefault } =
      options
    this.#executor = executor
    this.#runtime = runtimeOf(executor)
    this.#runner = new PreparedStatementRunner(executor)
    this.#clock = options.clock ?? this.#runtime.clock
    this.#tableName = checkTableName(options.table ?? 'metrics')
    this.#table = tableText(this.#tableName)
    const secondsOf = (name: string, span: TimeSpan | undefined, seconds: number): number =>
      span === undefined
        ? checkTtl(`${name}Seconds`, seconds, this.#clock)
        : toSeconds(name, span, 1, ttlSecondsMaxAt(this.#clock))
    this.#retentionSeconds = secondsOf('retention', options.retention, retentionSeconds)
    this.#bucketMs = secondsOf('bucket', options.bucket, bucketSeconds) * 1_000
    this.#parallelBuckets = checkInteger('parallelBuckets', options.parallelBuckets ?? 4, 1, 1_024)
    const { timeout } = options
    this.#timeoutMs = timeout === undefined ? undefined : timeoutOf({ timeout }, 0)
  }

  /** CQL of the table. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [
      {
        name: this.#tableName,
        columns: {
          name: 'text',
          bucket: 'bigint',
          ts: 'timestamp',
          id: 'uuid',
          value: 'double',
          tags: 'frozen<map<text, text>>',
        },
        partitionKey: ['name', 'bucket'],
        clusteringKey: { ts: 'asc', id: 'asc' },
        writes: 'plain',
        ttlSeconds: this.#retentionSeconds,
        compaction: 'time-window',
      },
    ]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Stores one point.
   *
   * @param value a finite number: sums and averages over NaN or Infinity have no value
   * @param tags default, and what `null` means: none
   * @param at its time; default now. A point further from now than the retention, either way, is
   *   refused, because no query would return it
   * @throws ConfigError when an argument is refused; nothing is stored
   */
  async record(
    metric: string,
    value: number,
    tags: Readonly<Record<string, string>> | ReadonlyMap<string, string> | null = null,
    at?: Date,
  ): Promise<void> {
    checkText('metric', metric, metricBytesMax)
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      const given = typeof value === 'number' ? String(value) : typeof value
      throw new ConfigError(`value must be a finite number, not ${given}`)
    }
    const tagMap = toTagMap(tags)
    const nowMs = this.#clock.nowMs()
    const tsMs = at === undefined ? nowMs : checkDate('at', at)
    const ttlSeconds = this.#retentionSeconds - Math.floor((nowMs - tsMs) / 1000)
    if (ttlSeconds < 1) {
      throw new ConfigError(`The point is older than the retention of ${this.#retentionSeconds} s`)
    }
    if (tsMs > this.#latestMs()) {
      throw new ConfigError(
        `The point is further ahead than the retention of ${this.#retentionSeconds} s`,
      )
    }
    await this.#write(metric, tsMs, value, tagMap, ttlSeconds)
  }

  async #write(
    metric: string,
    tsMs: number,
    value: number,
    tags: ReadonlyMap<string, string>,
    ttlSeconds: number,
  ): Promise<void> {
    const id = randomUuid(this.#runtime)
    const ttl = Math.min(ttlSeconds, ttlSecondsMaxAt(this.#clock))
    try {
      await this.#runner.run(
        `INSERT INTO ${this.#table} (name, bucket, ts, id, value, tags) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?`,
        [metric, this.#bucketOf(tsMs), new Date(tsMs), id, value, tags, ttl],
        { timeout: this.#timeoutMs },
      )
    } catch (error) {
      this.#count({ type: 'failed', metric })
      throw error
    }
    this.#count({ type: 'recorded', metric })
  }

  #count(event: MetricsEvent): void {
    this.#stats[event.type]++
    if (events.hasSubscribers) events.publish(event)
  }

  /** Counts what this object has done. */
  stats(): MetricsStoreStats {
    return { ...this.#stats }
  }

  /**
   * Points from `from` to `to`, both included, in order of time; fetched as they are consumed.
   * Leaving the loop stops the query.
   *
   * @throws ConfigError when the part of the range that can hold points has more than 10,000
   *   buckets
   */
  query(metric: string, from: Date, to: Date, options: QueryOptions = {}): AsyncRows<MetricPoint> {
    checkText('metric', metric, metricBytesMax)
    checkOptions('query', options, { signal: true, limit: true })
    const { signal, limit = Number.MAX_SAFE_INTEGER } = options
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    const toMs = checkDate('to', to)
    const fromMs = checkDate('from', from)
    if (fromMs > toMs) throw new ConfigError('from is later than to')
    // What is older has expired, so buckets before that are not even asked for.
    const oldestMs = Math.max(fromMs, this.#clock.nowMs() - this.#retentionSeconds * 1000)
    const latestMs = Math.min(toMs, this.#latestMs())
    this.#checkBucketCount(oldestMs, latestMs)
    return asyncRows(() => this.#read(metric, oldestMs, latestMs, limit, signal))
  }

  #checkBucketCount(fromMs: number, toMs: number): void {
    const count = Math.floor(toMs / this.#bucketMs) - Math.floor(fromMs / this.#bucketMs) + 1
    if (count <= queryBucketCountMax) return
    throw new ConfigError(
      `The range from ${isoText(fromMs)} to ${isoText(toMs)} has ${count} buckets of ${this.#bucketMs / 1000} s, and a query reads at most ${queryBucketCountMax}: query a narrower range, or store the metric with a larger bucket`,
    )
  }

  /** No point is later, so a range without an end does not read empty buckets for ever. */
  #latestMs(): number {
    return this.#clock.nowMs() + this.#retentionSeconds * 1000
  }

  async *#read(
    metric: string,
    fromMs: number,
    toMs: number,
    limit: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MetricPoint> {
    const text = `SELECT ts, value, tags FROM ${this.#table} WHERE name = ? AND bucket = ? AND ts >= ? AND ts <= ?`
    const last = Math.floor(toMs / this.#bucketMs)
    let next = Math.floor(fromMs / this.#bucketMs)
    let left = limit
    const ahead: BucketRead[] = []
    const options = { pageSize: pageRows, signal, timeout: this.#timeoutMs }
    const startMore = (): void => {
      for (; next <= last && ahead.length < this.#parallelBuckets; next++) {
        const values = [metric, BigInt(next), new Date(fromMs), new Date(toMs)]
        ahead.push(new BucketRead(this.#runner, text, values, options))
      }
    }
    for (startMore(); ahead.length > 0; startMore()) {
      for await (const point of ahead.shift()!.points()) {
        // Pages that were fetched before the abort are not returned either.
        if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
        this.#stats.read++
        yield point
        if (--left === 0) return
      }
    }
  }

  #bucketOf(tsMs: number): bigint {
    return BigInt(Math.floor(tsMs / this.#bucketMs))
  }
}

/** A row of a point. */
interface PointRow {
  readonly ts: Date | bigint
  readonly value: number
  readonly tags: ReadonlyMap<string, string> | null
}

/** One partition being read: its first page is fetched from the start, the others on demand. */
class BucketRead {
  readonly #runner: PreparedStatementRunner
  readonly #text: string
  readonly #values: readonly unknown[]
  readonly #options: ExecuteOptions
  readonly #firstPage: Promise<Page<PointRow>>

  constructor(
    runner: PreparedStatementRunner,
    text: string,
    values: readonly unknown[],
    options: ExecuteOptions,
  ) {
    this.#runner = runner
    this.#text = text
    this.#values = values
    this.#options = options
    this.#firstPage = this.#read(undefined)
    // A partition that fails before its turn reports the failure when its turn comes.
    this.#firstPage.catch(() => {})
  }

  #read(pagingState: Uint8Array | undefined): Promise<Page<PointRow>> {
    const options = { ...this.#options, pagingState }
    return this.#runner.page<PointRow>(this.#text, this.#values, options)
  }

  async *points(): AsyncGenerator<MetricPoint> {
    for (let page = await this.#firstPage; ; ) {
      for (const { ts, value, tags } of page) {
        yield { ts: toDate(ts), value, tags: tags ?? new Map() }
      }
      const { pagingState } = page
      if (pagingState === undefined) return
      page = await this.#read(pagingState)
    }
  }
}

function toTagMap(
  tags: Readonly<Record<string, string>> | ReadonlyMap<string, string> | null,
): ReadonlyMap<string, string> {
  if (tags === null) return new Map()
  if (typeof tags !== 'object' || Array.isArray(tags)) {
    throw new ConfigError('tags must be an object or a Map of texts by name')
  }
  const tagMap: ReadonlyMap<string, string> =
    tags instanceof Map ? tags : new Map(Object.entries(tags))
  for (const [name, value] of tagMap) {
    checkText('The name of a tag', name, tagBytesMax)
    // A tag may have no value.
    if (value !== '') checkText('The value of a tag', value, tagBytesMax)
  }
  return tagMap
}

function isoText(ms: number): string {
  return new Date(ms).toISOString()
}

function checkDate(name: string, value: Date): number {
  const ms = value instanceof Date ? value.getTime() : Number.NaN
  if (Number.isNaN(ms)) throw new ConfigError(`${name} is a valid Date`)
  return ms
}
