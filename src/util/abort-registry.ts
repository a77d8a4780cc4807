/** Something that ends when its signal fires. */
export interface Abortable {
  onAborted(reason: unknown): void
}

interface Watch {
  readonly waiting: Set<Abortable>
  readonly onAbort: () => void
}

/**
 * One listener per signal, however many wait for it at a time, of whichever session:
 * `addEventListener` walks the listeners that are there, so one per request would be quadratic. The
 * listener is removed with the last that waits, so a signal that lives for long keeps nothing.
 */
export class AbortRegistry {
  readonly #watches = new WeakMap<AbortSignal, Watch>()

  add(signal: AbortSignal, abortable: Abortable): void {
    const known = this.#watches.get(signal)
    if (known !== undefined) {
      known.waiting.add(abortable)
      return
    }
    const waiting = new Set([abortable])
    const onAbort = (): void => {
      this.#watches.delete(signal)
      for (const one of waiting) one.onAborted(signal.reason)
    }
    this.#watches.set(signal, { waiting, onAbort })
    signal.addEventListener('abort', onAbort, { once: true })
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    const watch = this.#watches.get(signal)
    if (watch === undefined) return
    watch.waiting.delete(abortable)
    if (watch.waiting.size > 0) return
    this.#watches.delete(signal)
    signal.removeEventListener('abort', watch.onAbort)
  }
}

/** The one of this process. */
export const abortRegistry: AbortRegistry = new AbortRegistry()
