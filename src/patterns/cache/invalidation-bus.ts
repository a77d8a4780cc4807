import {
  LruMap,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
} from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'

/** Length of the partitions of the bus, in milliseconds. */
const slotMs = 5_000
/** Messages are kept this long. */
const ttlSeconds = 300
/** Invalidations are collected for this long, and sent in one row. */
const collectMs = 20
const keysPerMessageMax = 1_000
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

/**
 * Sends invalidated keys to the other processes, and asks for theirs as long as the memory of this
 * one holds anything. A message that is lost, or late, leaves the bound of the memory tier.
 */
export class InvalidationBus {
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Pick<Runtime, 'clock' | 'randomBytes'>
  readonly #table: string
  readonly #sender: string
  readonly #intervalMs: number
  readonly #seen = new LruMap<string, true>(seenCountMax)
  #pending = new Set<string>()
  /** Whether everything is invalid. */
  #isAll = false
  #isSending = false
  #isPolling = false

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
    this.#table = tableText(`${options.name}_bus`)
    this.#sender = randomUuid(options.runtime).text
    this.#intervalMs = options.intervalMs
  }

  /** @param key `undefined` for all keys */
  publish(key: string | undefined): void {
    if (key === undefined) this.#isAll = true
    else this.#pending.add(key)
    if (this.#isSending) return
    this.#isSending = true
    this.#runtime.clock.schedule(collectMs, () => void this.#send(), true)
  }

  /**
   * Asks for messages every interval while `isNeeded` returns `true`.
   *
   * @param onKey receives a key that another process has invalidated, `undefined` for all keys
   */
  poll(isNeeded: () => boolean, onKey: (key: string | undefined) => void): void {
    if (this.#isPolling) return
    this.#isPolling = true
    void this.#poll(isNeeded, onKey)
  }

  async #poll(isNeeded: () => boolean, onKey: (key: string | undefined) => void): Promise<void> {
    const { clock } = this.#runtime
    for (;;) {
      await new Promise<void>((resolve) => {
        clock.schedule(this.#intervalMs, resolve)
      })
      if (!isNeeded()) break
      try {
        await this.#receive(onKey)
      } catch {
        // The messages come with the next interval, or too late.
      }
    }
    this.#isPolling = false
  }

  async #send(): Promise<void> {
    const keys = [...this.#pending]
    const isAll = this.#isAll || keys.length > keysPerMessageMax
    this.#pending = new Set()
    this.#isAll = false
    this.#isSending = false
    const slot = BigInt(Math.floor(this.#runtime.clock.nowMs() / slotMs))
    const values = [slot, randomUuid(this.#runtime).text, this.#sender, isAll ? null : keys]
    try {
      await this.#runner.run(
        `INSERT INTO ${this.#table} (slot, id, sender, keys) VALUES (?, ?, ?, ?) USING TTL ?`,
        [...values, ttlSeconds],
        { idempotent: true },
      )
    } catch {
      // The other processes keep what they have until it leaves their memory by itself.
    }
  }

  async #receive(onKey: (key: string | undefined) => void): Promise<void> {
    const current = Math.floor(this.#runtime.clock.nowMs() / slotMs)
    // The one before for messages that came late, the one after for clocks that are ahead.
    for (const slot of [current - 1, current, current + 1]) {
      const rows = this.#runner.stream<{
        id: string
        sender: string
        keys: readonly string[] | null
      }>(`SELECT id, sender, keys FROM ${this.#table} WHERE slot = ?`, [BigInt(slot)])
      for await (const { id, sender, keys } of rows) {
        if (sender === this.#sender || this.#seen.get(id) === true) continue
        this.#seen.set(id, true)
        if (keys === null) onKey(undefined)
        else for (const key of keys) onKey(key)
      }
    }
  }
}
