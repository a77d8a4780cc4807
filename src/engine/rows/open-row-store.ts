import type { Clock } from '../../util/index.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import { tableRange } from '../keys/index.ts'
import {
  CooperativeScheduler,
  deleteRange,
  type KvStore,
  prefixRange,
  WriteBatch,
} from '../storage/index.ts'
import { Compaction } from './compaction.ts'
import { MutationWriter } from './mutation-writer.ts'
import type { Mutation } from './mutation.ts'
import type { RowChangeListener } from './row-change-listener.ts'
import { stateKey, TableStates } from './partition-state.ts'
import type { RowSnapshot, RowStore } from './reader.ts'
import { StoredRows, StoredRowsSnapshot } from './stored-rows.ts'

class KvRowStore extends StoredRows implements RowStore {
  readonly #kv: KvStore
  readonly #scheduler: CooperativeScheduler
  readonly #batch: WriteBatch = new WriteBatch()
  readonly #writer: MutationWriter
  readonly compactionCandidates: Set<number> = new Set()

  constructor(
    kv: KvStore,
    clock: Clock,
    scheduler: CooperativeScheduler,
    listener: RowChangeListener | undefined,
  ) {
    super(kv, new TableStates(kv), clock)
    this.#kv = kv
    this.#scheduler = scheduler
    this.#writer = new MutationWriter(
      kv,
      this.states,
      this.#batch,
      this.compactionCandidates,
      listener,
    )
  }

  apply(mutations: readonly Mutation[], nowSeconds: number = this.#nowSeconds()): void {
    this.#batch.clear()
    try {
      this.#writer.write(mutations, nowSeconds)
      this.#kv.write(this.#batch)
    } catch (error) {
      this.states.forgetAll()
      throw error
    }
  }

  commit(): Promise<void> {
    return this.#kv.commit()
  }

  snapshot(): RowSnapshot {
    return new StoredRowsSnapshot(this.#kv.snapshot(), this.states, this.clock)
  }

  async dropGeneration(generation: number): Promise<void> {
    this.states.forget(generation)
    this.compactionCandidates.delete(generation)
    await deleteRange(this.#kv, tableRange(generation), this.#scheduler)
    await deleteRange(this.#kv, prefixRange(stateKey(generation)), this.#scheduler)
    // Reads that had begun before may have looked it up again.
    this.states.forget(generation)
  }

  async compact(tableNow: () => TableSchema | undefined): Promise<number> {
    const table = tableNow()
    if (table === undefined) return Number.POSITIVE_INFINITY
    const { generation } = table
    this.compactionCandidates.delete(generation)
    try {
      const compaction = new Compaction(
        this.#kv,
        this.states,
        tableNow,
        this.#nowSeconds(),
        this.#scheduler,
      )
      return await compaction.run(generation)
    } catch (error) {
      this.compactionCandidates.add(generation)
      throw error
    }
  }

  #nowSeconds(): number {
    return Math.floor(this.clock.nowMs() / 1000)
  }
}

/**
 * Rows in a key-value store, which its owner closes.
 *
 * @param listener is called for every row that a write changes
 */
export function openRowStore(
  kv: KvStore,
  clock: Clock,
  scheduler: CooperativeScheduler = new CooperativeScheduler(),
  listener?: RowChangeListener,
): RowStore {
  return new KvRowStore(kv, clock, scheduler, listener)
}
