import { ConfigError, type Consistency, type SerialConsistency } from '../../errors/index.ts'
import {
  LwtClient,
  type LwtCounters,
  PreparedStatementRunner,
  type TableDefinition,
} from '../../kernel/index.ts'
import { type Executor, runtimeOf } from '../../types/index.ts'
import type { Clock, RandomSource } from '../../util/index.ts'
import { algorithms, type Look } from './algorithms.ts'
import { CellRows, cellTable, type WindowKey } from './cell-rows.ts'
import { limitMachine, type LimitAnswer, type LimitAsk, type LimitState } from './limit-machine.ts'
import { limitRows, limitTable } from './limit-rows.ts'
import { type LocalSettings, LocalStrategy } from './local-strategy.ts'
import { type QuorumGrant, type QuorumSettings, QuorumStrategy } from './quorum-strategy.ts'
import type { CheckedRule } from './rules.ts'

export interface LimitStoreOptions {
  /** Name of the tables without what follows it. */
  readonly table: string
  readonly timeoutMs: number
  readonly serialConsistency: SerialConsistency
  readonly consistency: Consistency
  readonly syncMs: number
  readonly clock: Clock
  readonly random: RandomSource
}

/** Where a limiter counts. */
export interface LimitStore {
  readonly lwt: Readonly<LwtCounters> | undefined
  tableDefinitions(): readonly TableDefinition[]
  submit(key: string, ask: LimitAsk): Promise<LimitAnswer>
}

/** Counts in one row per key by conditional writes. */
export class ExactStore implements LimitStore {
  readonly #client: LwtClient<string, LimitState, LimitAsk, LimitAnswer>
  readonly #table: string

  constructor(executor: Executor, options: LimitStoreOptions) {
    this.#table = `${options.table}_keys`
    this.#client = new LwtClient(executor, {
      kind: 'rate-limiter',
      machine: limitMachine,
      createRows: (runner) => limitRows(runner, this.#table, options.clock),
      timeoutMs: options.timeoutMs,
      serialConsistency: options.serialConsistency,
      clock: options.clock,
      random: options.random,
    })
  }

  get lwt(): Readonly<LwtCounters> {
    return this.#client.counters
  }

  tableDefinitions(): readonly TableDefinition[] {
    return [limitTable(this.#table)]
  }

  async submit(key: string, ask: LimitAsk): Promise<LimitAnswer> {
    return await this.#client.submit(key, key, ask)
  }
}

/** Counts windows in one cell per process, for the strategies `quorum` and `local`. */
export class CellStore implements LimitStore {
  readonly lwt = undefined
  readonly #strategy: 'quorum' | 'local'
  readonly #table: string
  readonly #rows: CellRows
  readonly #settings: QuorumSettings & LocalSettings
  #quorum: QuorumStrategy | undefined
  readonly #local = new LocalStrategy()

  constructor(executor: Executor, strategy: 'quorum' | 'local', options: LimitStoreOptions) {
    this.#strategy = strategy
    this.#table = `${options.table}_cells`
    const { clock, random, timeoutMs, syncMs } = options
    const runner = new PreparedStatementRunner(executor, { clock })
    const consistency = strategy === 'quorum' ? options.consistency : 'LOCAL_ONE'
    this.#rows = new CellRows(runner, this.#table, consistency)
    this.#settings = {
      ...{ rows: this.#rows, clock, random, timeoutMs, syncMs },
      randomBytes: runtimeOf(executor).randomBytes,
    }
  }

  tableDefinitions(): readonly TableDefinition[] {
    return [cellTable(this.#table)]
  }

  async submit(key: string, ask: LimitAsk): Promise<LimitAnswer> {
    switch (ask.kind) {
      case 'take':
        return await this.#take(key, ask)
      case 'look':
        return await this.#look(key, ask)
      case 'refund': {
        for (const rule of ask.rules) await this.#refund(idOf(key, rule, ask.takenMs), ask.cost)
        return { ok: true, blockedUntilMs: 0, looks: [] }
      }
      default:
        throw new ConfigError(
          `${ask.kind} needs the strategy exact: with ${this.#strategy} every process has a count of its own`,
        )
    }
  }

  async #take(
    key: string,
    ask: LimitAsk & { readonly kind: 'take' | 'look' },
  ): Promise<LimitAnswer> {
    const { rules, cost, nowMs, isForced } = ask
    const rule = rules[0]!
    const id = idOf(key, rule, nowMs)
    const demand = { limit: rule.limit, cost, isForced }
    const granted =
      this.#strategy === 'local'
        ? this.#local.take(id, demand, this.#settings)
        : await (await this.#shareQuorum()).take(id, demand, this.#settings)
    return answerOf(id, rule, cost, granted)
  }

  async #look(
    key: string,
    ask: LimitAsk & { readonly kind: 'take' | 'look' },
  ): Promise<LimitAnswer> {
    const { rules, cost, nowMs } = ask
    const rule = rules[0]!
    const id = idOf(key, rule, nowMs)
    const used = await this.#used(id)
    return answerOf(id, rule, cost, { ok: used + cost <= rule.limit, used })
  }

  async #used(id: WindowKey): Promise<number> {
    if (this.#strategy === 'local') return await this.#local.look(id, this.#settings)
    let used = 0
    for (const units of (await this.#rows.read(id, this.#settings.timeoutMs)).values()) {
      used += units
    }
    return used
  }

  async #refund(id: WindowKey, cost: number): Promise<void> {
    if (this.#strategy === 'local') this.#local.refund(id, cost, this.#settings)
    else (await this.#shareQuorum()).refund(id, cost, this.#settings)
  }

  async #shareQuorum(): Promise<QuorumStrategy> {
    const create = (): QuorumStrategy => new QuorumStrategy()
    this.#quorum ??= await this.#rows.share(create, this.#settings.timeoutMs)
    return this.#quorum
  }
}

function idOf(key: string, { windowMs }: CheckedRule, nowMs: number): WindowKey {
  return { key, windowMs, window: Math.floor(nowMs / windowMs) }
}

function answerOf(
  { window, windowMs }: WindowKey,
  rule: CheckedRule,
  cost: number,
  { ok, used }: QuorumGrant,
): LimitAnswer {
  const look: Look = algorithms.fixed.look([window, used], rule, cost, window * windowMs)
  return { ok, blockedUntilMs: 0, looks: [{ ...look, fits: ok }] }
}
