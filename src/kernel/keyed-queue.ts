/**
 * Runs tasks of one key one after another, tasks of different keys side by side. In front of
 * conditional writes it costs nothing, because the server runs those of one partition one by one
 * anyway, and it keeps callers of one process from outbidding each other's Paxos ballots.
 */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /** Number of keys with tasks that have not ended. */
  get size(): number {
    return this.#tails.size
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const result = before === undefined ? task() : before.then(task)
    const tail = result.then(
      () => {},
      () => {},
    )
    this.#tails.set(key, tail)
    try {
      return await result
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
