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
  readonly #insertText: string
  readonly #deleteText: string
  readonly #selectAllText: string
  readonly #selectText: string

  constructor(runner: PreparedStatementRunner, name: string, clock: Clock) {
    this.#runner = runner
    this.#clock = clock
    const table = tableText(name)
    const isSession = 'tag = ? AND family = ?'
    this.#insertText = `INSERT INTO ${table} (tag, family, id) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?`
    this.#deleteText = `DELETE FROM ${table} WHERE ${isSession}`
    this.#selectAllText = `SELECT id FROM ${table} WHERE tag = ?`
    this.#selectText = `SELECT id FROM ${table} WHERE ${isSession}`
  }

  /**
   * Notes that a session now has the token `id`.
   *
   * @param sinceMs `issuedMs` of the token, which grows from token to token: the note of the last
   *   one wins, whatever order they arrive in
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
      this.#insertText,
      [tag, family, id, rowTtlSeconds(untilMs, this.#clock), BigInt(sinceMs) * 1_000n],
      { timeout: timeoutMs },
    )
  }

  async forget(tag: Uint8Array, family: Uint8Array, timeoutMs: number): Promise<void> {
    await this.#runner.run(this.#deleteText, [tag, family], { timeout: timeoutMs })
  }

  /**
   * Yields the ids of the tokens that the sessions of a user had when they were last noted, page by
   * page.
   *
   * @param timeoutMs of each page
   */
  async *ids(tag: Uint8Array, timeoutMs: number): AsyncGenerator<Uint8Array> {
    const options = { timeout: timeoutMs }
    const rows = this.#runner.stream<{ id: Uint8Array }>(this.#selectAllText, [tag], options)
    for await (const { id } of rows) yield id
  }

  /** The id of one session's token as last noted. */
  async idOf(
    tag: Uint8Array,
    family: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array | undefined> {
    const result = await this.#runner.run<{ id: Uint8Array }>(this.#selectText, [tag, family], {
      timeout: timeoutMs,
    })
    return result.firstRow()?.id
  }
}
