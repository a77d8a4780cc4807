import { LruMap, WriteStamps } from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import { RingQueue, type Runtime } from '../../util/index.ts'
import { type CellRows, nameOf, type WindowKey } from './cell-rows.ts'
import type { QuorumDemand, QuorumGrant } from './quorum-strategy.ts'

/** What requests with the strategy `local` need. */
export interface LocalSettings extends Pick<Runtime, 'clock' | 'random' | 'randomBytes'> {
  readonly rows: CellRows
  readonly timeoutMs: number
  /** How often a window that changes is reconciled with the other processes. */
  readonly syncMs: number
}

interface LocalWindow {
  readonly id: WindowKey
  readonly cell: string
  readonly stamps: WriteStamps
  /** Units that this process has admitted. */
  own: number
  /** What the cell of this process holds, 0 when there is none; `undefined` when not known. */
  written: number | undefined
  /** Units of the other processes when they were last asked. */
  others: number
  /** Whether a reconciliation is scheduled or running. */
  isSyncing: boolean
  /** Whether one was scheduled before. */
  hasSynced: boolean
}

/** Windows that are counted: about 300 bytes each, plus the key. */
const windowCountMax = 100_000
/** Windows that are exchanged at the same time; others wait until one of them is done. */
const exchangeCountMax = 64

/**
 * Counts in this process, and exchanges the counts with the other processes in the background. A
 * decision needs no request. Per window, what the other processes admit between two exchanges can
 * exceed the limit.
 */
export class LocalStrategy {
  readonly #windows = new LruMap<string, LocalWindow>(windowCountMax)
  /** Windows that are due to be exchanged. */
  readonly #due = new RingQueue<LocalWindow>()
  #exchangeCount = 0

  take(
    id: WindowKey,
    { limit, cost, isForced }: QuorumDemand,
    settings: LocalSettings,
  ): QuorumGrant {
    const window = this.#window(id, settings)
    const ok = window.own + window.others + cost <= limit
    if (ok || isForced) window.own += cost
    this.#scheduleSync(window, settings)
    return { ok, used: window.own + window.others }
  }

  /** The units that are used, as far as this process and the table know. */
  async look(id: WindowKey, { rows, timeoutMs }: LocalSettings): Promise<number> {
    const cells = await rows.read(id, timeoutMs)
    const window = this.#windows.get(nameOf(id))
    let used = window?.own ?? 0
    for (const [cell, units] of cells) if (cell !== window?.cell) used += units
    return used
  }

  refund(id: WindowKey, cost: number, settings: LocalSettings): void {
    const window = this.#window(id, settings)
    window.own = Math.max(0, window.own - cost)
    this.#scheduleSync(window, settings)
  }

  #window(id: WindowKey, settings: LocalSettings): LocalWindow {
    const name = nameOf(id)
    let window = this.#windows.get(name)
    if (window === undefined) {
      const cell = randomUuid(settings).text
      window = {
        ...{ id, cell, stamps: new WriteStamps(), own: 0, written: 0, others: 0 },
        ...{ isSyncing: false, hasSynced: false },
      }
      this.#windows.set(name, window)
    }
    return window
  }

  /** Windows that begin together are exchanged at different times, within the interval. */
  #scheduleSync(window: LocalWindow, settings: LocalSettings): void {
    if (window.isSyncing) return
    window.isSyncing = true
    const { clock, random, syncMs } = settings
    const delayMs = window.hasSynced ? syncMs : Math.ceil(syncMs * random())
    window.hasSynced = true
    clock.schedule(delayMs, () => {
      this.#due.push(window)
      this.#exchangeDue(settings)
    })
  }

  #exchangeDue(settings: LocalSettings): void {
    while (this.#exchangeCount < exchangeCountMax) {
      const window = this.#due.shift()
      if (window === undefined) return
      this.#exchangeCount++
      void this.#exchange(window, settings).finally(() => {
        this.#exchangeCount--
        this.#exchangeDue(settings)
      })
    }
  }

  async #exchange(window: LocalWindow, settings: LocalSettings): Promise<void> {
    const { own } = window
    try {
      await this.#exchangeCounts(window, own, settings)
    } catch {
      // What is known of the others stays as it is. The next request schedules the next exchange.
    }
    window.isSyncing = false
    // What was counted meanwhile has scheduled nothing.
    if (window.own !== own) this.#scheduleSync(window, settings)
  }

  /** @param own what this process has counted */
  async #exchangeCounts(
    window: LocalWindow,
    own: number,
    { rows, clock, timeoutMs }: LocalSettings,
  ): Promise<void> {
    const { id, cell: process, stamps } = window
    if (own !== window.written) {
      window.written = undefined
      const stampUs = stamps.next(clock.nowMs())
      await rows.write(id, { process, units: own, stampUs }, timeoutMs)
      window.written = own
    }
    let others = 0
    for (const [cell, units] of await rows.read(id, timeoutMs))
      if (cell !== process) others += units
    window.others = others
  }
}
