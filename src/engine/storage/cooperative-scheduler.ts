import { type Runtime, systemRuntime } from '../../util/index.ts'

/**
 * Schedules long work of one engine over turns of the event loop. Each waiting task gets one turn,
 * in order of arrival, so a turn contains one slice of work however many tasks there are.
 */
export class CooperativeScheduler {
  readonly #runtime: Runtime
  readonly #waiting: (() => void)[] = []

  constructor(runtime: Runtime = systemRuntime) {
    this.#runtime = runtime
  }

  /** Whether long work waits for its turn, so that new work should be short. */
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
