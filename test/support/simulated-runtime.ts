import { createRandom, type RandomSource, type Runtime } from '../../src/util/index.ts'
import { VirtualClock } from './virtual-clock.ts'

/**
 * Time, randomness and scheduling that follow from a seed. Callbacks run one at a time and only
 * inside {@link SimulatedRuntime.run}: all ticks first, then the turns in an order of the seed;
 * when nothing is left, time moves on to the next timer.
 */
export class SimulatedRuntime implements Runtime {
  readonly clock: VirtualClock = new VirtualClock()
  readonly random: RandomSource
  readonly #ticks: (() => void)[] = []
  readonly #turns: (() => void)[] = []

  constructor(seed: number) {
    this.random = createRandom(seed)
  }

  readonly randomBytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => Math.floor(this.random() * 256))

  readonly defer = (callback: () => void): void => {
    queueMicrotask(callback)
  }

  readonly nextTick = (callback: () => void): void => {
    this.#ticks.push(callback)
  }

  readonly nextTurn = (callback: () => void): void => {
    this.#turns.push(callback)
  }

  /**
   * Runs callbacks and timers until `work` settles.
   *
   * @param limitMs virtual time after which `work` hangs
   */
  async run<T>(work: Promise<T>, limitMs: number): Promise<T> {
    const endMs = this.clock.monotonicMs() + limitMs
    let isSettled = false
    const settle = (): void => {
      isSettled = true
    }
    work.then(settle, settle)
    for (;;) {
      // Every promise that can go on does so before the next callback.
      await new Promise((resolve) => setImmediate(resolve))
      if (isSettled) return await work
      if (this.clock.monotonicMs() > endMs) throw new Error(`hangs after ${limitMs} ms`)
      if (!this.#runNext()) throw new Error('hangs: nothing is left to happen')
    }
  }

  #runNext(): boolean {
    const tick = this.#ticks.shift()
    if (tick !== undefined) {
      tick()
      return true
    }
    if (this.#turns.length > 0) {
      const [turn] = this.#turns.splice(Math.floor(this.random() * this.#turns.length), 1)
      turn!()
      return true
    }
    return this.clock.runNext()
  }
}
