import { LruMap } from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import type { CellRows, WindowKey } from './cell-rows.ts'
import type { QuorumDemand, QuorumGrant } from './quorum-strategy.ts'

/** What requests with the strategy `local` need. */
export interface LocalSettings extends Pick<Runtime, 'clock' | 'randomBytes'> {
  readonly rows: CellRows
  readonly timeoutMs: number
  /** How often a window that changes is reconciled with the other processes. */
  readonly syncMs: number
}

interface LocalWindow {
  readonly id: WindowKey
  readonly cell: string
  /** Units that this process has admitted. */
  own: number
  /** Units of the other processes when they were last asked. */
  others: number
  /** Whether a reconciliation is scheduled or running. */
  isSyncing: boolean
}

/** Windows that are counted: about 300 bytes each, plus the key. */
const windowCountMax = 100_000

/**
 * Counts in this process, and exchanges the counts with the other processes in the background. A
 * decision needs no request. Per window, what the other processes admit between two exchanges can
 * exceed the limit.
 */
export class LocalStrategy {
  readonly #windows = new LruMap<string, LocalWindow>(windowCountMax)

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
      window = { id, cell, own: 0, others: 0, isSyncing: false }
      this.#windows.set(name, window)
    }
    return window
  }

  #scheduleSync(window: LocalWindow, settings: LocalSettings): void {
    if (window.isSyncing) return
    window.isSyncing = true
    settings.clock.schedule(settings.syncMs, () => void this.#sync(window, settings))
  }

  /** Failures change nothing: the next request of the window schedules the next exchange. */
  async #sync(window: LocalWindow, { rows, timeoutMs }: LocalSettings): Promise<void> {
    try {
      await rows.write(window.id, window.cell, window.own, timeoutMs)
      let others = 0
      for (const [cell, units] of await rows.read(window.id, timeoutMs)) {
        if (cell !== window.cell) others += units
      }
      window.others = others
    } catch {
      // What is known of the others stays as it is.
    } finally {
      window.isSyncing = false
    }
  }
}

function nameOf({ key, windowMs, window }: WindowKey): string {
  return `${windowMs}/${window}/${key}`
}
