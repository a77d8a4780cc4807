interface Watch {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/**
 * Calls back when a signal aborts, by one listener per signal: with one per caller, Node warns of a
 * leak from the eleventh on.
 *
 * @param signal that has not aborted yet
 * @returns what ends it; the listener is removed with the last caller
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const watch = watches.get(signal) ?? watchOf(signal)
  const { callbacks, listener } = watch
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
    if (callbacks.size > 0 || watches.get(signal) !== watch) return
    watches.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

function watchOf(signal: AbortSignal): Watch {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    watches.delete(signal)
    for (const callback of callbacks) callback()
  }
  const watch = { callbacks, listener }
  watches.set(signal, watch)
  signal.addEventListener('abort', listener, { once: true })
  return watch
}
