import {
  LruMap,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
} from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import { type Invalidation, separator } from './epoch-names.ts'

/** Length of the partitions of the bus, in milliseconds. */
const slotMs = 5_000
/** Messages are kept this long. */
const ttlSeconds = 300
/** Invalidations are collected for this long, and sent in one row. */
const collectMs = 20
const keysPerMessageMax = 1_000
/** Characters of the keys of one message. */
const messageLengthMax = 262_144
/** Messages are there to be read for that many slots, clocks that are apart allowed for. */
const slotCountMax = (ttlSeconds * 1_000) / slotMs - 2
/** Messages that are remembered as seen: those of the slots that are read again. */
const seenCountMax = 100_000

/** The table by which processes tell each other what left their memory. */
export function busTable(name: string): TableDefinition {
  return {
    name: `${name}_bus`,
    columns: { slot: 'bigint', id: 'uuid', sender: 'uuid', keys: 'frozen<list<text>>' },
    partitionKey: ['slot'],
    clusteringKey: { id: 'asc' },
    writes: 'plain',
    ttlSeconds,
    compaction: 'time-window',
  }
}

/** What polls: the memory that messages are for. */
export interface BusListener {
  /** Whether messages matter: polling ends when they do not. */
  readonly isInUse: boolean
  /** @param invalidation `undefined`: anything may be invalid */
  onInvalid(invalidation: Invalidation | undefined): void
}

/**
 * Sends what is invalid to the other processes, and asks for theirs as long as the memory of this
 * one holds anything. A message that is lost, or late, leaves the bound of the memory tier.
 *
 * A message is a list of keys, and of names of epochs with a separator before them, which no key
 * begins with; without a list it concerns everything.
 */
export class InvalidationBus {
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Pick<Runtime, 'clock' | 'randomBytes'>
  readonly #select: string
  readonly #insert: string
  readonly #sender: string
  readonly #intervalMs: number
  readonly #seen = new LruMap<string, true>(seenCountMax)
  #pending = new Set<string>()
  #isSending = false
  #isPolling = false
  /** The slot in which messages were last asked for. */
  #polledSlot = 0

  constructor(
    runner: PreparedStatementRunner,
    options: {
      readonly name: string
      readonly intervalMs: number
      readonly runtime: Pick<Runtime, 'clock' | 'randomBytes'>
    },
  ) {
    this.#runner = runner
    this.#runtime = options.runtime
    const table = tableText(`${options.name}_bus`)
    this.#select = `SELECT id, sender, keys FROM ${table} WHERE slot = ?`
    this.#insert = `INSERT INTO ${table} (slot, id, sender, keys) VALUES (?, ?, ?, ?) USING TTL ?`
    this.#sender = randomUuid(options.runtime).text
    this.#intervalMs = options.intervalMs
  }

  publish({ keys, epochs }: Invalidation): void {
    for (const key of keys) this.#pending.add(key)
    for (const epoch of epochs) this.#pending.add(separator + epoch)
    if (this.#isSending) return
    this.#isSending = true
    this.#runtime.clock.schedule(collectMs, () => void this.#send(), true)
  }

  /**
   * Asks for messages every interval while the listener is in use.
   *
   * @param sentMs when what it holds was read, by the monotonic clock
   */
  poll(listener: BusListener, sentMs: number): void {
    if (this.#isPolling) return
    this.#isPolling = true
    const { clock } = this.#runtime
    this.#polledSlot = slotOf(clock.nowMs() - (clock.monotonicMs() - sentMs))
    void this.#poll(listener)
  }

  async #poll(listener: BusListener): Promise<void> {
    const { clock } = this.#runtime
    for (;;) {
      await new Promise<void>((resolve) => {
        clock.schedule(this.#intervalMs, resolve)
      })
      if (!listener.isInUse) break
      try {
        await this.#receive(listener)
      } catch {
        // The messages come with the next interval.
      }
    }
    this.#isPolling = false
  }

  async #send(): Promise<void> {
    const items = [...this.#pending]
    let length = 0
    for (const item of items) length += item.length
    const isAll = items.length > keysPerMessageMax || length > messageLengthMax
    this.#pending = new Set()
    this.#isSending = false
    const slot = BigInt(slotOf(this.#runtime.clock.nowMs()))
    const values = [slot, randomUuid(this.#runtime).text, this.#sender, isAll ? null : items]
    try {
      await this.#runner.run(this.#insert, [...values, ttlSeconds], { idempotent: true })
    } catch {
      // The other processes keep what they have until it leaves their memory by itself.
    }
  }

  /** Reads the messages of all slots since the last time that this succeeded. */
  async #receive(listener: BusListener): Promise<void> {
    const current = slotOf(this.#runtime.clock.nowMs())
    const polled = Math.min(this.#polledSlot, current)
    const isTooLate = current - polled > slotCountMax
    // Messages that were not asked for may be gone.
    if (isTooLate) listener.onInvalid(undefined)
    // The one before for messages that came late, the one after for clocks that are ahead.
    for (let slot = (isTooLate ? current : polled) - 1; slot <= current + 1; slot++) {
      const rows = this.#runner.stream<{
        id: string
        sender: string
        keys: readonly string[] | null
      }>(this.#select, [BigInt(slot)])
      for await (const { id, sender, keys } of rows) {
        if (sender === this.#sender || this.#seen.get(id) === true) continue
        this.#seen.set(id, true)
        listener.onInvalid(keys === null ? undefined : invalidationOf(keys))
      }
    }
    this.#polledSlot = current
  }
}

function slotOf(ms: number): number {
  return Math.floor(ms / slotMs)
}

function invalidationOf(items: readonly string[]): Invalidation {
  return {
    keys: items.filter((item) => !item.startsWith(separator)),
    epochs: items.filter((item) => item.startsWith(separator)).map((item) => item.slice(1)),
  }
}
