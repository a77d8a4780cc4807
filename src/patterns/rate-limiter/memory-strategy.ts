import { LruMap } from '../../kernel/index.ts'
import { type LimitAnswer, type LimitAsk, limitMachine, type LimitState } from './limit-machine.ts'

/** Keys that are counted in memory: about 300 bytes each, plus the key. */
const keyCountMax = 100_000

/** Counts in the memory of this process, by the same rules as the database would. */
export class MemoryStrategy {
  readonly #states = new LruMap<string, LimitState>(keyCountMax)

  submit(key: string, ask: LimitAsk): LimitAnswer {
    const { state, answer } = limitMachine.step(this.#states.get(key), ask, false)
    if (state !== undefined) this.#states.set(key, state)
    return answer
  }
}
