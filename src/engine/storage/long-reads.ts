import { ClosedError } from '../../errors/index.ts'

/** Reads that go on in later turns: they end before what they read from is closed. */
export class LongReads {
  readonly #running: Set<Promise<unknown>> = new Set()
  #isClosed = false

  /** @throws ClosedError between two turns of a read, once the engine is being closed */
  checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('engine')
  }

  run<T>(read: () => Promise<T>): Promise<T> {
    const running = read()
    const ended = running.then(
      () => {},
      () => {},
    )
    this.#running.add(ended)
    void ended.then(() => this.#running.delete(ended))
    return running
  }

  /** Resolves when none is running any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#running)
  }
}
