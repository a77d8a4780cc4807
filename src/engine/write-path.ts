import { type BatchKind, type BatchPlan, checkBatch } from './analyze/batch.ts'
import type { ModifyPlan } from './analyze/modify.ts'
import { afterCommit, type CommitGate } from './commit-gate.ts'
import type { CompactionScheduler } from './compaction-scheduler.ts'
import type { EngineExecuteOptions } from './engine-options.ts'
import { invalid } from './errors.ts'
import { type BatchLimits, batchWarnings } from './execute/batch-limits.ts'
import { appliedAnswer, type ConditionalPart, ConditionalRequest } from './execute/conditional.ts'
import { checkClusteringLengths } from './execute/key-values.ts'
import { checkPartitionKeys, mutationsOf, timestampOfPlan } from './execute/modify.ts'
import { type EngineResult, voidResult } from './execute/result.ts'
import type { QueryContext } from './query-context.ts'
import type { Mutation, RowStore } from './rows/index.ts'
import { type Timestamp, timestampOf, timestampOfMicros } from './timestamp.ts'
import type { WriteClock } from './write-clock.ts'

export interface WritePathOptions {
  readonly rows: RowStore
  readonly clock: WriteClock
  readonly compaction: CompactionScheduler
  readonly batchLimits: BatchLimits
  /** Holds the answers back until the writes are durable; `undefined` in memory. */
  readonly gate: CommitGate | undefined
}

type Answer = EngineResult | Promise<EngineResult>

/** Executes INSERT, UPDATE, DELETE and batches of them. Answers wait until the write is durable. */
export class WritePath {
  readonly #rows: RowStore
  readonly #clock: WriteClock
  readonly #compaction: CompactionScheduler
  readonly #batchLimits: BatchLimits
  readonly #gate: CommitGate | undefined

  constructor({ rows, clock, compaction, batchLimits, gate }: WritePathOptions) {
    this.#rows = rows
    this.#clock = clock
    this.#compaction = compaction
    this.#batchLimits = batchLimits
    this.#gate = gate
  }

  /** Executes one statement. @throws ServerError with the message of Cassandra */
  modify(plan: ModifyPlan, query: QueryContext, options: EngineExecuteOptions): Answer {
    checkWriteConsistency([plan], options)
    return this.#execute([{ plan, query }], this.#timestamp(options), undefined)
  }

  /** Executes the text of a BATCH statement, whose parts share the values. */
  batchStatement(plan: BatchPlan, query: QueryContext, options: EngineExecuteOptions): Answer {
    checkWriteConsistency(plan.parts, options)
    const timestamp = timestampOfPlan(plan, query, this.#timestamp(options))
    const parts = plan.parts.map((part) => ({ plan: part, query }))
    return this.#execute(parts, timestamp, plan.type)
  }

  /** Executes a BATCH request, whose parts have values of their own. */
  batchRequest(
    kind: BatchKind,
    parts: readonly ConditionalPart[],
    options: EngineExecuteOptions,
  ): Answer {
    const plans = parts.map(({ plan }) => plan)
    checkBatch(kind, plans, false)
    checkWriteConsistency(plans, options)
    if (parts.length === 0) return voidResult
    return this.#execute(parts, this.#timestamp(options), kind)
  }

  /** Returns the timestamp of the client, or a new one. */
  #timestamp({ timestamp }: EngineExecuteOptions): Timestamp {
    if (timestamp === undefined) return timestampOfMicros(this.#clock.next())
    this.#clock.observe(timestamp)
    return timestampOf(timestamp)
  }

  #execute(
    parts: readonly ConditionalPart[],
    timestamp: Timestamp,
    batch: BatchKind | undefined,
  ): Answer {
    const first = parts[0]
    if (first === undefined) return voidResult
    const { nowSeconds } = first.query
    if (parts.some(({ plan }) => plan.condition !== undefined)) {
      const at = timestampOfMicros(this.#clock.ballot())
      const decision = new ConditionalRequest(parts, batch !== undefined).decide(at)
      if ('refused' in decision) return decision.refused
      this.#write(decision.mutations, nowSeconds)
      return afterCommit(this.#gate, appliedAnswer(first.plan.table))
    }
    const mutations: Mutation[] = []
    if (parts.some(({ plan }) => plan.requiresRead)) {
      for (const { plan, query } of parts) checkPartitionKeys(plan, query)
    }
    for (const { plan, query } of parts) {
      for (const mutation of mutationsOf(plan, query, timestamp)) {
        checkClusteringLengths(mutation.changes)
        mutations.push(mutation)
      }
    }
    const warnings =
      batch === undefined ? [] : batchWarnings(mutations, batch === 'logged', this.#batchLimits)
    this.#write(mutations, nowSeconds)
    return afterCommit(this.#gate, warnings.length === 0 ? voidResult : { kind: 'void', warnings })
  }

  #write(mutations: readonly Mutation[], nowSeconds: number): void {
    // First: a store that refuses it must not have applied the write, which is reported as failed.
    this.#clock.persistPeriodically()
    this.#rows.apply(mutations, nowSeconds)
    if (this.#rows.compactionCandidates.size > 0) this.#compaction.wake()
  }
}

/** ConsistencyLevel.validateForWrite and validateCounterForWrite */
export function checkWriteConsistency(
  plans: readonly ModifyPlan[],
  { consistency, serialConsistency }: EngineExecuteOptions,
): void {
  const isConditional = plans.some((plan) => plan.condition !== undefined)
  const counter = plans.find((plan) => plan.table.isCounter)
  const isSerial = consistency === 'SERIAL' || consistency === 'LOCAL_SERIAL'
  if (isConditional) {
    if (serialConsistency !== undefined && !serialConsistency.endsWith('SERIAL')) {
      throw invalid(
        'Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL',
      )
    }
    return
  }
  if (counter !== undefined) {
    if (consistency === 'ANY') {
      throw invalid(
        `Consistency level ANY is not yet supported for counter table ${counter.table.name}`,
      )
    }
    if (isSerial) throw invalid('Counter operations are inherently non-serializable')
  }
  if (isSerial) throw invalid('You must use conditional updates for serializable writes')
}
