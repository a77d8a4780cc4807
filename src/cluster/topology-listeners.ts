import { ConfigError } from '../errors/index.ts'
import { publishTopology, type TopologyEvent } from '../observability/index.ts'
import { GuardedListener, type Runtime } from '../util/index.ts'

/**
 * Receives {@link TopologyEvent}s. What it throws, or its promise rejects with, is reported as a
 * warning of the process, the first time.
 */
export type TopologyListener = (event: TopologyEvent) => void | Promise<void>

/** Passes changes of the nodes on to the channel and to the listeners of a session, in order. */
export class TopologyListeners {
  readonly #runtime: Runtime
  readonly #listeners = new Set<GuardedListener<TopologyEvent>>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** @returns what ends listening */
  add(listener: TopologyListener): () => void {
    if (typeof listener !== 'function') {
      throw new ConfigError('onTopologyChange takes a function, which receives the events')
    }
    // The same function may be given twice.
    const entry = new GuardedListener('A listener of onTopologyChange', listener)
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  publish(event: TopologyEvent): void {
    Object.freeze(event)
    publishTopology(event)
    if (this.#listeners.size === 0) return
    // A listener may use or close the session, whose nodes are being changed now.
    this.#runtime.nextTick(() => {
      for (const listener of [...this.#listeners]) listener.call(event)
    })
  }

  close(): void {
    this.#listeners.clear()
  }
}
