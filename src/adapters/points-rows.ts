import { ConfigError, type Executor } from '../index.ts'
import { HybridClock, type TableDefinition } from '../patterns.ts'

/** What a store remembers of a key; `endsMs` is 0 for a key that never expires. */
export interface PointsEntry {
  readonly points: number
  readonly endsMs: number
  readonly nowMs: number
}

interface EntryRow {
  readonly points: bigint | number | string
  readonly ends_ms: bigint | number | string
}

/** Rows outlive their keys by this, for processes whose clocks are behind. */
const slackSeconds = 60
/** Attempts of one call while other processes write the same key. */
const attemptCountMax = 100
const serial = { serialConsistency: 'LOCAL_SERIAL' } as const

/** The points of keys, changed by conditional writes alone. */
export class PointsRows {
  readonly executor: Executor
  readonly #table: string
  readonly #clock: HybridClock
  /** The last call for each key. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(executor: Executor, table: string) {
    this.executor = executor
    this.#table = table
    this.#clock = new HybridClock(executor)
  }

  tableDefinitions(): readonly TableDefinition[] {
    const columns = { key: 'text', points: 'bigint', ends_ms: 'bigint' }
    return [{ name: this.#table, columns, partitionKey: ['key'], writes: 'conditional' }]
  }

  async get(key: string): Promise<PointsEntry | null> {
    const found = await this.#read(key)
    return found !== undefined && isLive(found) ? found : null
  }

  async delete(key: string): Promise<boolean> {
    const found = await this.get(key)
    const statement = `DELETE FROM ${this.#table} WHERE key = ? IF EXISTS`
    const { applied } = await this.executor.execute(statement, [key], serial)
    return found !== null && applied === true
  }

  /** Adds points to a key, or sets them when the call is forced or the key is not there. */
  async upsert(
    key: string,
    points: number,
    durationMs: number,
    isForced: boolean,
  ): Promise<PointsEntry> {
    if (!Number.isSafeInteger(points)) throw new ConfigError('points must be a whole number')
    return await this.#inTurn(key, async () => {
      for (let attempts = 0; attempts < attemptCountMax; attempts++) {
        const found = await this.#read(key)
        const nowMs = this.#clock.nowMs()
        const next =
          found === undefined || isForced || !isLive(found)
            ? { points, endsMs: durationMs > 0 ? nowMs + durationMs : 0, nowMs }
            : { points: found.points + points, endsMs: found.endsMs, nowMs }
        if (await this.#replace(key, found, next)) return next
      }
      throw new Error(`Other processes changed the points of the key ${attemptCountMax} times`)
    })
  }

  async #read(key: string): Promise<PointsEntry | undefined> {
    const statement = `SELECT points, ends_ms FROM ${this.#table} WHERE key = ?`
    const options = { consistency: 'LOCAL_SERIAL' } as const
    const row = (await this.executor.execute<EntryRow>(statement, [key], options)).firstRow()
    if (row === undefined) return undefined
    const nowMs = this.#clock.nowMs()
    return { points: Number(row.points), endsMs: Number(row.ends_ms), nowMs }
  }

  async #replace(key: string, found: PointsEntry | undefined, next: PointsEntry): Promise<boolean> {
    const { points, endsMs, nowMs } = next
    const lifeMs = Math.max(endsMs - nowMs, 0)
    const ttlSeconds = endsMs === 0 ? 0 : Math.ceil(lifeMs / 1_000) + slackSeconds
    const values = [ttlSeconds, BigInt(points), BigInt(endsMs), key]
    const { applied } =
      found === undefined
        ? await this.executor.execute(
            `UPDATE ${this.#table} USING TTL ? SET points = ?, ends_ms = ? WHERE key = ? IF points = null`,
            values,
            serial,
          )
        : await this.executor.execute(
            `UPDATE ${this.#table} USING TTL ? SET points = ?, ends_ms = ? WHERE key = ? IF points = ? AND ends_ms = ?`,
            [...values, BigInt(found.points), BigInt(found.endsMs)],
            serial,
          )
    return applied === true
  }

  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const running = before.then(work, work)
    this.#last.set(key, running)
    try {
      return await running
    } finally {
      if (this.#last.get(key) === running) this.#last.delete(key)
    }
  }
}

function isLive({ endsMs, nowMs }: PointsEntry): boolean {
  return endsMs === 0 || endsMs > nowMs
}
