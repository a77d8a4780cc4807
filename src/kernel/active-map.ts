import { LruMap } from './lru-map.ts'

/**
 * What a process knows of many things, by name: those that requests wait for are kept, the others
 * up to a number, the most recently used ones.
 */
export class ActiveMap<V> {
  readonly #active = new Map<string, V>()
  readonly #resting: LruMap<string, V>
  readonly #isPast: (value: V, nowMs: number) => boolean

  /** @param isPast whether a value need not be kept when nothing waits for it */
  constructor(restingCountMax: number, isPast: (value: V, nowMs: number) => boolean) {
    this.#resting = new LruMap(restingCountMax)
    this.#isPast = isPast
  }

  peek(name: string): V | undefined {
    return this.#active.get(name) ?? this.#resting.get(name)
  }

  /** Keeps a value that is known, or else a new one, until `rest`. */
  activate(name: string, create: () => V): V {
    let value = this.#active.get(name)
    if (value === undefined) {
      value = this.#resting.get(name) ?? create()
      this.#resting.delete(name)
      this.#active.set(name, value)
    }
    return value
  }

  /** Nothing waits for the value any more. Drops what is past. */
  rest(name: string, nowMs: number): void {
    const value = this.#active.get(name)
    this.#active.delete(name)
    this.#resting.dropWhile((resting) => this.#isPast(resting, nowMs))
    if (value !== undefined && !this.#isPast(value, nowMs)) this.#resting.set(name, value)
  }
}
