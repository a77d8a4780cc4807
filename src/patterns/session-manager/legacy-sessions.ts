import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
  toDate,
} from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'
import { newState, type SessionState } from './session-state.ts'

/** The table of version 0.1. Its rows are written plainly, and none is added any more. */
export function legacyTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name,
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
  }
}

interface LegacyRow {
  readonly user_id: string | null
  readonly ip: string | null
  readonly created_at: Date | bigint | null
  readonly expires_at: Date | bigint | null
}

/**
 * Sessions that version 0.1 created. Such a session is valid as long as its row is there, so that
 * processes of that version can end it too; what else happens to it is in the new table.
 */
export class LegacySessions {
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #selectText: string
  readonly #writtenText: string
  readonly #deleteText: string

  constructor(runner: PreparedStatementRunner, name: string, clock: Clock) {
    this.#runner = runner
    this.#clock = clock
    const table = tableText(name)
    this.#selectText = `SELECT user_id, ip, created_at, expires_at FROM ${table} WHERE id = ?`
    this.#writtenText = `SELECT writetime(user_id) AS written_us FROM ${table} WHERE id = ?`
    this.#deleteText = `DELETE FROM ${table} USING TIMESTAMP ? WHERE id = ?`
  }

  /** The session as the new table would have it. Its epoch is before every other. */
  async read(id: Uint8Array, timeoutMs: number): Promise<SessionState | undefined> {
    const options = { timeout: timeoutMs }
    const result = await this.#runner.run<LegacyRow>(this.#selectText, [id], options)
    const row = result.firstRow()
    if (row === undefined) return undefined
    const { user_id: userId, created_at: createdAt, expires_at: expiresAt } = row
    // What a write that was late has left of a deleted row is no session.
    if (userId === null || createdAt === null || expiresAt === null) return undefined
    return newState({
      userId,
      family: id,
      epoch: 0n,
      nowMs: toDate(createdAt).getTime(),
      expiresMs: toDate(expiresAt).getTime(),
      ipAddress: row.ip ?? '',
      userAgent: '',
      label: '',
      data: new Map(),
    })
  }

  /** Deletes the row, stamped after the write it deletes, whatever clocks say. */
  async delete(id: Uint8Array, timeoutMs: number): Promise<void> {
    const options = { timeout: timeoutMs }
    const found = await this.#runner.run<{ written_us: bigint | number | string | null }>(
      this.#writtenText,
      [id],
      options,
    )
    const writtenUs = toBigInt(found.firstRow()?.written_us ?? 0n)
    const nowUs = BigInt(this.#clock.nowMs()) * 1_000n
    const stampUs = nowUs > writtenUs ? nowUs : writtenUs + 1n
    await this.#runner.run(this.#deleteText, [stampUs, id], options)
  }
}
