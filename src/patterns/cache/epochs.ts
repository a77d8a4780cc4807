import {
  LruMap,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
} from '../../kernel/index.ts'
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

/** When the making of a value began. */
export interface Birth {
  /** By the clock of its process, in microseconds since the epoch. */
  readonly bornUs: bigint
  /**
   * The epochs, by name, that were known then and reach beyond `bornUs`: the value is younger than
   * these invalidations, but than no later one and than none of another name.
   */
  readonly bornAfter: ReadonlyMap<string, bigint>
}

/** Until when the entries of each name are invalid, in microseconds since the epoch. */
export type EpochTimes = ReadonlyMap<string, bigint>

/** Nothing is known to be invalidated beyond the time of a birth. */
export const noEpochs: EpochTimes = new Map()

/** Whether a value was born after all of these invalidations. */
export function isBornAfter({ bornUs, bornAfter }: Birth, epochs: EpochTimes): boolean {
  for (const [name, epoch] of epochs) {
    if (epoch < bornUs) continue
    const known = bornAfter.get(name)
    // No invalidation can follow the last microsecond, so that nothing is known to be younger.
    if (known === undefined || known < epoch || epoch >= lastUs) return false
  }
  return true
}

/** Names whose epochs are remembered: about 150 bytes each, plus the name. */
const epochCountMax = 10_000
/** The last number that a column of 64 bits has. */
const lastUs = 2n ** 63n - 1n

interface Epoch {
  readonly invalidUntilUs: bigint
  /** When it was asked for, by the monotonic clock. */
  readonly readMs: number
}

interface Reading {
  readonly sentMs: number
  readonly epoch: Promise<bigint>
}

/**
 * Until when the entries of namespaces and tags are invalid: an entry whose making began until then
 * is not used. That invalidates any number of entries with one write.
 */
export class Epochs {
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #select: string
  readonly #insert: string
  readonly #ttlSeconds: number
  readonly #maxAgeMs: number
  readonly #known = new LruMap<string, Epoch>(epochCountMax)
  readonly #reading = new Map<string, Reading>()
  /** What was read up to then, by the monotonic clock, is asked for again. */
  #distrustedMs = Number.NEGATIVE_INFINITY

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
    const table = tableText(`${options.name}_epochs`)
    this.#select = `SELECT invalid_until_us FROM ${table} WHERE name = ?`
    this.#insert = `INSERT INTO ${table} (name, invalid_until_us) VALUES (?, ?) USING TTL ? AND TIMESTAMP ?`
    this.#ttlSeconds = options.ttlSeconds
    this.#maxAgeMs = options.maxAgeMs
  }

  /** Until when entries with these names are invalid. */
  async ask(names: readonly string[]): Promise<EpochTimes> {
    return new Map(
      await Promise.all(names.map(async (name) => [name, await this.#of(name)] as const)),
    )
  }

  /** The birth of a value with these names whose making begins now. */
  async birth(names: readonly string[]): Promise<Birth> {
    const bornUs = BigInt(this.#clock.nowMs()) * 1_000n
    const ahead = [...(await this.ask(names))].filter(([, epoch]) => epoch >= bornUs)
    return { bornUs, bornAfter: ahead.length === 0 ? noEpochs : new Map(ahead) }
  }

  /**
   * Makes entries that were begun until then invalid. The latest of several invalidations counts.
   *
   * @param onEpoch receives what was written
   */
  async invalidate(
    names: readonly string[],
    untilUs: bigint,
    onEpoch: (name: string, epoch: bigint) => void,
  ): Promise<void> {
    await Promise.all(
      names.map(async (name) => onEpoch(name, await this.#invalidate(name, untilUs))),
    )
  }

  /** Others have invalidated something: what is known may be from before. */
  distrust(): void {
    this.#distrustedMs = this.#clock.monotonicMs()
  }

  /** Takes notice of an invalidation by another cache of this process. */
  learn(name: string, epoch: bigint): void {
    this.#remember(name, epoch, this.#known.get(name)?.readMs ?? Number.NEGATIVE_INFINITY)
  }

  /**
   * What was made after an earlier invalidation is younger than it, although its time may be ahead
   * of the clock of this process. An invalidation is therefore always later than the one before.
   */
  async #invalidate(name: string, untilUs: bigint): Promise<bigint> {
    const sentMs = this.#clock.monotonicMs()
    const before = await this.#read(name)
    const epoch = untilUs > before ? untilUs : before < lastUs ? before + 1n : lastUs
    await this.#runner.run(this.#insert, [name, epoch, this.#ttlSeconds, epoch], {
      idempotent: true,
    })
    // Others may have invalidated it since it was read.
    return this.#remember(name, epoch, sentMs)
  }

  async #of(name: string): Promise<bigint> {
    const known = this.#known.get(name)
    if (known !== undefined && this.#isYoung(known.readMs)) return known.invalidUntilUs
    const running = this.#reading.get(name)
    if (running !== undefined && this.#isYoung(running.sentMs)) return await running.epoch
    const reading: Reading = {
      sentMs: this.#clock.monotonicMs(),
      epoch: this.#read(name).finally(() => {
        if (this.#reading.get(name) === reading) this.#reading.delete(name)
      }),
    }
    this.#reading.set(name, reading)
    return await reading.epoch
  }

  #isYoung(readMs: number): boolean {
    return readMs > this.#distrustedMs && this.#clock.monotonicMs() - readMs < this.#maxAgeMs
  }

  async #read(name: string): Promise<bigint> {
    const sentMs = this.#clock.monotonicMs()
    const result = await this.#runner.run<{ invalid_until_us: bigint | number | string }>(
      this.#select,
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
