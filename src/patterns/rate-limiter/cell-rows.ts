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

/** What a process has counted in a window. */
export interface WindowCell {
  /** UUID of the cell; only the process that has made it writes it. */
  readonly process: string
  readonly units: number
  /** Write timestamp in microseconds, greater than that of every write of the cell before. */
  readonly stampUs: bigint
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
  readonly #selectText: string
  readonly #insertText: string

  constructor(runner: PreparedStatementRunner, name: string, consistency: Consistency) {
    this.#runner = runner
    this.#table = tableText(name)
    this.#consistency = consistency
    this.#selectText = `SELECT process, units FROM ${this.#table} WHERE key = ? AND window_ms = ? AND window = ?`
    this.#insertText = `INSERT INTO ${this.#table} (key, window_ms, window, process, units) VALUES (?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?`
  }

  /** State that all limiters on this table share. @param timeoutMs bounds the PREPARE */
  share<T>(create: () => T, timeoutMs: number): Promise<T> {
    const options = { timeout: timeoutMs }
    return this.#runner.share('rate-limiter-cells', this.#selectText, create, options)
  }

  /** Sets the units of a cell. The write with the latest stamp counts, whenever it arrives. */
  async write(id: WindowKey, cell: WindowCell, timeoutMs: number): Promise<void> {
    const { process, units, stampUs } = cell
    const ttlSeconds = Math.ceil((id.windowMs * 2) / 1_000) + slackSeconds
    await this.#runner.run(
      this.#insertText,
      [...keyValues(id), process, BigInt(units), ttlSeconds, stampUs],
      // The value is absolute: to write it again changes nothing.
      { consistency: this.#consistency, timeout: timeoutMs, idempotent: true },
    )
  }

  /** The units of the window, by process. */
  async read(id: WindowKey, timeoutMs: number): Promise<ReadonlyMap<string, number>> {
    const result = await this.#runner.run<CellRow>(this.#selectText, keyValues(id), {
      ...{ consistency: this.#consistency, timeout: timeoutMs },
    })
    return new Map(result.rows().map((row) => decodeRow(this.#table, row, unitsOf)))
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
