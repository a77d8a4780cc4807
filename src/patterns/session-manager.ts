import { createHash } from 'node:crypto'
import { ConfigError } from '../errors/index.ts'
import {
  checkOneOf,
  checkOptions,
  checkTableName,
  checkTtl,
  createTables,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  toBigInt,
  toDate,
  ttlSecondsMaxAt,
} from '../kernel/index.ts'
import { type Executor, runtimeOf } from '../types/index.ts'
import type { Clock, Runtime } from '../util/index.ts'

export interface SessionManagerOptions {
  /** Life of a session; with sliding expiry, how long it may be idle. Default 3,600. */
  readonly ttlSeconds?: number | undefined
  /**
   * `fixed`: ends `ttlSeconds` after its creation. `sliding`: after its last use. Default fixed.
   */
  readonly expiry?: 'fixed' | 'sliding' | undefined
  /** Longest life of a sliding session, used or not. Default 30 days. */
  readonly absoluteSeconds?: number | undefined
  /** Default `sessions`; the table of last uses is named after it. */
  readonly table?: string | undefined
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined
}

/** Why a token is valid or not. */
export type SessionInspection =
  | {
      readonly ok: true
      readonly userId: string
      readonly ipAddress: string
      readonly createdAt: Date
      readonly expiresAt: Date
    }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown' | 'expired' }

interface SessionRow {
  readonly user_id: string
  readonly ip: string
  readonly created_at: Date | bigint
  readonly expires_at: Date | bigint
}

interface Lookup {
  readonly inspection: SessionInspection
  readonly lastSeenMs: number
}

const tokenBytes = 32
/** Expired rows stay this long, so that `inspectSession` can tell expired from unknown. */
const graceSeconds = 3_600
/** A sliding session is touched when this part of its idle time has passed since the last touch. */
const touchFraction = 1 / 20

/**
 * Sessions by random token. Only a hash of the token is stored, so a copy of the tables contains no
 * valid token. Expiry is decided by stored timestamps; TTL only removes expired rows.
 */
export class SessionManager {
  readonly #executor: Executor
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #tableName: string
  readonly #table: string
  readonly #touchTable: string
  readonly #isSliding: boolean
  readonly #ttlSeconds: number
  readonly #lifeSeconds: number

  constructor(executor: Executor, options: SessionManagerOptions = {}) {
    checkOptions('SessionManager', options, {
      ttlSeconds: true,
      expiry: true,
      absoluteSeconds: true,
      table: true,
      clock: true,
    })
    this.#executor = executor
    this.#runtime = runtimeOf(executor)
    this.#runner = new PreparedStatementRunner(executor)
    this.#clock = options.clock ?? this.#runtime.clock
    this.#tableName = checkTableName(options.table ?? 'sessions')
    this.#table = tableText(this.#tableName)
    this.#touchTable = tableText(checkTableName(`${this.#tableName}_last_use`))
    const expiry = checkOneOf('expiry', options.expiry ?? 'fixed', ['fixed', 'sliding'])
    this.#isSliding = expiry === 'sliding'
    this.#ttlSeconds = checkTtl('ttlSeconds', options.ttlSeconds ?? 3_600, this.#clock)
    this.#lifeSeconds = this.#isSliding
      ? checkTtl('absoluteSeconds', options.absoluteSeconds ?? 30 * 86_400, this.#clock)
      : this.#ttlSeconds
  }

  /** CQL of the tables; the last use has its own, so that a late touch cannot revive a session. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The tables; the last use has its own, so that a late touch cannot revive a session as data. */
  tableDefinitions(): readonly TableDefinition[] {
    const ttlSeconds = this.#lifeSeconds + graceSeconds
    return [
      {
        name: this.#tableName,
        columns: {
          id: 'blob',
          user_id: 'text',
          ip: 'text',
          created_at: 'timestamp',
          expires_at: 'timestamp',
        },
        partitionKey: ['id'],
        writes: 'plain',
        ttlSeconds,
        hasDeletions: true,
      },
      {
        name: `${this.#tableName}_last_use`,
        columns: { id: 'blob', last_use: 'timestamp' },
        partitionKey: ['id'],
        writes: 'plain',
        ttlSeconds,
        hasDeletions: true,
      },
    ]
  }

  /**
   * Creates what is missing of the tables; the last use has its own, so that a late touch cannot
   * revive a session.
   */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /** Starts a session and returns its token: 256 random bits in base64url. */
  async createSession(userId: string, ipAddress: string): Promise<string> {
    if (typeof userId !== 'string' || userId === '') {
      throw new ConfigError('userId is a string that is not empty')
    }
    if (typeof ipAddress !== 'string') throw new ConfigError('ipAddress is a string')
    const token = Buffer.from(this.#runtime.randomBytes(tokenBytes)).toString('base64url')
    const nowMs = this.#clock.nowMs()
    await this.#runner.run(
      `INSERT INTO ${this.#table} (id, user_id, ip, created_at, expires_at) VALUES (?, ?, ?, ?, ?) USING TTL ?`,
      [
        hashToken(token),
        userId,
        ipAddress,
        new Date(nowMs),
        new Date(nowMs + this.#lifeSeconds * 1000),
        Math.min(this.#lifeSeconds + graceSeconds, ttlSecondsMaxAt(this.#clock)),
      ],
    )
    return token
  }

  /** The user of a valid token, else `null`. A sliding session is extended by it. */
  async validateSession(token: string): Promise<string | null> {
    const { inspection, lastSeenMs } = await this.#lookUp(token)
    if (!inspection.ok) return null
    if (this.#isSliding) {
      try {
        await this.#touch(token, lastSeenMs)
      } catch {
        // The session is valid whether or not its use could be noted; it only ends sooner.
      }
    }
    return inspection.userId
  }

  /** Returns why a token is valid or not, without extending the session. */
  async inspectSession(token: string): Promise<SessionInspection> {
    return (await this.#lookUp(token)).inspection
  }

  /**
   * Ends a session. Once this resolves no validation succeeds, whatever the clocks of the writers:
   * the deletion is stamped after the write it deletes.
   */
  async destroySession(token: string): Promise<void> {
    if (!isToken(token)) return
    const id = hashToken(token)
    const found = await this.#runner.run<{ written_us: bigint | number | string | null }>(
      `SELECT writetime(user_id) AS written_us FROM ${this.#table} WHERE id = ?`,
      [id],
    )
    const writtenUs = toBigInt(found.firstRow()?.written_us ?? 0n)
    const nowUs = BigInt(this.#clock.nowMs()) * 1000n
    await this.#runner.run(`DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE id = ?`, [
      nowUs > writtenUs ? nowUs : writtenUs + 1n,
      id,
    ])
  }

  async #lookUp(token: string): Promise<Lookup> {
    const none = (reason: 'malformed' | 'unknown' | 'expired'): Lookup => ({
      inspection: { ok: false, reason },
      lastSeenMs: 0,
    })
    if (!isToken(token)) return none('malformed')
    const id = hashToken(token)
    const [row, lastUse] = await Promise.all([this.#readRow(id), this.#readLastUse(id)])
    if (row === undefined) return none('unknown')
    const createdAt = toDate(row.created_at)
    const lastSeenMs = (lastUse ?? createdAt).getTime()
    const idleEndMs = this.#isSliding ? lastSeenMs + this.#ttlSeconds * 1000 : Number.MAX_VALUE
    const expiresMs = Math.min(toDate(row.expires_at).getTime(), idleEndMs)
    if (this.#clock.nowMs() >= expiresMs) return none('expired')
    const inspection: SessionInspection = {
      ok: true,
      userId: row.user_id,
      ipAddress: row.ip,
      createdAt,
      expiresAt: new Date(expiresMs),
    }
    return { inspection, lastSeenMs }
  }

  async #readRow(id: Uint8Array): Promise<SessionRow | undefined> {
    const result = await this.#runner.run<SessionRow>(
      `SELECT user_id, ip, created_at, expires_at FROM ${this.#table} WHERE id = ?`,
      [id],
    )
    return result.firstRow()
  }

  async #readLastUse(id: Uint8Array): Promise<Date | undefined> {
    if (!this.#isSliding) return undefined
    const result = await this.#runner.run<{ last_use: Date | bigint }>(
      `SELECT last_use FROM ${this.#touchTable} WHERE id = ?`,
      [id],
    )
    const lastUse = result.firstRow()?.last_use
    return lastUse === undefined ? undefined : toDate(lastUse)
  }

  async #touch(token: string, lastSeenMs: number): Promise<void> {
    const nowMs = this.#clock.nowMs()
    if (nowMs - lastSeenMs < this.#ttlSeconds * 1000 * touchFraction) return
    await this.#runner.run(
      `INSERT INTO ${this.#touchTable} (id, last_use) VALUES (?, ?) USING TTL ?`,
      [
        hashToken(token),
        new Date(nowMs),
        Math.min(this.#ttlSeconds + graceSeconds, ttlSecondsMaxAt(this.#clock)),
      ],
    )
  }
}

/** A token has 256 random bits, so a plain hash cannot be guessed back and needs no salt. */
function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token, 'ascii').digest()
}

function isToken(token: unknown): token is string {
  return typeof token === 'string' && /^[A-Za-z0-9_-]{43}$/.test(token)
}
