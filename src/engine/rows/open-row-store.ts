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
import { deletionFlagsKey, DeletionFlags } from './partition-state.ts'
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
    super(kv, new DeletionFlags(kv), clock)
    this.#kv = kv
    this.#scheduler = scheduler
    this.#writer = new MutationWriter(
      kv,
      this.deletionFlags,
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
      this.deletionFlags.forgetAll()
      throw error
    }
  }

  commit(): Promise<void> {
    return this.#kv.commit()
  }

  snapshot(): RowSnapshot {
    return new StoredRowsSnapshot(this.#kv.snapshot(), this.clock)
  }

  async dropGeneration(generation: number): Promise<void> {
    this.deletionFlags.forget(generation)
    this.compactionCandidates.delete(generation)
    await deleteRange(this.#kv, tableRange(generation), this.#scheduler)
    await deleteRange(this.#kv, prefixRange(deletionFlagsKey(generation)), this.#scheduler)
    // Reads that started earlier may have looked it up again.
    this.deletionFlags.forget(generation)
  }

  async compact(tableNow: () => TableSchema | undefined): Promise<number> {
    const table = tableNow()
    if (table === undefined) return Number.POSITIVE_INFINITY
    const { generation } = table
    this.compactionCandidates.delete(generation)
    try {
      const compaction = new Compaction(
        this.#kv,
        this.deletionFlags,
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
