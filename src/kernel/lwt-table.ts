import type { Result, UnknownColumns } from '../types/index.ts'
import { decodeRow } from './column-values.ts'
import type { LwtRows, LwtVersion } from './lwt-machine.ts'
import type { PreparedStatementRunner } from './prepared-statement-runner.ts'

export interface LwtTableOptions<Key, State> {
  /** Name as CQL. The table has a column `op uuid`. */
  readonly table: string
  /** Columns of the partition key. */
  readonly keyColumns: readonly string[]
  /** Columns of the state, all of them single-valued or frozen. */
  readonly stateColumns: readonly string[]
  /**
   * Columns that conditions name: `all`, or only `op`, which spares sending large states twice and
   * costs a serial read after a conflict. Default `all`.
   */
  readonly conditions?: 'all' | 'op' | undefined
  /** Values of the key columns. */
  readonly keyValues: (key: Key) => readonly unknown[]
  /** Values of the state columns; `null` for none. */
  readonly encode: (state: State) => readonly unknown[]
  /** @param row with the state columns, of which those that are null may be absent */
  readonly decode: (row: UnknownColumns) => State
  /** Seconds that the row is kept after this write. */
  readonly ttlSeconds: (state: State) => number
}

/**
 * A table whose rows are one partition each and are written by conditional writes only. Every write
 * replaces all columns, so that they expire together.
 *
 * Cassandra returns the columns of the conditions when a conditional update is not applied, and
 * ScyllaDB the old row whether it is applied or not. Both return nothing of a row that does not
 * exist. Conditions on all columns make the two alike, and save the read after a conflict; `op`
 * alone decides, because every write has its own.
 */
export class LwtTable<Key, State> implements LwtRows<Key, State> {
  readonly #runner: PreparedStatementRunner
  readonly #options: LwtTableOptions<Key, State>
  readonly selectText: string
  readonly #insertText: string
  readonly #updateText: string

  constructor(runner: PreparedStatementRunner, options: LwtTableOptions<Key, State>) {
    this.#runner = runner
    this.#options = options
    const { table, keyColumns, stateColumns } = options
    const columns = [...stateColumns, 'op']
    const conditions = options.conditions === 'op' ? ['op'] : columns
    const isKey = keyColumns.map((name) => `${name} = ?`).join(' AND ')
    const all = [...keyColumns, ...columns]
    this.selectText = `SELECT ${columns.join(', ')} FROM ${table} WHERE ${isKey}`
    this.#insertText = `INSERT INTO ${table} (${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')}) IF NOT EXISTS USING TTL ?`
    this.#updateText = `UPDATE ${table} USING TTL ? SET ${columns.map((name) => `${name} = ?`).join(', ')} WHERE ${isKey} IF ${conditions.map((name) => `${name} = ?`).join(' AND ')}`
  }

  async read(key: Key, timeoutMs: number): Promise<LwtVersion<State> | undefined> {
    const values = this.#options.keyValues(key)
    return this.#versionOf(
      await this.#runner.runSerial(this.selectText, values, { timeout: timeoutMs }),
    )
  }

  async write(
    key: Key,
    before: LwtVersion<State> | undefined,
    after: LwtVersion<State>,
    timeoutMs: number,
  ): Promise<LwtVersion<State> | undefined> {
    const { conditions, keyValues, encode, ttlSeconds } = this.#options
    const keys = keyValues(key)
    const values = [...encode(after.state), after.op]
    const ttl = ttlSeconds(after.state)
    const options = { timeout: timeoutMs }
    if (before === undefined) {
      const inserted = [...keys, ...values, ttl]
      const result = await this.#runner.run(this.#insertText, inserted, options)
      return result.applied === true ? after : this.#versionOf(result)
    }
    const isOpOnly = conditions === 'op'
    const expected = isOpOnly ? [before.op] : [...encode(before.state), before.op]
    const updated = [ttl, ...values, ...keys, ...expected]
    const result = await this.#runner.run(this.#updateText, updated, options)
    if (result.applied === true) return after
    if (isOpOnly) return await this.read(key, timeoutMs)
    // Of a row that does not exist, which may have expired, Cassandra returns no column and
    // ScyllaDB nulls. An insert or a read shows whether there is a row without an id.
    return isNone(result.firstRow()?.['op']) ? undefined : this.#versionOf(result)
  }

  #versionOf(result: Result): LwtVersion<State> | undefined {
    const row = result.firstRow()
    if (row === undefined) return undefined
    const { table, decode } = this.#options
    return decodeRow(table, row, () => {
      const op = row['op']
      return typeof op === 'string' ? { state: decode(row), op } : undefined
    })
  }
}

function isNone(value: unknown): boolean {
  return value === null || value === undefined
}
