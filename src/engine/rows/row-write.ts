import type { TableSchema } from '../catalog/table-schema.ts'
import { type ClusteringKey, clusteringKeyOf, PartitionEntry } from '../encode/index.ts'
import { type KvReader, ValueRef, type WriteBatch } from '../storage/index.ts'
import type { Change, Mutation, RangeDeletion } from './mutation.ts'
import { PartitionDeletions, TableState, type TableStates } from './partition-state.ts'
import { addRangeTombstone, readRangeTombstones, writeRangeTombstones } from './range-tombstones.ts'
import { type Deletion, RowData } from './row-data.ts'
import { RowMerger } from './row-merge.ts'
import { RowUpdate } from './row-update.ts'

/**
 * Turns mutations into puts and deletes of entries: reads what is stored, merges, writes one value.
 * Sees what the same batch wrote before.
 */
export class RowWriter {
  readonly #states: TableStates
  readonly #batch: WriteBatch
  readonly #update: RowUpdate = new RowUpdate()
  readonly #existing: RowData = new RowData()
  readonly #merger: RowMerger = new RowMerger()
  readonly #value: ValueRef = new ValueRef()
  readonly #reader: BatchedReader
  readonly #deletions: PartitionDeletions = new PartitionDeletions()

  readonly #garbage: Set<number>

  /** @param garbage takes the generations of tables that get something that will go by itself */
  constructor(kv: KvReader, states: TableStates, batch: WriteBatch, garbage: Set<number>) {
    this.#states = states
    this.#garbage = garbage
    this.#batch = batch
    this.#reader = new BatchedReader(kv, batch)
  }

  write(mutation: Mutation, nowSeconds: number): void {
    for (const change of mutation.changes) this.#writeChange(mutation, change, nowSeconds)
  }

  #writeChange(mutation: Mutation, change: Change, nowSeconds: number): void {
    const { table } = mutation
    switch (change.kind) {
      case 'row':
        this.#update.setChange(mutation, change, nowSeconds)
        return this.#merge(mutation, change.clustering, nowSeconds)
      case 'deleteRow':
        this.#update.setDeletion(mutation, change.clustering, nowSeconds)
        return this.#merge(mutation, change.clustering, nowSeconds)
      case 'deletePartition': {
        // Without clustering columns the partition is its one row, and its deletion can stay there.
        const isRow = table.clustering.length === 0
        const clustering = isRow ? clusteringKeyOf(table, []) : undefined
        this.#update.setDeletion(mutation, clustering, nowSeconds)
        if (!isRow) this.#states.add(table, TableState.partitionDeletions, this.#batch)
        return this.#merge(mutation, clustering, nowSeconds)
      }
      case 'deleteRange':
        return this.#deleteRange(mutation, change, nowSeconds)
    }
  }

  #merge(mutation: Mutation, clustering: ClusteringKey | undefined, nowSeconds: number): void {
    const { table, partition } = mutation
    const { prefix } = partition
    const entry = clustering === undefined ? PartitionEntry.header : clustering.key
    const outer = clustering === undefined ? undefined : this.#outer(table, prefix, clustering.key)
    this.#rewrite(prefix + entry, this.#update.row, {
      table,
      outer,
      nowSeconds,
      gcBefore: nowSeconds - table.gcGraceSeconds,
      isDeletionPurgeable: clustering !== undefined,
    })
  }

  /** What the batch has for the key merged with an update, as another entry of the batch. */
  #rewrite(key: string, update: RowData, context: Parameters<RowMerger['merge']>[2]): void {
    const batch = this.#batch
    const value = this.#value
    let existing: RowData | undefined
    if (this.#reader.get(key, value)) {
      existing = this.#existing
      existing.parse(value.bytes, value.start, value.end)
    }
    const start = batch.sink.length
    const merger = this.#merger
    if (merger.merge(existing, update, context, batch.sink)) {
      batch.putWritten(key, start)
      if (merger.isTransient) this.#garbage.add(context.table.generation)
    } else if (existing !== undefined) batch.delete(key)
  }

  #outer(table: TableSchema, prefix: string, clustering: string): Deletion | undefined {
    const state = this.#states.of(table)
    if (state === 0) return undefined
    this.#deletions.load(this.#reader, prefix, state)
    return this.#deletions.covering(clustering)
  }

  #deleteRange(
    { table, partition, timestamp }: Mutation,
    { start, end }: RangeDeletion,
    nowSeconds: number,
  ): void {
    const batch = this.#batch
    const key = partition.prefix + PartitionEntry.rangeTombstones
    const value = this.#value
    const before = this.#reader.get(key, value) ? readRangeTombstones(value) : []
    const { hi: tsHi, lo: tsLo } = timestamp
    const added = { start: start.key, end: end.key, tsHi, tsLo, time: nowSeconds }
    const after = addRangeTombstone(before, added)
    if (after === before) return
    this.#states.add(table, TableState.rangeTombstones, batch)
    this.#garbage.add(table.generation)
    const written = batch.sink.length
    writeRangeTombstones(batch.sink, after)
    batch.putWritten(key, written)
  }
}

/** The store as it will be once a batch is applied. */
class BatchedReader implements KvReader {
  readonly #kv: KvReader
  readonly #batch: WriteBatch

  constructor(kv: KvReader, batch: WriteBatch) {
    this.#kv = kv
    this.#batch = batch
  }

  get(key: string, into: ValueRef): boolean {
    const batch = this.#batch
    const index = batch.count === 0 ? -1 : batch.indexOf(key)
    if (index === -1) return this.#kv.get(key, into)
    if (batch.isDelete(index)) return false
    batch.valueAt(index, into)
    return true
  }

  has(key: string): boolean {
    return this.get(key, new ValueRef())
  }

  scan(range: Parameters<KvReader['scan']>[0]): ReturnType<KvReader['scan']> {
    return this.#kv.scan(range)
  }
}
