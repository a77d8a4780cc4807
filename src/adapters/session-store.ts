import { createHash } from 'node:crypto'
import type { Executor } from '../index.ts'
import { createTables, HybridClock, type TableDefinition } from '../patterns.ts'

export interface SessionStoreOptions {
  /** Default `web_sessions`. */
  readonly table?: string | undefined
  /** Life of a session whose cookie has no end, after its last use. Default a day. */
  readonly ttlSeconds?: number | undefined
  /**
   * How long a session that was destroyed cannot be saved again, which requests that were under way
   * would do. Default a day.
   */
  readonly endedSeconds?: number | undefined
  /** Whether a use of a session that does not change it prolongs its life. Default `true`. */
  readonly touch?: boolean | undefined
}

/** What a store reads of a session. */
export interface StoredSession {
  readonly cookie: { readonly expires?: Date | string | null | undefined }
}

interface SessionRow {
  readonly data: string | null
}

const daySeconds = 86_400
const serial = { serialConsistency: 'LOCAL_SERIAL' } as const
const quorum = { consistency: 'LOCAL_QUORUM' } as const

/**
 * Sessions of web frameworks by their id, of which only a hash is stored. A session that was
 * destroyed stays so, whatever requests are still under way: all writes are conditional.
 */
export class SessionRows {
  readonly executor: Executor
  readonly #options: SessionStoreOptions
  readonly #table: string
  readonly #clock: HybridClock

  constructor(executor: Executor, options: SessionStoreOptions) {
    this.executor = executor
    this.#options = options
    this.#table = options.table ?? 'web_sessions'
    this.#clock = new HybridClock(executor)
  }

  tableDefinitions(): readonly TableDefinition[] {
    const columns = { id: 'text', data: 'text', ended: 'boolean' }
    return [{ name: this.#table, columns, partitionKey: ['id'], writes: 'conditional' }]
  }

  async createTables(): Promise<void> {
    await createTables(this.executor, [this])
  }

  async get(sid: string): Promise<unknown> {
    const text = `SELECT data FROM ${this.#table} WHERE id = ?`
    const row = (await this.executor.execute<SessionRow>(text, [idOf(sid)], quorum)).firstRow()
    return typeof row?.data === 'string' ? (JSON.parse(row.data) as unknown) : null
  }

  /** Saves a session, unless it was destroyed. */
  async set(sid: string, session: StoredSession): Promise<void> {
    const ttlSeconds = this.#ttlOf(session)
    if (ttlSeconds <= 0) return await this.destroy(sid)
    await this.executor.execute(
      `UPDATE ${this.#table} USING TTL ? SET data = ? WHERE id = ? IF ended = null`,
      [ttlSeconds, JSON.stringify(session), idOf(sid)],
      serial,
    )
  }

  /** Prolongs the life of a session, and leaves what others have saved as it is. */
  async touch(sid: string, session: StoredSession): Promise<void> {
    const ttlSeconds = this.#ttlOf(session)
    if (this.#options.touch === false || ttlSeconds <= 0) return
    const text = `SELECT data FROM ${this.#table} WHERE id = ?`
    const row = (await this.executor.execute<SessionRow>(text, [idOf(sid)], quorum)).firstRow()
    if (typeof row?.data !== 'string') return
    const present = JSON.parse(row.data) as StoredSession
    await this.executor.execute(
      `UPDATE ${this.#table} USING TTL ? SET data = ? WHERE id = ? IF data = ?`,
      [ttlSeconds, JSON.stringify({ ...present, cookie: session.cookie }), idOf(sid), row.data],
      serial,
    )
  }

  async destroy(sid: string): Promise<void> {
    await this.#end(idOf(sid))
  }

  /** Every session. Reads the whole table. */
  async *all(): AsyncGenerator<unknown> {
    const rows = this.executor.stream<SessionRow>(`SELECT data FROM ${this.#table}`, [], quorum)
    for await (const { data } of rows) if (data !== null) yield JSON.parse(data)
  }

  /** Destroys every session. Reads the whole table. */
  async clear(): Promise<void> {
    const text = `SELECT id, data FROM ${this.#table}`
    const rows = this.executor.stream<SessionRow & { id: string }>(text, [], quorum)
    for await (const { id, data } of rows) if (data !== null) await this.#end(id)
  }

  async #end(id: string): Promise<void> {
    await this.executor.execute(
      `UPDATE ${this.#table} USING TTL ? SET ended = true, data = null WHERE id = ? IF ended = null`,
      [this.#options.endedSeconds ?? daySeconds, id],
      serial,
    )
  }

  #ttlOf({ cookie: { expires } }: StoredSession): number {
    if (expires === undefined || expires === null) return this.#options.ttlSeconds ?? daySeconds
    return Math.ceil((new Date(expires).getTime() - this.#clock.nowMs()) / 1_000)
  }
}

/** The id allows to act as its user: a copy of the table must not contain it. */
function idOf(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url')
}
