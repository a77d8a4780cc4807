import { ClosedError } from '../errors/index.ts'
import type { RawValue } from '../protocol/index.ts'
import { randomUuid, TimeUuidGenerator } from '../types/index.ts'
import { type Clock, type Runtime, runtimeWithClock } from '../util/index.ts'
import { answerLimitsDefault, type AnswerMemory } from './answer-memory.ts'
import type { BatchKind } from './analyze/batch.ts'
import type { PreparedPlan } from './analyze/prepared-plan.ts'
import type { SelectPlan } from './analyze/select.ts'
import { Catalog, type SchemaListener } from './catalog/catalog.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import { CommitGate } from './commit-gate.ts'
import { CompactionScheduler } from './compaction-scheduler.ts'
import type {
  EngineBatchEntry,
  EngineExecuteOptions,
  EngineOptions,
  TableSource,
} from './engine-options.ts'
import { invalid } from './errors.ts'
import { batchLimitsDefault } from './execute/batch-limits.ts'
import type { ConditionalPart } from './execute/conditional.ts'
import { type EngineResult, voidResult } from './execute/result.ts'
import { executeSelect } from './execute/select.ts'
import { LongReads } from './long-reads.ts'
import { Planner } from './planner.ts'
import type { EngineServices, QueryContext } from './query-context.ts'
import type { RowStore } from './rows/index.ts'
import { openRowStore } from './rows/open-row-store.ts'
import { SchemaPath } from './schema-path.ts'
import { CooperativeScheduler, type KvStore, MemoryStore } from './storage/index.ts'
import { checkValueCount } from './value-count.ts'
import { WriteClock } from './write-clock.ts'
import { WritePath } from './write-path.ts'

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
  readonly #compaction: CompactionScheduler
  readonly #longReads: LongReads
  /** Counts the answers to callers within the process, which have read them on arrival. */
  readonly #memory: AnswerMemory
  readonly #scheduler: CooperativeScheduler
  readonly #timestamps: WriteClock
  readonly #planner: Planner
  readonly #writes: WritePath
  readonly #schema: SchemaPath
  #tableSource: TableSource | undefined
  #isClosed = false

  constructor(options: EngineOptions) {
    const { storage, dataCenters = () => ['datacenter1'] } = options
    const runtime = runtimeWithClock(options.clock, options.runtime)
    const { clock } = runtime
    this.runtime = runtime
    this.#storage = storage
    this.#scheduler = new CooperativeScheduler(runtime)
    const answerLimits = { ...answerLimitsDefault, ...options.answerLimits }
    this.#longReads = new LongReads(this.#scheduler, answerLimits, clock)
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
      dataCenters,
      nowMicros: () => BigInt(this.#timestamps.next()),
      timeUuid: () => timeUuids.next().toString(),
      randomUuid: () => randomUuid(runtime).toString(),
    })
    this.#gate = isDurable ? new CommitGate(storage, this.catalog) : undefined
    const tableOf = (generation: number): TableSchema | undefined =>
      this.catalog.tableOfGeneration(generation)
    this.#compaction = new CompactionScheduler({ rows: this.#rows, clock, tableOf })
    this.#planner = new Planner(this.catalog)
    this.#writes = new WritePath({
      rows: this.#rows,
      clock: this.#timestamps,
      compaction: this.#compaction,
      batchLimits: { ...batchLimitsDefault, ...options.batchLimits },
      gate: this.#gate,
    })
    // The content of an existing store is unknown, so all its tables may need compaction.
    for (const generation of this.catalog.generations())
      this.#rows.compactionCandidates.add(generation)
    this.#compaction.wake()
    this.#schema = new SchemaPath(this.catalog, this.#rows, this.#gate)
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

  /** Ends the reads of a client. What it has not taken still counts. */
  endReads(memory: AnswerMemory): void {
    this.#longReads.endReads(memory)
  }

  /** Ends the reads of a client that is gone, whose answers no longer take memory. */
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
    return this.#planner.prepare(text, keyspace)
  }

  /**
   * Whether DDL changed or dropped a table that a statement was prepared against, so that clients
   * must prepare it again. TRUNCATE and options do not count.
   */
  isEvicted(prepared: PreparedPlan): boolean {
    return this.#planner.isEvicted(prepared)
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
    const current = this.#planner.current(prepared)
    const { plan } = current
    switch (plan.kind) {
      case 'select':
        return this.#select(current, plan, values, options)
      case 'modify':
        return this.#writes.modify(plan, this.#query(values), options)
      case 'batch':
        return this.#writes.batchStatement(plan, this.#query(values), options)
      case 'no_op':
        return voidResult
      case 'use':
        return this.#schema.use(plan.statement.keyspace)
      case 'truncate': {
        const { table } = plan.statement
        return this.#schema.truncate(table.keyspace ?? current.keyspace, table.name)
      }
      case 'schema':
        return this.#schema.apply(plan.statement, current.keyspace)
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
      const current = this.#planner.current(prepared)
      const { plan } = current
      if (plan.kind !== 'modify') {
        throw invalid(
          'Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.',
        )
      }
      checkValueCount(current.markers, values, 'batch')
      return { plan, query: this.#query(values) }
    })
    return this.#writes.batchRequest(type, parts, options)
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

  #query(values: readonly RawValue[]): QueryContext {
    const nowMs = this.clock.nowMs()
    return { values, services: this.#services, nowMs, nowSeconds: Math.floor(nowMs / 1000) }
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
        const current = this.#planner.current(prepared).plan
        return current.kind === 'select' ? current : plan
      },
    }
    const outcome = executeSelect(plan, this.#query(values), selectOptions, reader)
    if (this.#gate === undefined || !(outcome instanceof Promise)) return outcome
    return this.#gate.settleLongRead(outcome, memory)
  }
}
