import type { Clock, Executor } from '../../index.ts'
import type { TableDefinition } from '../../patterns.ts'

/** Whether what is stored may be used. A stale value may be, while its successor is made. */
export type TagStatus = 'fresh' | 'stale' | 'expired'

/** When the making of a value began. */
export interface NextBirth {
  /** In milliseconds since the epoch. */
  readonly bornMs: number
  /**
   * Revalidations that were known then and reach beyond `bornMs`, by tag: the value is younger than
   * these, but than no later one and than none of another tag.
   */
  readonly bornAfter: ReadonlyMap<string, number>
}

/** When the making of a value began, in this process. */
export interface NextStart {
  /** In milliseconds since the epoch. */
  readonly ms: number
  /** {@link NextTags.order} at that moment, where it is known. */
  readonly order?: number | undefined
}

export interface NextTagsOptions {
  readonly table: string
  /** Rows outlive all entries. */
  readonly ttlSeconds: number
  /** How old the knowledge about a tag may be. */
  readonly maxAgeMs: number
  /** How far the clocks of processes may be apart. */
  readonly clockErrorMs: number
  readonly clock: Clock
}

/** Times in milliseconds since the epoch; what was begun until then is meant. */
interface TagTimes {
  readonly expiredMs: number
  readonly staleMs: number
  /** When the stale ones expire. */
  readonly staleEndMs: number
}

interface KnownTag extends TagTimes {
  /** When this process learned it, or was asked for it, by the clock of dates. */
  readonly learnedMs: number
  /** The same by {@link NextTags.order}: many things happen within one millisecond. */
  readonly learnedOrder: number
  /** When it was asked for, by the monotonic clock. */
  readonly readMs: number
}

type TagRow = { readonly [column in 'expired_ms' | 'stale_ms' | 'stale_end_ms']: unknown }

const neverMs = Number.MAX_SAFE_INTEGER
/** Tags that are remembered. */
const knownCountMax = 10_000
const quorum = { consistency: 'LOCAL_QUORUM', idempotent: true } as const

/**
 * When tags were revalidated. A tag has one row, whose columns are written with the time as their
 * timestamp: of revalidations at the same time the later one stays.
 */
export class NextTags {
  readonly #executor: Executor
  readonly #options: NextTagsOptions
  readonly #known = new Map<string, KnownTag>()
  readonly #reading = new Map<string, Promise<KnownTag>>()
  /** Grows with everything that is learned. */
  order = 0

  constructor(executor: Executor, options: NextTagsOptions) {
    this.#executor = executor
    this.#options = options
  }

  tableDefinitions(): readonly TableDefinition[] {
    const { table: name, ttlSeconds } = this.#options
    const columns = {
      tag: 'text',
      expired_ms: 'bigint',
      stale_ms: 'bigint',
      stale_end_ms: 'bigint',
    }
    return [{ name, columns, partitionKey: ['tag'], writes: 'plain', ttlSeconds }]
  }

  /** @param birth of a value that has these tags */
  async statusOf(tags: readonly string[], birth: NextBirth): Promise<TagStatus> {
    const ask = async (tag: string): Promise<TagTimes & { readonly bornMs: number }> => {
      const bornMs = Math.max(birth.bornMs, (birth.bornAfter.get(tag) ?? 0) + 1)
      return { ...(await this.#of(tag)), bornMs }
    }
    const found = await Promise.all(Array.from(new Set(tags), ask))
    const nowMs = this.#options.clock.nowMs()
    const isOver = found.some(
      ({ bornMs, expiredMs, staleMs, staleEndMs }) =>
        bornMs <= expiredMs || (bornMs <= staleMs && staleEndMs <= nowMs),
    )
    if (isOver) return 'expired'
    return found.some(({ bornMs, staleMs }) => bornMs <= staleMs) ? 'stale' : 'fresh'
  }

  /** Asks for tags that are needed soon. */
  async ask(tags: readonly string[]): Promise<void> {
    await Promise.all(Array.from(new Set(tags), (tag) => this.#of(tag)))
  }

  /** The birth of a value with these tags whose making began then. */
  birth(tags: readonly string[], { ms, order }: NextStart): NextBirth {
    const bornMs = Math.floor(ms)
    const bornAfter = new Map<string, number>()
    for (const tag of tags) {
      const known = this.#known.get(tag)
      if (known === undefined) continue
      const isLater = order === undefined ? known.learnedMs > ms : known.learnedOrder > order
      if (isLater) continue
      const lastMs = Math.max(known.expiredMs, known.staleMs)
      if (lastMs >= bornMs) bornAfter.set(tag, lastMs)
    }
    return { bornMs, bornAfter }
  }

  /**
   * @param expireSeconds how long what was made before may be used while its successor is made; 0:
   *   not at all
   */
  async revalidate(tags: readonly string[], expireSeconds: number): Promise<void> {
    await Promise.all(Array.from(new Set(tags), (tag) => this.#revalidate(tag, expireSeconds)))
  }

  async #revalidate(tag: string, expireSeconds: number): Promise<void> {
    const { clock, clockErrorMs } = this.#options
    const asked = { ms: clock.nowMs(), order: ++this.order }
    const before = await this.#read(tag)
    const nowMs = clock.nowMs()
    // Values that were made after an earlier revalidation are younger than it.
    const untilMs = Math.max(nowMs + clockErrorMs, before.expiredMs + 1, before.staleMs + 1)
    if (expireSeconds <= 0) {
      await this.#write(tag, 'expired_ms', [untilMs], untilMs)
      this.#remember(tag, { ...before, expiredMs: untilMs }, asked)
      return
    }
    const isEnded = before.staleEndMs <= nowMs
    if (isEnded) await this.#write(tag, 'expired_ms', [before.staleMs], untilMs)
    // Values that were stale already do not get more time.
    const endMs = Math.min(nowMs + expireSeconds * 1_000, isEnded ? neverMs : before.staleEndMs)
    const staleEndMs = Math.min(Math.floor(endMs), neverMs)
    await this.#write(tag, 'stale_ms, stale_end_ms', [untilMs, staleEndMs], untilMs)
    const expiredMs = isEnded ? before.staleMs : before.expiredMs
    this.#remember(tag, { expiredMs, staleMs: untilMs, staleEndMs }, asked)
  }

  async #write(
    tag: string,
    columns: string,
    times: readonly number[],
    untilMs: number,
  ): Promise<void> {
    const { table, ttlSeconds } = this.#options
    const markers = times.map(() => '?').join(', ')
    await this.#executor.execute(
      `INSERT INTO ${table} (tag, ${columns}) VALUES (?, ${markers}) USING TTL ? AND TIMESTAMP ?`,
      [tag, ...times, ttlSeconds, BigInt(untilMs) * 1_000n],
      quorum,
    )
  }

  async #of(tag: string): Promise<KnownTag> {
    const { clock, maxAgeMs } = this.#options
    const known = this.#known.get(tag)
    if (known !== undefined && clock.monotonicMs() - known.readMs < maxAgeMs) return known
    let reading = this.#reading.get(tag)
    if (reading === undefined || maxAgeMs === 0) {
      reading = this.#read(tag).finally(() => this.#reading.delete(tag))
      this.#reading.set(tag, reading)
    }
    return await reading
  }

  async #read(tag: string): Promise<KnownTag> {
    const readMs = this.#options.clock.monotonicMs()
    const { table } = this.#options
    const text = `SELECT expired_ms, stale_ms, stale_end_ms FROM ${table} WHERE tag = ?`
    const row = (await this.#executor.execute<TagRow>(text, [tag], quorum)).firstRow()
    const timeOf = (value: unknown, other: number): number => Number(value ?? other)
    const found = {
      expiredMs: timeOf(row?.expired_ms, 0),
      staleMs: timeOf(row?.stale_ms, 0),
      staleEndMs: timeOf(row?.stale_end_ms, neverMs),
    }
    const learned = { ms: this.#options.clock.nowMs(), order: ++this.order }
    return this.#remember(tag, found, learned, readMs)
  }

  /** @returns what is known: an answer that comes late does not undo a revalidation */
  #remember(
    tag: string,
    found: TagTimes,
    learned: Required<NextStart>,
    readMs: number = this.#options.clock.monotonicMs(),
  ): KnownTag {
    const known = this.#known.get(tag)
    const { staleMs, staleEndMs } =
      known !== undefined && known.staleMs > found.staleMs ? known : found
    const expiredMs = Math.max(found.expiredMs, known?.expiredMs ?? 0)
    const isSame = expiredMs === known?.expiredMs && staleMs === known.staleMs
    // The date has whole milliseconds: the end of this one is later than all before.
    const learnedMs = isSame ? known.learnedMs : learned.ms + 1
    const learnedOrder = isSame ? known.learnedOrder : learned.order!
    const remembered = { expiredMs, staleMs, staleEndMs, learnedMs, learnedOrder, readMs }
    this.#known.delete(tag)
    this.#known.set(tag, remembered)
    const [oldest] = this.#known.size > knownCountMax ? this.#known.keys() : []
    if (oldest !== undefined) this.#known.delete(oldest)
    return remembered
  }
}
