import type { PreparedStatementRunner, TableDefinition } from '../kernel/index.ts'
import { toBigInt } from '../kernel/index.ts'
import type { Result } from '../types/index.ts'

export interface WindowKey {
  readonly key: string
  readonly windowSeconds: number
  /** Number of the window since the epoch. */
  readonly window: number
}

/** What a window counts, and the write that made it so. */
export interface WindowState {
  readonly used: bigint
  readonly op: string
}

/** A row as reads and conditional writes report it. */
interface WindowRow {
  readonly used: bigint | number | string | null
  readonly op: string | null
}

/** Rows outlive their window by this, for callers whose clocks are behind. */
const slackSeconds = 60

/** The table of windows, which is written by conditional writes only. */
export function windowTable(name: string): TableDefinition {
  return {
    name,
    columns: {
      key: 'text',
      window_seconds: 'int',
      window: 'bigint',
      used: 'bigint',
      op: 'uuid',
    },
    partitionKey: ['key', 'window_seconds', 'window'],
    writes: 'conditional',
    ttlSeconds: 0,
  }
}

/** The statements on rows of windows. */
export class WindowRows {
  readonly #runner: PreparedStatementRunner
  readonly #table: string

  constructor(runner: PreparedStatementRunner, table: string) {
    this.#runner = runner
    this.#table = table
  }

  /** State that all limiters on this table share. @param timeoutMs bounds the PREPARE */
  share<T>(create: () => T, timeoutMs: number): Promise<T> {
    const options = { timeout: timeoutMs }
    return this.#runner.share('rate-limiter', this.#selectText(), create, options)
  }

  /**
   * Writes `after` if the window still is as it was `before`, which is `undefined` when it has no
   * row.
   *
   * @returns the state the window has then
   */
  async write(
    id: WindowKey,
    before: WindowState | undefined,
    after: WindowState,
    timeoutMs: number,
  ): Promise<WindowState | undefined> {
    const ttlSeconds = id.windowSeconds * 2 + slackSeconds
    const { used, op } = after
    const options = { timeout: timeoutMs }
    const result =
      before === undefined
        ? await this.#runner.run<WindowRow>(
            `INSERT INTO ${this.#table} (key, window_seconds, window, used, op) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`,
            [...keyValues(id), used, op, ttlSeconds],
            options,
          )
        : await this.#runner.run<WindowRow>(
            `UPDATE ${this.#table} USING TTL ? SET used = ?, op = ? WHERE key = ? AND window_seconds = ? AND window = ? IF used = ? AND op = ?`,
            [ttlSeconds, used, op, ...keyValues(id), before.used, before.op],
            options,
          )
    return result.applied === true ? after : stateOf(result)
  }

  /** A serial read: no write that was sent before it can be applied after it. */
  async read(id: WindowKey, timeoutMs: number): Promise<WindowState | undefined> {
    const options = { timeout: timeoutMs }
    return stateOf(
      await this.#runner.runSerial<WindowRow>(this.#selectText(), keyValues(id), options),
    )
  }

  #selectText(): string {
    return `SELECT used, op FROM ${this.#table} WHERE key = ? AND window_seconds = ? AND window = ?`
  }
}

function keyValues({ key, windowSeconds, window }: WindowKey): unknown[] {
  return [key, windowSeconds, BigInt(window)]
}

function stateOf(result: Result<WindowRow>): WindowState | undefined {
  const { used = null, op = null } = result.firstRow() ?? {}
  return used === null || op === null ? undefined : { used: toBigInt(used), op }
}
