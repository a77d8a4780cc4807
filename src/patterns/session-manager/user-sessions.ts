import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
} from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'
import { rowTtlSeconds } from './session-ttl.ts'

/** The sessions of each user. A row says where to look; whether it is valid says its state. */
export function userSessionsTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name,
    columns: { tag: 'blob', family: 'blob', id: 'blob' },
    partitionKey: ['tag'],
    clusteringKey: { family: 'asc' },
    writes: 'plain',
    ttlSeconds,
    hasDeletions: true,
  }
}

/** Finds the sessions of a user. */
export class UserSessions {
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #table: string

  constructor(runner: PreparedStatementRunner, name: string, clock: Clock) {
    this.#runner = runner
    this.#clock = clock
    this.#table = tableText(name)
  }

  /**
   * Notes that a session now has the token `id`.
   *
   * @param sinceMs when it got it; of two notes the later one wins, whatever order they arrive in
   * @param untilMs end of the session
   */
  async note(
    tag: Uint8Array,
    family: Uint8Array,
    id: Uint8Array,
    sinceMs: number,
    untilMs: number,
    timeoutMs: number,
  ): Promise<void> {
    await this.#runner.run(
      `INSERT INTO ${this.#table} (tag, family, id) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?`,
      [tag, family, id, rowTtlSeconds(untilMs, this.#clock), BigInt(sinceMs) * 1_000n],
      { timeout: timeoutMs },
    )
  }

  async forget(tag: Uint8Array, family: Uint8Array, timeoutMs: number): Promise<void> {
    const text = `DELETE FROM ${this.#table} WHERE tag = ? AND family = ?`
    await this.#runner.run(text, [tag, family], { timeout: timeoutMs })
  }

  /** Ids of the tokens that the sessions of a user had when they were last noted. */
  async ids(tag: Uint8Array, timeoutMs: number): Promise<readonly Uint8Array[]> {
    const text = `SELECT id FROM ${this.#table} WHERE tag = ?`
    const result = await this.#runner.run<{ id: Uint8Array }>(text, [tag], { timeout: timeoutMs })
    return result.rows().map(({ id }) => id)
  }

  /** The id of one session's token as last noted. */
  async idOf(
    tag: Uint8Array,
    family: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array | undefined> {
    const result = await this.#runner.run<{ id: Uint8Array }>(
      `SELECT id FROM ${this.#table} WHERE tag = ? AND family = ?`,
      [tag, family],
      { timeout: timeoutMs },
    )
    return result.firstRow()?.id
  }
}
