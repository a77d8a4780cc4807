import { createHash } from 'node:crypto'
import type { Executor } from '../index.ts'
import {
  checkOptions,
  checkTableName,
  tableText,
  toSeconds,
  ttlSecondsMaxAt,
} from '../kernel/index.ts'
import { createTables, HybridClock, type TableDefinition, type TimeSpan } from '../patterns.ts'

export interface SessionStoreOptions {
  /** Default `web_sessions`. */
  readonly table?: string | undefined
  /** Life of a session whose cookie has no end, after its last use. Default a day. */
  readonly ttl?: TimeSpan | undefined
  /**
   * How long a session that was destroyed cannot be saved again, which requests that were under way
   * would do. Default a day.
   */
  readonly destroyedTtl?: TimeSpan | undefined
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

const serial = { serialConsistency: 'LOCAL_SERIAL' } as const
const quorum = { consistency: 'LOCAL_QUORUM' } as const

function statementsOf(name: string) {
  const table = tableText(name)
  return {
    get: `SELECT data FROM ${table} WHERE id = ?`,
    list: `SELECT id, data FROM ${table}`,
    set: `UPDATE ${table} USING TTL ? SET data = ? WHERE id = ? IF ended = null`,
    touch: `UPDATE ${table} USING TTL ? SET data = ? WHERE id = ? IF data = ?`,
    end: `UPDATE ${table} USING TTL ? SET ended = true, data = null WHERE id = ? IF ended = null`,
  }
}

/**
 * Sessions of web frameworks by their id, of which only a hash is stored. A session that was
 * destroyed stays so, whatever requests are still under way: all writes are conditional.
 */
export class SessionRows {
  readonly executor: Executor
  readonly #table: string
  readonly #statements: ReturnType<typeof statementsOf>
  readonly #clock: HybridClock
  readonly #ttlSeconds: number
  readonly #destroyedSeconds: number
  readonly #touches: boolean

  constructor(executor: Executor, options: SessionStoreOptions) {
    checkOptions('the session store', options, {
      ...{ table: true, ttl: true, destroyedTtl: true, touch: true },
    })
    const { table = 'web_sessions', ttl = '1d', destroyedTtl = '1d', touch = true } = options
    this.executor = executor
    this.#table = checkTableName(table)
    this.#statements = statementsOf(table)
    this.#clock = new HybridClock(executor)
    const secondsMax = ttlSecondsMaxAt(this.#clock)
    this.#ttlSeconds = toSeconds('ttl', ttl, 1, secondsMax)
    this.#destroyedSeconds = toSeconds('destroyedTtl', destroyedTtl, 1, secondsMax)
    this.#touches = touch
  }

  tableDefinitions(): readonly TableDefinition[] {
    const columns = { id: 'text', data: 'text', ended: 'boolean' }
    return [{ name: this.#table, columns, partitionKey: ['id'], writes: 'conditional' }]
  }

  async createTables(): Promise<void> {
    await createTables(this.executor, [this])
  }

  async get(sid: string): Promise<unknown> {
    const data = await this.#read(idOf(sid))
    return data === undefined ? null : (JSON.parse(data) as unknown)
  }

  /** Saves a session, unless it was destroyed. */
  async set(sid: string, session: StoredSession): Promise<void> {
    const ttlSeconds = this.#ttlOf(session)
    if (ttlSeconds <= 0) return await this.destroy(sid)
    const values = [ttlSeconds, JSON.stringify(session), idOf(sid)]
    await this.executor.execute(this.#statements.set, values, serial)
  }

  /** Prolongs the life of a session, and leaves what others have saved as it is. */
  async touch(sid: string, session: StoredSession): Promise<void> {
    const ttlSeconds = this.#ttlOf(session)
    if (!this.#touches || ttlSeconds <= 0) return
    const id = idOf(sid)
    const before = await this.#read(id)
    if (before === undefined) return
    const present = JSON.parse(before) as StoredSession
    const after = JSON.stringify({ ...present, cookie: session.cookie })
    await this.executor.execute(this.#statements.touch, [ttlSeconds, after, id, before], serial)
  }

  async destroy(sid: string): Promise<void> {
    await this.#end(idOf(sid))
  }

  /** Every session. Reads the whole table. */
  async *all(): AsyncGenerator<unknown> {
    const rows = this.executor.stream<SessionRow>(this.#statements.list, [], quorum)
    for await (const { data } of rows) if (data !== null) yield JSON.parse(data)
  }

  /** Destroys every session. Reads the whole table. */
  async clear(): Promise<void> {
    const { list } = this.#statements
    const rows = this.executor.stream<SessionRow & { id: string }>(list, [], quorum)
    for await (const { id, data } of rows) if (data !== null) await this.#end(id)
  }

  async #read(id: string): Promise<string | undefined> {
    const found = await this.executor.execute<SessionRow>(this.#statements.get, [id], quorum)
    return found.firstRow()?.data ?? undefined
  }

  async #end(id: string): Promise<void> {
    await this.executor.execute(this.#statements.end, [this.#destroyedSeconds, id], serial)
  }

  /** Seconds until the cookie ends; 0 or less when it has ended. */
  #ttlOf({ cookie: { expires } }: StoredSession): number {
    if (expires === undefined || expires === null) return this.#ttlSeconds
    const ms = new Date(expires).getTime() - this.#clock.nowMs()
    // Servers store no later expiration: what lasts longer ends then.
    return Math.min(Math.ceil(ms / 1_000), ttlSecondsMaxAt(this.#clock))
  }
}

/** The id allows to act as its user: a copy of the table must not contain it. */
function idOf(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url')
}
