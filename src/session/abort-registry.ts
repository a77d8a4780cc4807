/** Something that ends when its signal fires. */
export interface Abortable {
  onAborted(reason: unknown): void
}

/**
 * One listener per signal, however many requests share it: `addEventListener` walks the listeners
 * that are there, so one per request would be quadratic.
 */
export class AbortRegistry {
  readonly #waiting = new WeakMap<AbortSignal, Set<Abortable>>()

  add(signal: AbortSignal, abortable: Abortable): void {
    const waiting = this.#waiting.get(signal)
    if (waiting !== undefined) {
      waiting.add(abortable)
      return
    }
    const fresh = new Set([abortable])
    this.#waiting.set(signal, fresh)
    signal.addEventListener(
      'abort',
      () => {
        this.#waiting.delete(signal)
        for (const one of fresh) one.onAborted(signal.reason)
      },
      { once: true },
    )
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    this.#waiting.get(signal)?.delete(abortable)
  }
}
