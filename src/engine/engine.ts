import { ClosedError, type Consistency, type SerialConsistency } from '../errors/index.ts'
import type { RawValue, SchemaChange } from '../protocol/index.ts'
import { randomUuid, TimeUuidGenerator } from '../types/index.ts'
import { type Clock, type Runtime, runtimeWithClock } from '../util/index.ts'
import { type AnswerLimits, answerLimitsDefault, type AnswerMemory } from './answer-memory.ts'
import { type BatchKind, checkBatch } from './analyze/batch.ts'
import type { ModifyPlan } from './analyze/modify.ts'
import { prepareStatement, prepareText } from './analyze/prepare.ts'
import type { PlanDependency, PreparedPlan } from './analyze/prepared-plan.ts'
import type { SelectPlan } from './analyze/select.ts'
import { CommitGate } from './commit-gate.ts'
import { Catalog, type SchemaListener } from './catalog/catalog.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import { appliedAnswer, type ConditionalPart, ConditionalRequest } from './execute/conditional.ts'
import { type BatchLimits, batchLimitsDefault, batchWarnings } from './execute/batch-limits.ts'
import { checkPartitionKeys, mutationsOf, timestampOfPlan } from './execute/modify.ts'
import { type EngineResult, voidResult } from './execute/result.ts'
import { executeSelect } from './execute/select.ts'
import { invalid } from './errors.ts'
import { LongReads } from './long-reads.ts'
import { PlanCache } from './plan-cache.ts'
import type { EngineServices, QueryContext } from './query-context.ts'
import type { Mutation, RowReader, RowStore } from './rows/index.ts'
import { openRowStore } from './rows/open-row-store.ts'
import { CooperativeScheduler, type KvStore, MemoryStore } from './storage/index.ts'
import { CompactionScheduler } from './compaction-scheduler.ts'
import { WriteClock } from './write-clock.ts'
import { checkValueCount } from './value-count.ts'
import { type Timestamp, timestampOf, timestampOfMicros } from './timestamp.ts'

export interface EngineOptions {
  readonly storage: KvStore
  /** Clock, randomness and scheduling. Default: those of the process. */
  readonly runtime?: Runtime
  /** Replaces the clock of the runtime. */
  readonly clock?: Clock | undefined
  /** Name of the data center keyspaces may be replicated to. */
  readonly dataCenter?: string
  /** Limits of batches on several partitions. Default: those of Cassandra. */
  readonly batchLimits?: Partial<BatchLimits> | undefined
  /** Memory that the answers to clients may take. */
  readonly answerLimits?: Partial<AnswerLimits> | undefined
}

/** Options of one execution. */
export interface EngineExecuteOptions {
  readonly consistency?: Consistency | undefined
  readonly serialConsistency?: SerialConsistency | undefined
  /** Rows per page; 0 or `undefined` disables paging. */
  readonly pageSize?: number | undefined
  readonly pagingState?: Uint8Array | undefined
  /** Default write timestamp in microseconds. Default: the clock of the engine. */
  readonly timestamp?: bigint | undefined
  readonly signal?: AbortSignal | undefined
  /** Counts the bytes of the answers to the client that asks. Default: those of the process. */
  readonly memory?: AnswerMemory | undefined
  /** Source of the tables of the node that executes the statement. */
  readonly tableSource?: TableSource | undefined
}

/** A statement of a BATCH request with its values. */
export interface EngineBatchEntry {
  readonly prepared: PreparedPlan
  readonly values: readonly RawValue[]
}

/** Source of the rows of tables that are not in the engine's store: those of the node itself. */
export interface TableSource {
  /** Returns the current rows; `undefined` for a table of another source. */
  rowsOf(table: TableSchema): RowReader | undefined
}

/**
 * The CQL database above its storage: statements in, results in wire encoding out. Writes and short
 * reads are done before `execute` returns; only durability and long reads are waited for.
 */
export class Engine {
  readonly catalog: Catalog
  readonly runtime: Runtime
  readonly #storage: KvStore
  readonly #rows: RowStore
  readonly #services: EngineServices
  /** Holds answers back until what they depend on is durable; `undefined` in memory. */
  readonly #gate: CommitGate | undefined
  readonly #batchLimits: BatchLimits
  readonly #compaction: CompactionScheduler
  readonly #longReads: LongReads
  /** Of the answers to callers within the process, who have read them when they get them. */
  readonly #memory: AnswerMemory
  readonly #scheduler: CooperativeScheduler
  readonly #timestamps: WriteClock
  #tableSource: TableSource | undefined
  readonly #plans: PlanCache = new PlanCache()
  #isClosed = false

  constructor(options: EngineOptions) {
    const { storage, dataCenter = 'datacenter1' } = options
    const runtime = runtimeWithClock(options.clock, options.runtime)
    const { clock } = runtime
    this.#batchLimits = { ...batchLimitsDefault, ...options.batchLimits }
    this.runtime = runtime
    this.#storage = storage
    this.#scheduler = new CooperativeScheduler(runtime)
    const answerLimits = { ...answerLimitsDefault, ...options.answerLimits }
    this.#longReads = new LongReads(this.#scheduler, answerLimits)
    this.#memory = this.#longReads.addClient(() => 0)
    this.#rows = openRowStore(storage, clock, this.#scheduler)
    const isDurable = !(storage instanceof MemoryStore)
    this.#timestamps = new WriteClock({ clock, kv: storage, isDurable })
    const timeUuids = new TimeUuidGenerator(clock, runtime.randomBytes(8))
    this.#services = {
      rows: this.#rows,
      longReads: this.#longReads,
      scheduler: this.#scheduler,
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      nextTimestampMicros: () => this.#timestamps.next(),
      nextTimeUuid: () => timeUuids.next().toBytes(),
      randomUuid: () => randomUuid(runtime).toBytes(),
    }
    this.catalog = new Catalog(storage, {
      dataCenter,
      nowMicros: () => BigInt(this.#timestamps.next()),
      timeUuid: () => timeUuids.next().toString(),
      randomUuid: () => randomUuid(runtime).toString(),
    })
    this.#gate = isDurable ? new CommitGate(storage, this.catalog) : undefined
    const tableOf = (generation: number): TableSchema | undefined =>
      this.catalog.tableOfGeneration(generation)
    this.#compaction = new CompactionScheduler({ rows: this.#rows, clock, tableOf })
    // The content of an existing store is unknown, so all its tables may need compaction.
    for (const generation of this.catalog.generations())
      this.#rows.compactionCandidates.add(generation)
    this.#compaction.wake()
    this.#dropLater(this.catalog.droppedGenerations)
  }

  static open(options: EngineOptions): Engine {
    return new Engine(options)
  }

  get clock(): Clock {
    return this.runtime.clock
  }

  /** Resolves in a later turn of the event loop, after everything that is due. */
  nextTurn(): Promise<void> {
    return this.#scheduler.nextTurn()
  }

  /**
   * Counts the answers to a client, whose reads then share the engine with those of other clients.
   *
   * @param unsentBytes returns the bytes that were sent to the client and that it has not taken
   */
  addClient(unsentBytes: () => number): AnswerMemory {
    return this.#longReads.addClient(unsentBytes)
  }

  /** Bytes of the answers to all clients: incomplete, waiting for a commit, or not read. */
  get answerBytes(): number {
    return this.#longReads.bytes
  }

  /** Ends the reads of a client that is gone. */
  removeClient(memory: AnswerMemory): void {
    this.#longReads.removeClient(memory)
  }

  /** Calls `listener` after every change of the schema; returns the function that ends it. */
  onSchemaChange(listener: SchemaListener): () => void {
    return this.catalog.onChange(listener)
  }

  /**
   * Reads the tables of the node itself, which the catalog has as virtual, from `source`, unless a
   * statement comes with a source of its own.
   */
  readTablesFrom(source: TableSource): void {
    this.#tableSource = source
  }

  /** Parses and analyzes a statement. @throws ServerError with the message of Cassandra */
  prepare(text: string, keyspace?: string): PreparedPlan {
    this.#checkOpen()
    const cached = this.#plans.get(text, keyspace)
    if (cached !== undefined && this.#isCurrent(cached)) return cached
    const prepared = prepareText(this.catalog, text, keyspace)
    if (prepared.plan.kind !== 'schema') this.#plans.set(text, keyspace, prepared)
    return prepared
  }

  /**
   * Whether DDL changed or dropped a table that a statement was prepared against, so that clients
   * must prepare it again. TRUNCATE and options do not count.
   */
  isEvicted(prepared: PreparedPlan): boolean {
    return prepared.dependencies.some((dependency) => {
      if (dependency.kind !== 'table') return false
      const { keyspace, name, columns, id } = dependency.schema
      const current = this.catalog.keyspace(keyspace)?.tables.get(name)?.schema
      return current === undefined || current.columns !== columns || current.id !== id
    })
  }

  /**
   * Resolves when the schema as it is now is durable; `undefined` when it is already. Answers that
   * depend on the schema alone, such as that of PREPARE, wait for it.
   */
  schemaCommit(): Promise<void> | undefined {
    return this.#gate?.schemaCommit()
  }

  /**
   * Resolves when the schema as it is now is durable and the statement that changed it has been
   * answered.
   */
  async schemaAnswered(): Promise<void> {
    if (this.#gate === undefined) return
    await this.#gate.schemaDurable()
    await this.#scheduler.nextTurn()
  }

  /** Executes a statement with values in wire encoding, one per marker. */
  execute(
    prepared: PreparedPlan,
    values: readonly RawValue[] = [],
    options: EngineExecuteOptions = {},
  ): EngineResult | Promise<EngineResult> {
    if (this.#gate === undefined) return this.#execute(prepared, values, options)
    const { memory = this.#memory } = options
    return this.#gate.settle(() => this.#execute(prepared, values, options), memory)
  }

  #execute(
    prepared: PreparedPlan,
    values: readonly RawValue[],
    options: EngineExecuteOptions,
  ): EngineResult | Promise<EngineResult> {
    this.#checkOpen()
    checkValueCount(prepared.markers, values, 'execute')
    const current = this.#current(prepared)
    const { plan } = current
    switch (plan.kind) {
      case 'select':
        return this.#select(current, plan, values, options)
      case 'modify':
        checkWriteConsistency([plan], options)
        return this.#modify([{ plan, query: this.#query(values) }], options, undefined)
      case 'batch': {
        const query = this.#query(values)
        checkWriteConsistency(plan.parts, options)
        const at = timestampOfPlan(plan, query, this.#timestamp(options))
        const parts = plan.parts.map((part) => ({ plan: part, query }))
        return this.#modify(parts, options, plan.type, at)
      }
      case 'no_op':
        return voidResult
      case 'use':
        return this.#use(plan.statement.keyspace)
      case 'truncate':
        return this.#truncate(
          plan.statement.table.keyspace ?? current.keyspace,
          plan.statement.table.name,
        )
      case 'schema': {
        const outcome = this.catalog.apply(plan.statement, current.keyspace)
        return this.#schemaChanged(outcome.change, outcome.droppedGenerations)
      }
    }
  }

  /** Executes a text, from a cache of plans when it was executed before. */
  query(
    text: string,
    keyspace?: string,
    values: readonly RawValue[] = [],
    options: EngineExecuteOptions = {},
  ): EngineResult | Promise<EngineResult> {
    const prepared = this.prepare(text, keyspace)
    checkValueCount(prepared.markers, values, 'query')
    return this.execute(prepared, values, options)
  }

  /** Executes a BATCH request. */
  batch(
    type: BatchKind,
    entries: readonly EngineBatchEntry[],
    options: EngineExecuteOptions = {},
  ): EngineResult | Promise<EngineResult> {
    if (this.#gate === undefined) return this.#batch(type, entries, options)
    const { memory = this.#memory } = options
    return this.#gate.settle(() => this.#batch(type, entries, options), memory)
  }

  #batch(
    type: BatchKind,
    entries: readonly EngineBatchEntry[],
    options: EngineExecuteOptions,
  ): EngineResult | Promise<EngineResult> {
    this.#checkOpen()
    const parts = entries.map(({ prepared, values }): ConditionalPart => {
      const current = this.#current(prepared)
      const { plan } = current
      if (plan.kind !== 'modify') {
        throw invalid(
          'Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.',
        )
      }
      checkValueCount(current.markers, values, 'batch')
      return { plan, query: this.#query(values) }
    })
    const plans = parts.map(({ plan }) => plan)
    checkBatch(type, plans, false)
    checkWriteConsistency(plans, options)
    return this.#modify(parts, options, type)
  }

  /** Resolves when all acknowledged writes are durable. The caller closes the storage. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#longReads.close()
    await this.#compaction.close()
    this.#timestamps.persist()
    await this.#rows.commit()
  }

  /** Persists the state that an engine on a copy of the store needs. */
  prepareCopy(): void {
    this.#checkOpen()
    this.#timestamps.persist()
  }

  /** The store below, for forks, compaction and measurements. */
  get storage(): KvStore {
    return this.#storage
  }

  get rows(): RowStore {
    return this.#rows
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('engine')
  }

  /** The plan for the tables as they are now: TRUNCATE and options replace their schemas. */
  #current(prepared: PreparedPlan): PreparedPlan {
    if (this.#isCurrent(prepared)) return prepared
    return prepareStatement(this.catalog, prepared.statement, prepared.text, prepared.keyspace)
  }

  #isCurrent({ dependencies }: PreparedPlan): boolean {
    for (let i = 0; i < dependencies.length; i++) {
      if (!this.#isUnchanged(dependencies[i]!)) return false
    }
    return true
  }

  #isUnchanged(dependency: PlanDependency): boolean {
    if (dependency.kind === 'table') {
      const { keyspace, name } = dependency.schema
      return this.catalog.keyspace(keyspace)?.tables.get(name)?.schema === dependency.schema
    }
    const { keyspace, name } = dependency.type
    return this.catalog.keyspace(keyspace)?.types.get(name) === dependency.type
  }

  #query(values: readonly RawValue[]): QueryContext {
    const nowMs = this.clock.nowMs()
    return { values, services: this.#services, nowMs, nowSeconds: Math.floor(nowMs / 1000) }
  }

  #timestamp({ timestamp }: EngineExecuteOptions): Timestamp {
    if (timestamp === undefined) return timestampOfMicros(this.#timestamps.next())
    this.#timestamps.observe(timestamp)
    return timestampOf(timestamp)
  }

  #select(
    prepared: PreparedPlan,
    plan: SelectPlan,
    values: readonly RawValue[],
    options: EngineExecuteOptions,
  ): EngineResult | Promise<EngineResult> {
    if (options.consistency === 'ANY') {
      throw invalid('ANY ConsistencyLevel is only supported for writes')
    }
    const source = options.tableSource ?? this.#tableSource
    const reader = source?.rowsOf(plan.table) ?? this.#rows
    const { memory = this.#memory } = options
    const selectOptions = {
      pageSize: options.pageSize ?? 0,
      pagingState: options.pagingState,
      signal: options.signal,
      memory,
      currentPlan: () => {
        const current = this.#current(prepared).plan
        return current.kind === 'select' ? current : plan
      },
    }
    const outcome = executeSelect(plan, this.#query(values), selectOptions, reader)
    if (this.#gate === undefined || !(outcome instanceof Promise)) return outcome
    return this.#gate.settleLongRead(outcome, memory)
  }

  #modify(
    parts: readonly ConditionalPart[],
    options: EngineExecuteOptions,
    batch: BatchKind | undefined,
    batchTimestamp?: Timestamp,
  ): EngineResult | Promise<EngineResult> {
    const first = parts[0]
    if (first === undefined) return voidResult
    const timestamp = batchTimestamp ?? this.#timestamp(options)
    const { nowSeconds } = first.query
    if (parts.some(({ plan }) => plan.condition !== undefined)) {
      const at = timestampOfMicros(this.#timestamps.ballot())
      const decision = new ConditionalRequest(parts, batch !== undefined).decide(at)
      if ('refused' in decision) return decision.refused
      this.#write(decision.mutations, nowSeconds)
      return this.#durable(appliedAnswer(first.plan.table))
    }
    const mutations: Mutation[] = []
    if (parts.some(({ plan }) => plan.requiresRead)) {
      for (const { plan, query } of parts) checkPartitionKeys(plan, query)
    }
    for (const { plan, query } of parts) {
      for (const mutation of mutationsOf(plan, query, timestamp)) mutations.push(mutation)
    }
    const warnings =
      batch === undefined ? [] : batchWarnings(mutations, batch === 'logged', this.#batchLimits)
    this.#write(mutations, nowSeconds)
    return this.#durable(warnings.length === 0 ? voidResult : { kind: 'void', warnings })
  }

  #write(mutations: readonly Mutation[], nowSeconds: number): void {
    this.#rows.apply(mutations, nowSeconds)
    this.#timestamps.persistPeriodically()
    if (this.#rows.compactionCandidates.size > 0) this.#compaction.wake()
  }

  #durable(result: EngineResult): EngineResult | Promise<EngineResult> {
    return this.#gate === undefined ? result : this.#gate.commit().then(() => result)
  }

  #use(keyspace: string): EngineResult {
    if (this.catalog.keyspace(keyspace) === undefined) {
      throw invalid(`Keyspace '${keyspace}' does not exist`)
    }
    return { kind: 'set_keyspace', keyspace, warnings: [] }
  }

  #truncate(keyspace: string | undefined, name: string): EngineResult | Promise<EngineResult> {
    const generation = this.catalog.truncate(this.catalog.keyspaceOf(keyspace, undefined), name)
    this.#dropLater([generation])
    return this.#durable(voidResult)
  }

  #schemaChanged(
    change: SchemaChange | undefined,
    generations: readonly number[],
  ): EngineResult | Promise<EngineResult> {
    this.#dropLater(generations)
    if (change === undefined) return voidResult
    return this.#durable({ kind: 'schema_change', change, warnings: [] })
  }

  /** Those rows can no longer be reached, so nothing waits for their removal. */
  #dropLater(generations: readonly number[]): void {
    if (generations.length === 0) return
    Promise.all(generations.map((generation) => this.#rows.dropGeneration(generation)))
      .then(() => this.catalog.forgetDropped(generations))
      // A store that fails here fails its next write as well, which reports the error. The next
      // engine on the store removes the remaining rows.
      .catch(() => undefined)
  }
}

/** ConsistencyLevel.validateForWrite and validateCounterForWrite */
function checkWriteConsistency(
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
