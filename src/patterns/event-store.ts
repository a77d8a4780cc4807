import { randomUUID } from 'node:crypto'
import {
  ConcurrencyConflictError,
  ConfigError,
  RequestTimeoutError,
  TsyllaError,
} from '../errors/index.ts'
import {
  asyncRows,
  type AsyncRows,
  Backoff,
  checkInteger,
  checkTableName,
  createTables,
  KeyedQueue,
  PreparedStatements,
  timeoutMsMax,
} from '../kernel/index.ts'
import { Batch, batchStatementCountMax, type BindValues, type Executor } from '../types/index.ts'
import { type Clock, type RandomSource, systemClock, systemRandom } from '../util/index.ts'

export interface EventStoreOptions {
  /** Time an append may take, retries included, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Events one append takes at most. Default 1,000. */
  readonly appendCountMax?: number
  /** Default `events`. */
  readonly table?: string
  readonly clock?: Clock
  readonly random?: RandomSource
}

/** An event to append. `data` is anything JSON can hold. */
export interface NewEvent<Data = unknown> {
  readonly type: string
  readonly data: Data
}

export interface StoredEvent<Data = unknown> extends NewEvent<Data> {
  /** Place in its stream, from 1 without gaps. */
  readonly version: number
  /** When it was appended, by the clock of the process that did. */
  readonly ts: Date
}

export interface AppendOptions {
  /** Version the stream must have; 0: it must be empty. Without it the events go to the end. */
  readonly expectedVersion?: number | undefined
}

export interface ReadOptions {
  /** Only events after this version. Default 0. */
  readonly fromVersion?: number
}

/** A batch ready to be sent, again and again with the same content. */
interface Commit {
  readonly streamId: string
  readonly id: string
  readonly events: readonly { readonly type: string; readonly json: string }[]
}

/** Heads of streams that appends of this process left behind. */
const headCountMax = 10_000

/**
 * Streams of events, one partition each. An append of one or many events is one conditional batch:
 * it is there whole or not at all, versions are 1 … n, and of two that want the same version one
 * fails. An append whose answer was lost is looked up by its commit id, so it never conflicts with
 * itself.
 */
export class EventStore {
  readonly #executor: Executor
  readonly #statements: PreparedStatements
  readonly #table: string
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #timeoutMs: number
  readonly #appendCountMax: number
  readonly #queue = new KeyedQueue()
  /** Last versions this process knows; a wrong one only costs a round trip. */
  readonly #heads = new Map<string, number>()

  constructor(executor: Executor, options: EventStoreOptions = {}) {
    this.#executor = executor
    this.#statements = new PreparedStatements(executor)
    this.#table = checkTableName(options.table ?? 'events')
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#timeoutMs = checkInteger('timeoutMs', options.timeoutMs ?? 10_000, 1, timeoutMsMax)
    const { appendCountMax = 1_000 } = options
    // One statement more advances the head.
    const countMax = batchStatementCountMax - 1
    this.#appendCountMax = checkInteger('appendCountMax', appendCountMax, 1, countMax)
  }

  /** CQL of the table. It is written by conditional batches alone. */
  tables(): string[] {
    return [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (stream_id text, version bigint, head bigint STATIC, commit_id uuid, type text, data text, ts timestamp, PRIMARY KEY (stream_id, version)) WITH CLUSTERING ORDER BY (version ASC)`,
    ]
  }

  async createTables(): Promise<void> {
    await createTables(this.#executor, this.tables())
  }

  /** Appends one event. @returns its version */
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
    const options = isOne ? optionsOfOne : (dataOrOptions as AppendOptions | undefined)
    const commit = this.#toCommit(streamId, events)
    const { expectedVersion } = options ?? {}
    if (expectedVersion !== undefined) checkVersion('expectedVersion', expectedVersion)
    const backoff = new Backoff({
      clock: this.#clock,
      random: this.#random,
      timeoutMs: this.#timeoutMs,
    })
    return await this.#queue.run(streamId, async () => {
      // A write that is sent with no time left would only be reported as lost.
      if (backoff.isExpired) throw new RequestTimeoutError(this.#timeoutMs, 'not_applied')
      return expectedVersion === undefined
        ? await this.#appendAtEnd(commit, backoff)
        : await this.#appendAt(commit, expectedVersion, backoff)
    })
  }

  /** Events after `fromVersion` in order; fetched as they are consumed. */
  read<Data = unknown>(streamId: string, options: ReadOptions = {}): AsyncRows<StoredEvent<Data>> {
    checkStreamId(streamId)
    const fromVersion = checkVersion('fromVersion', options.fromVersion ?? 0)
    return asyncRows(() => this.#read<Data>(streamId, fromVersion))
  }

  async *#read<Data>(streamId: string, fromVersion: number): AsyncGenerator<StoredEvent<Data>> {
    const select = await this.#statements.get(
      `SELECT version, type, data, ts FROM ${this.#table} WHERE stream_id = ? AND version > ? ORDER BY version`,
    )
    const rows = this.#executor.stream<{ version: bigint; type: string; data: string; ts: Date }>(
      select,
      [streamId, BigInt(fromVersion)],
    )
    for await (const { version, type, data, ts } of rows) {
      yield { version: Number(version), type, data: JSON.parse(data) as Data, ts }
    }
  }

  #toCommit(streamId: string, events: readonly NewEvent[]): Commit {
    checkStreamId(streamId)
    if (!Array.isArray(events) || events.length === 0 || events.length > this.#appendCountMax) {
      throw new ConfigError(`An append takes 1 … ${this.#appendCountMax} events`)
    }
    return { streamId, id: randomUUID(), events: events.map(toJsonEvent) }
  }

  /** Conflicts are retried at the new end, until the deadline. */
  async #appendAtEnd(commit: Commit, backoff: Backoff): Promise<number> {
    let head = this.#heads.get(commit.streamId) ?? (await this.#readHead(commit.streamId, backoff))
    for (;;) {
      const actual = await this.#tryAppend(commit, head, backoff)
      if (actual === undefined) return head + commit.events.length
      if (backoff.isExpired) throw new RequestTimeoutError(this.#timeoutMs, 'not_applied')
      if (actual === head) await backoff.pause()
      head = actual
    }
  }

  async #appendAt(commit: Commit, expectedVersion: number, backoff: Backoff): Promise<number> {
    const actual = await this.#tryAppend(commit, expectedVersion, backoff)
    if (actual === undefined) return expectedVersion + commit.events.length
    throw new ConcurrencyConflictError(commit.streamId, expectedVersion, actual)
  }

  /**
   * Sends the batch until it is known what became of it.
   *
   * @returns `undefined` when the commit is in the stream after `head`, else the version it has
   */
  async #tryAppend(commit: Commit, head: number, backoff: Backoff): Promise<number | undefined> {
    let wasLost = false
    for (;;) {
      try {
        const actual = await this.#send(commit, head, backoff)
        // What a batch that was reported lost wrote is what its repetition runs into.
        const isOurs = wasLost && actual !== undefined && (await this.#isAt(commit, head, backoff))
        this.#remember(commit.streamId, isOurs ? head + commit.events.length : actual, commit, head)
        return isOurs ? undefined : actual
      } catch (error) {
        wasLost ||= TsyllaError.is(error) && error.outcome === 'unknown'
        if (!wasLost || backoff.isExpired) {
          this.#heads.delete(commit.streamId)
          // That the last try came to nothing tells nothing of the one that was lost.
          if (wasLost && TsyllaError.is(error)) error.outcome = 'unknown'
          throw error
        }
        await backoff.pause()
      }
    }
  }

  #remember(streamId: string, actual: number | undefined, commit: Commit, head: number): void {
    this.#heads.delete(streamId)
    this.#heads.set(streamId, actual ?? head + commit.events.length)
    if (this.#heads.size > headCountMax) {
      const oldest = this.#heads.keys().next()
      if (!oldest.done) this.#heads.delete(oldest.value)
    }
  }

  /** One conditional batch. @returns `undefined` when it was applied, else the stream's version */
  async #send(commit: Commit, head: number, backoff: Backoff): Promise<number | undefined> {
    const [advance, insert] = await Promise.all([
      this.#statements.get(`UPDATE ${this.#table} SET head = ? WHERE stream_id = ? IF head = ?`),
      this.#statements.get(
        `INSERT INTO ${this.#table} (stream_id, version, commit_id, type, data, ts) VALUES (?, ?, ?, ?, ?, ?)`,
      ),
    ])
    const { streamId, events } = commit
    const ts = new Date(this.#clock.nowMs())
    let batch = new Batch('logged').appendPrepared(advance)
    const values: BindValues[] = [
      [BigInt(head + events.length), streamId, head === 0 ? null : BigInt(head)],
    ]
    for (const [i, { type, json }] of events.entries()) {
      batch = batch.appendPrepared(insert)
      values.push([streamId, BigInt(head + 1 + i), commit.id, type, json, ts])
    }
    const options = { timeout: backoff.remainingMs }
    const result = await this.#executor.batch<{ head?: bigint | null }>(batch, values, options)
    if (result.applied === true) return undefined
    return Number(result.firstRow()?.head ?? 0n)
  }

  /** Whether the events after `head` are those of this commit. A serial read sees what is pending. */
  async #isAt(commit: Commit, head: number, backoff: Backoff): Promise<boolean> {
    const select = await this.#statements.get(
      `SELECT commit_id FROM ${this.#table} WHERE stream_id = ? AND version = ?`,
    )
    const result = await this.#executor.executePrepared<{ commit_id: string }>(
      select,
      [commit.streamId, BigInt(head + 1)],
      { consistency: 'LOCAL_SERIAL', timeout: backoff.remainingMs },
    )
    return result.firstRow()?.commit_id === commit.id
  }

  async #readHead(streamId: string, backoff: Backoff): Promise<number> {
    const select = await this.#statements.get(
      `SELECT head FROM ${this.#table} WHERE stream_id = ? LIMIT 1`,
    )
    const result = await this.#executor.executePrepared<{ head: bigint | null }>(
      select,
      [streamId],
      {
        timeout: backoff.remainingMs,
      },
    )
    return Number(result.firstRow()?.head ?? 0n)
  }
}

function toJsonEvent(event: NewEvent): { readonly type: string; readonly json: string } {
  if (typeof event?.type !== 'string' || event.type === '') {
    throw new ConfigError('The type of an event is a string that is not empty')
  }
  const reason = `The data of event ${JSON.stringify(event.type)} has no JSON form`
  let json: string | undefined
  try {
    json = JSON.stringify(event.data)
  } catch (cause) {
    throw new ConfigError(reason, 'not_applied', { cause })
  }
  if (json === undefined) throw new ConfigError(reason)
  return { type: event.type, json }
}

function checkStreamId(streamId: string): void {
  if (typeof streamId !== 'string' || streamId === '' || Buffer.byteLength(streamId) > 65_533) {
    throw new ConfigError('streamId is a string of 1 … 65,533 bytes')
  }
}

function checkVersion(name: string, version: number): number {
  if (Number.isSafeInteger(version) && version >= 0) return version
  throw new ConfigError(`${name} is a whole number from 0`)
}
