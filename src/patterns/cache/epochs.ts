import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
} from '../../kernel/index.ts'
import { LruMap } from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'

/** The table of invalidations of namespaces and tags. */
export function epochTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name: `${name}_epochs`,
    columns: { name: 'text', invalid_until_us: 'bigint' },
    partitionKey: ['name'],
    writes: 'plain',
    ttlSeconds,
  }
}

/** Names whose epochs are remembered: about 150 bytes each, plus the name. */
const epochCountMax = 10_000

interface Epoch {
  readonly invalidUntilUs: bigint
  /** When it was asked for, by the monotonic clock. */
  readonly readMs: number
}

/**
 * Until when the entries of namespaces and tags are invalid: an entry whose making began until then
 * is not used. That invalidates any number of entries with one write.
 */
export class Epochs {
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #table: string
  readonly #ttlSeconds: number
  readonly #maxAgeMs: number
  readonly #known = new LruMap<string, Epoch>(epochCountMax)
  readonly #reading = new Map<string, Promise<bigint>>()

  constructor(
    runner: PreparedStatementRunner,
    options: {
      readonly name: string
      readonly ttlSeconds: number
      readonly maxAgeMs: number
      readonly clock: Clock
    },
  ) {
    this.#runner = runner
    this.#clock = options.clock
    this.#table = tableText(`${options.name}_epochs`)
    this.#ttlSeconds = options.ttlSeconds
    this.#maxAgeMs = options.maxAgeMs
  }

  /** Until when entries with any of these names are invalid, in microseconds since the epoch. */
  async latest(names: readonly string[]): Promise<bigint> {
    let latest = 0n
    for (const epoch of await Promise.all(names.map((name) => this.#of(name)))) {
      if (epoch > latest) latest = epoch
    }
    return latest
  }

  /**
   * Makes entries that were begun until then invalid. The latest of several invalidations counts.
   */
  async invalidate(names: readonly string[], untilUs: bigint): Promise<void> {
    await Promise.all(names.map((name) => this.#invalidate(name, untilUs)))
  }

  /**
   * What was made after an earlier invalidation was born after its time, which may be ahead of the
   * clock of this process. An invalidation is therefore always later than the one before.
   */
  async #invalidate(name: string, untilUs: bigint): Promise<void> {
    const before = await this.#read(name)
    const epoch = untilUs > before ? untilUs : before + 1n
    await this.#runner.run(
      `INSERT INTO ${this.#table} (name, invalid_until_us) VALUES (?, ?) USING TTL ? AND TIMESTAMP ?`,
      [name, epoch, this.#ttlSeconds, epoch],
      { idempotent: true },
    )
    this.#remember(name, epoch, this.#clock.monotonicMs())
  }

  async #of(name: string): Promise<bigint> {
    const known = this.#known.get(name)
    if (known !== undefined && this.#clock.monotonicMs() - known.readMs < this.#maxAgeMs) {
      return known.invalidUntilUs
    }
    let reading = this.#maxAgeMs === 0 ? undefined : this.#reading.get(name)
    if (reading === undefined) {
      reading = this.#read(name).finally(() => this.#reading.delete(name))
      this.#reading.set(name, reading)
    }
    return await reading
  }

  async #read(name: string): Promise<bigint> {
    const sentMs = this.#clock.monotonicMs()
    const result = await this.#runner.run<{ invalid_until_us: bigint | number | string }>(
      `SELECT invalid_until_us FROM ${this.#table} WHERE name = ?`,
      [name],
    )
    const epoch = toBigInt(result.firstRow()?.invalid_until_us ?? 0n)
    return this.#remember(name, epoch, sentMs)
  }

  /** @returns the later of what is known and what was read: an epoch never goes back */
  #remember(name: string, epoch: bigint, readMs: number): bigint {
    const known = this.#known.get(name)?.invalidUntilUs ?? 0n
    const invalidUntilUs = epoch > known ? epoch : known
    this.#known.set(name, { invalidUntilUs, readMs })
    return invalidUntilUs
  }
}
