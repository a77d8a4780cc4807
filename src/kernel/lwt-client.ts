import type { Consistency, SerialConsistency } from '../errors/index.ts'
import { type Executor, runtimeOf } from '../types/index.ts'
import type { Clock, RandomSource } from '../util/index.ts'
import { LwtExecutor } from './lwt-executor.ts'
import type { LwtMachine } from './lwt-machine.ts'
import type { LwtCounters, LwtSettings } from './lwt-register.ts'
import type { LwtTable } from './lwt-table.ts'
import { PreparedStatementRunner } from './prepared-statement-runner.ts'

export interface LwtClientOptions<Key, State, Ask, Answer> {
  /** Kind of the pattern: clients of one kind and table share what they know. */
  readonly kind: string
  readonly machine: LwtMachine<State, Ask, Answer>
  readonly createRows: (runner: PreparedStatementRunner) => LwtTable<Key, State>
  /** Deadline of a request, in milliseconds. */
  readonly timeoutMs: number
  readonly serialConsistency: SerialConsistency
  /** Level at which writes are acknowledged. Default: that of the executor. */
  readonly consistency?: Consistency | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

const noCounters: Readonly<LwtCounters> = {
  requests: 0,
  conditionalWrites: 0,
  conflicts: 0,
  ambiguousWrites: 0,
  serialReads: 0,
}

/** What a pattern needs to execute requests on the rows of its table. */
export class LwtClient<Key, State, Ask, Answer> {
  readonly #options: LwtClientOptions<Key, State, Ask, Answer>
  readonly #runner: PreparedStatementRunner
  readonly #rows: LwtTable<Key, State>
  readonly #settings: LwtSettings<Key, State>
  /** Shared by all clients of this kind and table in the process; set by the first request. */
  #executor: LwtExecutor<Key, State, Ask, Answer> | undefined

  constructor(executor: Executor, options: LwtClientOptions<Key, State, Ask, Answer>) {
    this.#options = options
    const { timeoutMs, serialConsistency, consistency } = options
    const runtime = runtimeOf(executor)
    const { clock = runtime.clock, random = runtime.random } = options
    this.#runner = new PreparedStatementRunner(executor, {
      ...{ serialConsistency, consistency, clock },
    })
    this.#rows = options.createRows(this.#runner)
    this.#settings = {
      ...{ rows: this.#rows, timeoutMs, serialConsistency },
      ...{ clock, random, randomBytes: runtime.randomBytes },
    }
  }

  get counters(): Readonly<LwtCounters> {
    return this.#executor?.counters ?? noCounters
  }

  /**
   * Executes a request on the row `key`.
   *
   * @param name of the row, unique per key
   * @param timeoutMs deadline of this request, PREPARE included
   */
  async submit(
    name: string,
    key: Key,
    ask: Ask,
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<Answer> {
    const settings =
      timeoutMs === this.#settings.timeoutMs ? this.#settings : { ...this.#settings, timeoutMs }
    const deadlineMs = settings.clock.monotonicMs() + timeoutMs
    this.#executor ??= await this.#shareExecutor(timeoutMs)
    return await this.#executor.submit(name, key, ask, settings, deadlineMs)
  }

  /**
   * State that all clients of this table in the process share.
   *
   * @param kind what it is; callers of one kind want the same `T`
   * @param timeoutMs bounds the PREPARE that tells the table
   */
  share<T>(kind: string, create: () => T, timeoutMs: number = this.#options.timeoutMs): Promise<T> {
    return this.#runner.share(kind, this.#rows.selectText, create, { timeout: timeoutMs })
  }

  #shareExecutor(timeoutMs: number): Promise<LwtExecutor<Key, State, Ask, Answer>> {
    const { kind, machine } = this.#options
    return this.share(kind, () => new LwtExecutor(machine), timeoutMs)
  }
}
