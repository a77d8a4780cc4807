import { ActiveMap } from './active-map.ts'
import type { LwtMachine } from './lwt-machine.ts'
import { type LwtCounters, LwtRegister, type LwtSettings } from './lwt-register.ts'

/** Rows without waiting requests whose state is remembered: about 300 bytes each, plus the key. */
const knownCountMax = 10_000

/**
 * Executes conditional writes on the rows of one table: one in flight per row and process, with all
 * requests that wait for the same row in it. What is known of a row is kept, so that the next
 * request needs one conditional write, and none when its answer does not change the row.
 */
export class LwtExecutor<Key, State, Ask, Answer> {
  readonly #machine: LwtMachine<State, Ask, Answer>
  readonly #counters: LwtCounters = {
    requests: 0,
    conditionalWrites: 0,
    conflicts: 0,
    ambiguousWrites: 0,
    serialReads: 0,
  }
  readonly #registers: ActiveMap<LwtRegister<Key, State, Ask, Answer>>

  constructor(machine: LwtMachine<State, Ask, Answer>) {
    this.#machine = machine
    this.#registers = new ActiveMap(
      knownCountMax,
      ({ state }, nowMs) => state === undefined || machine.isPast?.(state, nowMs) === true,
    )
  }

  get counters(): Readonly<LwtCounters> {
    return this.#counters
  }

  /**
   * Executes one request on a row.
   *
   * @param name of the row, unique per key
   * @param deadlineMs by the monotonic clock; the request fails when it passes
   * @throws RequestTimeoutError whose outcome is `unknown` when a write may have been applied
   */
  async submit(
    name: string,
    key: Key,
    ask: Ask,
    settings: LwtSettings<Key, State>,
    deadlineMs: number,
  ): Promise<Answer> {
    this.#counters.requests++
    const create = (): LwtRegister<Key, State, Ask, Answer> =>
      new LwtRegister(key, this.#machine, this.#counters)
    const register = this.#registers.activate(name, create)
    const onIdle = (): void => this.#registers.rest(name, settings.clock.nowMs())
    return await register.submit(ask, settings, deadlineMs, onIdle)
  }
}
