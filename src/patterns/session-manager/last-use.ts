import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toDate,
} from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'
import { rowTtlSeconds } from './session-ttl.ts'

/** A use is noted when this part of the idle time has passed since the last one that was. */
const touchFraction = 1 / 20

/** The last uses have a table of their own, so that a late one cannot revive a session. */
export function lastUseTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name,
    columns: { id: 'blob', last_use: 'timestamp' },
    partitionKey: ['id'],
    writes: 'plain',
    ttlSeconds,
    hasDeletions: true,
  }
}

/** When tokens were last used. */
export class LastUses {
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #selectText: string
  readonly #insertText: string

  constructor(runner: PreparedStatementRunner, name: string, clock: Clock, idleMs: number) {
    this.#runner = runner
    this.#clock = clock
    this.#idleMs = idleMs
    const table = tableText(name)
    this.#selectText = `SELECT last_use FROM ${table} WHERE id = ?`
    this.#insertText = `INSERT INTO ${table} (id, last_use) VALUES (?, ?) USING TTL ? AND TIMESTAMP ?`
  }

  async read(id: Uint8Array, timeoutMs: number): Promise<number | undefined> {
    const options = { timeout: timeoutMs }
    const result = await this.#runner.run<{ last_use: Date | bigint | null }>(
      this.#selectText,
      [id],
      options,
    )
    const lastUse = result.firstRow()?.last_use
    return lastUse ? toDate(lastUse).getTime() : undefined
  }

  /**
   * Notes a use, unless one was noted shortly before. Its timestamp is the time of the use, so that
   * the latest use wins whatever the order in which they arrive.
   *
   * @returns whether it was noted
   */
  async touch(id: Uint8Array, lastUseMs: number, timeoutMs: number): Promise<boolean> {
    const nowMs = this.#clock.nowMs()
    if (nowMs - lastUseMs < this.#idleMs * touchFraction) return false
    const ttlSeconds = rowTtlSeconds(nowMs + this.#idleMs, this.#clock)
    const values = [id, new Date(nowMs), ttlSeconds, BigInt(nowMs) * 1_000n]
    await this.#runner.run(this.#insertText, values, { timeout: timeoutMs })
    return true
  }
}
