import { type Runtime, systemRuntime } from '../../util/index.ts'

/**
 * Gives long work of one engine its turns of the event loop. Everything that waits gets one turn
 * each, in the order it came: however much there is, the slices of a turn do not add up.
 */
export class CooperativeScheduler {
  readonly #runtime: Runtime
  readonly #waiting: (() => void)[] = []

  constructor(runtime: Runtime = systemRuntime) {
    this.#runtime = runtime
  }

  /** Whether long work waits for its turn: what is new should be short. */
  get isContended(): boolean {
    return this.#waiting.length > 0
  }

  /** Resolves when the caller may go on with one slice of its work. */
  yieldTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#runtime.nextTurn(this.#runOne)
    })
  }

  /** Resolves in a later turn, after everything that is due. */
  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#runtime.nextTurn(resolve))
  }

  readonly #runOne = (): void => {
    this.#waiting.shift()!()
    if (this.#waiting.length > 0) this.#runtime.nextTurn(this.#runOne)
  }
}
