import { channel } from 'node:diagnostics_channel'
import {
  ConcurrencyConflictError,
  RequestTimeoutError,
  type SerialConsistency,
} from '../errors/index.ts'
import {
  asyncRows,
  type AsyncRows,
  Backoff,
  checkInteger,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  createTables,
  KeyedQueue,
  LruMap,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  timeoutOf,
  type TimeSpan,
  toDate,
  LwtRetry,
} from '../kernel/index.ts'
import {
  batchStatementCountMax,
  type BindValues,
  type Executor,
  randomUuid,
  runtimeOf,
} from '../types/index.ts'
import type { Clock, RandomSource } from '../util/index.ts'
import {
  checkStreamId,
  checkVersion,
  type Commit,
  type NewEvent,
  type StoredEvent,
  type CommitRules,
  toCommit,
} from './event-commit.ts'

export interface EventStoreOptions {
  /** Time that an append may take, PREPARE and retries included. Default `'10s'`. */
  readonly timeout?: TimeSpan | undefined
  /** The same in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Events one append takes at most. Default 1,000. */
  readonly appendCountMax?: number | undefined
  /** Default `events`. */
  readonly table?: string | undefined
  /**
   * Where appends are ordered: per data center, or over all of them. All stores on a table must use
   * the same. Default `LOCAL_SERIAL`.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface AppendOptions {
  /** Version the stream must have; 0: it must be empty. Default: the events go to the end. */
  readonly expectedVersion?: number | undefined
  /**
   * Id of the append, a UUID: repeating an append of the same id at the same `expectedVersion`,
   * which it needs, returns the version that the first one reached. Use it to repeat an append
   * whose outcome is unknown, also after a restart. Default: a random one.
   */
  readonly commitId?: string | undefined
}

export interface ReadOptions {
  /** Only events after this version. Default 0. */
  readonly fromVersion?: number | undefined
}

/** What subscribers of the channel `tsylla:event-store` of `node:diagnostics_channel` receive. */
export interface AppendEvent {
  readonly type: 'appended' | 'conflict' | 'failed'
  readonly streamId: string
  /** Events of the append. */
  readonly count: number
}

/** What `stats` returns: what this object has done. */
export interface EventStoreStats {
  /** Appends that are in their streams. */
  readonly appends: number
  /** Events of these appends. */
  readonly events: number
  /** Appends that expected another version. */
  readonly conflicts: number
  /** Appends that failed otherwise; they may be in their streams when the outcome is unknown. */
  readonly failed: number
  /** Events that were read. */
  readonly read: number
}

const appends = channel('tsylla:event-store')

interface EventRow {
  readonly version: bigint | number | string
  readonly type: string
  readonly data: string
  readonly ts: Date | bigint
}

/** State that all stores of this process on one table share. */
interface Streams {
  readonly queue: KeyedQueue
  /** Last versions; a wrong one only costs a round trip. */
  readonly heads: LruMap<string, number>
}

/** Streams whose last version is remembered. */
const headCountMax = 10_000

/**
 * Streams of events, one partition each. An append of one or many events is one conditional batch:
 * it is applied whole or not at all, versions are 1 … n, and of two appends that expect the same
 * version one fails. An append whose answer was lost is looked up by its commit id, so it never
 * conflicts with itself.
 */
export class EventStore {
  readonly #executor: Executor
  readonly #runner: PreparedStatementRunner
  readonly #tableName: string
  readonly #table: string
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #timeoutMs: number
  readonly #commitRules: CommitRules
  readonly #stats = { appends: 0, events: 0, conflicts: 0, failed: 0, read: 0 }

  constructor(executor: Executor, options: EventStoreOptions = {}) {
    checkOptions('EventStore', options, {
      ...{ timeout: true, timeoutMs: true, appendCountMax: true, table: true },
      ...{ serialConsistency: true, clock: true, random: true },
    })
    this.#executor = executor
    const runtime = runtimeOf(executor)
    this.#clock = options.clock ?? runtime.clock
    const serialConsistency = checkSerialLevel(options.serialConsistency)
    this.#runner = new PreparedStatementRunner(executor, { serialConsistency, clock: this.#clock })
    this.#tableName = checkTableName(options.table ?? 'events')
    this.#table = tableText(this.#tableName)
    this.#random = options.random ?? runtime.random
    this.#timeoutMs = timeoutOf(options, 10_000)
    const { appendCountMax = 1_000 } = options
    // One statement more advances the head.
    const countMax = batchStatementCountMax - 1
    this.#commitRules = {
      appendCountMax: checkInteger('appendCountMax', appendCountMax, 1, countMax),
      newCommitId: () => randomUuid(runtime).text,
    }
  }

  /** CQL of the table, which is written by conditional batches only. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. It is written by conditional batches only. */
  tableDefinitions(): readonly TableDefinition[] {
    return [
      {
        name: this.#tableName,
        columns: {
          stream_id: 'text',
          version: 'bigint',
          head: 'bigint static',
          commit_id: 'uuid',
          type: 'text',
          data: 'text',
          ts: 'timestamp',
        },
        partitionKey: ['stream_id'],
        clusteringKey: { version: 'asc' },
        writes: 'conditional',
      },
    ]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Appends one event.
   *
   * @param data anything that JSON restores; dates and values of CQL types become text, and a
   *   property that is `undefined` is left out. Everything else is refused
   * @returns its version
   */
  append(streamId: string, type: string, data: unknown, options?: AppendOptions): Promise<number>
  /** Appends several events at once, all or none. @returns the version of the last */
  append(streamId: string, events: readonly NewEvent[], options?: AppendOptions): Promise<number>
  async append(
    streamId: string,
    typeOrEvents: string | readonly NewEvent[],
    dataOrOptions?: unknown,
    optionsOfOne?: AppendOptions,
  ): Promise<number> {
    const isOne = typeof typeOrEvents === 'string'
    const events = isOne ? [{ type: typeOrEvents, data: dataOrOptions }] : typeOrEvents
    const options = (isOne ? optionsOfOne : (dataOrOptions as AppendOptions | undefined)) ?? {}
    checkOptions('append', options, { expectedVersion: true, commitId: true })
    const { expectedVersion } = options
    const commit = toCommit(streamId, events, this.#commitRules, options)
    try {
      const version = await this.#append(commit, expectedVersion)
      this.#count('appended', commit)
      return version
    } catch (error) {
      this.#count(error instanceof ConcurrencyConflictError ? 'conflict' : 'failed', commit)
      throw error
    }
  }

  /** Counts what this object has done. */
  stats(): EventStoreStats {
    return { ...this.#stats }
  }

  #count(type: AppendEvent['type'], { streamId, events }: Commit): void {
    const { length: count } = events
    if (type === 'appended') {
      this.#stats.appends++
      this.#stats.events += count
    } else if (type === 'conflict') {
      this.#stats.conflicts++
    } else {
      this.#stats.failed++
    }
    if (appends.hasSubscribers) appends.publish({ type, streamId, count } satisfies AppendEvent)
  }

  async #append(commit: Commit, expectedVersion: number | undefined): Promise<number> {
    const backoff = new Backoff({
      clock: this.#clock,
      random: this.#random,
      timeoutMs: this.#timeoutMs,
    })
    const streams = await this.#shareStreams(backoff)
    const task = async (): Promise<number> =>
      expectedVersion === undefined
        ? await this.#appendAtEnd(commit, streams, backoff)
        : await this.#appendAt(commit, expectedVersion, streams, backoff)
    const { deadlineMs, timeoutMs } = backoff
    return await streams.queue.run(commit.streamId, task, {
      clock: this.#clock,
      deadlineMs,
      timeoutMs,
    })
  }

  /** Events after `fromVersion` in order; fetched as they are consumed. */
  read<Data = unknown>(streamId: string, options: ReadOptions = {}): AsyncRows<StoredEvent<Data>> {
    checkStreamId(streamId)
    checkOptions('read', options, { fromVersion: true })
    const fromVersion = checkVersion('fromVersion', options.fromVersion ?? 0)
    return asyncRows(() => this.#read<Data>(streamId, fromVersion))
  }

  async *#read<Data>(streamId: string, fromVersion: number): AsyncGenerator<StoredEvent<Data>> {
    const rows = this.#runner.stream<EventRow>(
      `SELECT version, type, data, ts FROM ${this.#table} WHERE stream_id = ? AND version > ? ORDER BY version`,
      [streamId, BigInt(fromVersion)],
    )
    for await (const { version, type, data, ts } of rows) {
      this.#stats.read++
      yield { version: Number(version), type, data: JSON.parse(data) as Data, ts: toDate(ts) }
    }
  }

  /** Conflicts are retried at the new end, until the deadline. */
  async #appendAtEnd(commit: Commit, { heads }: Streams, backoff: Backoff): Promise<number> {
    let head = heads.get(commit.streamId) ?? (await this.#readHead(commit.streamId, backoff))
    for (;;) {
      const actual = await this.#tryAppend(commit, head, heads, backoff)
      if (actual === undefined) return head + commit.events.length
      if (backoff.isExpired) throw new RequestTimeoutError(this.#timeoutMs, 'not_applied')
      if (actual === head) await backoff.pause()
      head = actual
    }
  }

  async #appendAt(
    commit: Commit,
    expectedVersion: number,
    { heads }: Streams,
    backoff: Backoff,
  ): Promise<number> {
    const actual = await this.#tryAppend(commit, expectedVersion, heads, backoff)
    if (actual === undefined) return expectedVersion + commit.events.length
    throw new ConcurrencyConflictError(commit.streamId, expectedVersion, actual)
  }

  /**
   * Sends the batch until it is known what became of it.
   *
   * @returns `undefined` when the commit is in the stream after `head`, else the version it has
   */
  async #tryAppend(
    commit: Commit,
    head: number,
    heads: Streams['heads'],
    backoff: Backoff,
  ): Promise<number | undefined> {
    const { streamId, events } = commit
    const retry = new LwtRetry(backoff)
    // Until the answer is there, nothing is known.
    heads.delete(streamId)
    for (;;) {
      try {
        const actual = await this.#send(commit, head, backoff)
        heads.set(streamId, actual ?? head + events.length)
        if (actual === undefined) return undefined
        // A repetition finds what an earlier attempt wrote.
        const mayBeWritten = commit.mayBeRepeated || retry.isOutcomeUnknown
        return mayBeWritten && (await this.#isAt(commit, head, backoff)) ? undefined : actual
      } catch (error) {
        await retry.retryOrThrow(error)
      }
    }
  }

  /** One conditional batch. @returns `undefined` when it was applied, else the stream's version */
  async #send(commit: Commit, head: number, backoff: Backoff): Promise<number | undefined> {
    const { streamId, events } = commit
    const ts = new Date(this.#clock.nowMs())
    const advance = `UPDATE ${this.#table} SET head = ? WHERE stream_id = ? IF head = ?`
    const insert = `INSERT INTO ${this.#table} (stream_id, version, commit_id, type, data, ts) VALUES (?, ?, ?, ?, ?, ?)`
    const headBefore = head === 0 ? null : BigInt(head)
    const result = await this.#runner.runBatch<{ head?: bigint | number | string | null }>(
      [
        [advance, [BigInt(head + events.length), streamId, headBefore]],
        ...events.map(({ type, json }, i): [string, BindValues] => [
          insert,
          [streamId, BigInt(head + 1 + i), commit.id, type, json, ts],
        ]),
      ],
      { timeout: backoff.startAttempt() },
    )
    if (result.applied === true) return undefined
    return Number(result.firstRow()?.head ?? 0)
  }

  /** Whether the events after `head` are this commit's. A serial read sees what is pending. */
  async #isAt(commit: Commit, head: number, backoff: Backoff): Promise<boolean> {
    const result = await this.#runner.runSerial<{ commit_id: string }>(
      `SELECT commit_id FROM ${this.#table} WHERE stream_id = ? AND version = ?`,
      [commit.streamId, BigInt(head + 1)],
      { timeout: backoff.startAttempt() },
    )
    return result.firstRow()?.commit_id === commit.id
  }

  async #readHead(streamId: string, backoff: Backoff): Promise<number> {
    const retry = new LwtRetry(backoff)
    for (;;) {
      try {
        const result = await this.#runner.run<{ head: bigint | number | string | null }>(
          this.#headText,
          [streamId],
          { timeout: backoff.startAttempt() },
        )
        return Number(result.firstRow()?.head ?? 0)
      } catch (error) {
        await retry.retryOrThrow(error)
      }
    }
  }

  get #headText(): string {
    return `SELECT head FROM ${this.#table} WHERE stream_id = ? LIMIT 1`
  }

  /** The PREPARE may take the whole time: without it nothing can be appended. */
  async #shareStreams(backoff: Backoff): Promise<Streams> {
    const create = (): Streams => ({
      queue: new KeyedQueue(),
      heads: new LruMap<string, number>(headCountMax),
    })
    const options = { timeout: backoff.timeoutMs }
    return await this.#runner.share('event-store', this.#headText, create, options)
  }
}
