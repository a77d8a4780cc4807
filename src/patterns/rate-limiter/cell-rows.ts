import type { Consistency } from '../../errors/index.ts'
import {
  decodeRow,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
} from '../../kernel/index.ts'

/** One window of one rule of a key. */
export interface WindowKey {
  readonly key: string
  readonly windowMs: number
  /** Number of the window since the epoch. */
  readonly window: number
}

/** Rows outlive their window by this, for callers whose clocks are behind. */
const slackSeconds = 60

/** The table of the strategies `quorum` and `local`: one cell per window and process. */
export function cellTable(name: string): TableDefinition {
  return {
    name,
    columns: {
      key: 'text',
      window_ms: 'bigint',
      window: 'bigint',
      process: 'uuid',
      units: 'bigint',
    },
    partitionKey: ['key', 'window_ms', 'window'],
    clusteringKey: { process: 'asc' },
    writes: 'plain',
    ttlSeconds: 0,
  }
}

/** The statements on cells. */
export class CellRows {
  readonly #runner: PreparedStatementRunner
  readonly #table: string
  readonly #consistency: Consistency

  constructor(runner: PreparedStatementRunner, name: string, consistency: Consistency) {
    this.#runner = runner
    this.#table = tableText(name)
    this.#consistency = consistency
  }

  /** State that all limiters on this table share. @param timeoutMs bounds the PREPARE */
  share<T>(create: () => T, timeoutMs: number): Promise<T> {
    const options = { timeout: timeoutMs }
    return this.#runner.share('rate-limiter-cells', this.#selectText(), create, options)
  }

  /** Sets the units of this process; the last write of the process counts. */
  async write(id: WindowKey, process: string, units: number, timeoutMs: number): Promise<void> {
    const ttlSeconds = Math.ceil((id.windowMs * 2) / 1_000) + slackSeconds
    await this.#runner.run(
      `INSERT INTO ${this.#table} (key, window_ms, window, process, units) VALUES (?, ?, ?, ?, ?) USING TTL ?`,
      [...keyValues(id), process, BigInt(units), ttlSeconds],
      // The value is absolute: to write it again changes nothing.
      { consistency: this.#consistency, timeout: timeoutMs, idempotent: true },
    )
  }

  /** The units of the window, by process. */
  async read(id: WindowKey, timeoutMs: number): Promise<ReadonlyMap<string, number>> {
    const result = await this.#runner.run<CellRow>(this.#selectText(), keyValues(id), {
      ...{ consistency: this.#consistency, timeout: timeoutMs },
    })
    return new Map(result.rows().map((row) => decodeRow(this.#table, row, unitsOf)))
  }

  #selectText(): string {
    return `SELECT process, units FROM ${this.#table} WHERE key = ? AND window_ms = ? AND window = ?`
  }
}

interface CellRow {
  readonly process: string
  /** `null` in a row that no limiter has written. */
  readonly units: bigint | number | string | null
}

/** @returns `undefined` unless the units are a count */
function unitsOf({ process, units }: CellRow): readonly [string, number] | undefined {
  const count = units === null ? -1 : Number(toBigInt(units))
  return count >= 0 ? [process, count] : undefined
}

/** A text of its own for every window. */
export function nameOf({ key, windowMs, window }: WindowKey): string {
  return `${windowMs}/${window}/${key}`
}

function keyValues({ key, windowMs, window }: WindowKey): readonly unknown[] {
  return [key, BigInt(windowMs), BigInt(window)]
}
