import type { TableSchema } from '../catalog/table-schema.ts'
import { type ClusteringKey, clusteringKeyOf, PartitionEntry } from '../keys/index.ts'
import { type KvReader, ValueRef, type WriteBatch } from '../storage/index.ts'
import type { Change, Mutation } from './mutation.ts'
import { PartitionDeletions, DeletionFlag, type DeletionFlags } from './partition-state.ts'
import { RangeWrites } from './range-writes.ts'
import { type Deletion, RowData } from './row-data.ts'
import { ChangeReporter } from './change-reporter.ts'
import type { RowChangeListener } from './row-change-listener.ts'
import { RowMerger } from './row-merge.ts'
import { RowUpdate } from './row-update.ts'
import { RowVersions } from './row-versions.ts'

/** An entry that a batch changes more than once, with its changes after the first one. */
interface RepeatedEntry {
  readonly table: TableSchema
  readonly prefix: string
  readonly clustering: string | undefined
  readonly versions: RowVersions
}

/**
 * Turns mutations into puts and deletes of entries: reads the stored value, merges, and writes one
 * value. Changes of several mutations to one row, or to the ranges of one partition, are merged
 * first.
 */
export class MutationWriter {
  readonly #kv: KvReader
  readonly #deletionFlags: DeletionFlags
  readonly #batch: WriteBatch
  readonly #update: RowUpdate = new RowUpdate()
  readonly #existing: RowData = new RowData()
  readonly #merger: RowMerger = new RowMerger()
  readonly #value: ValueRef = new ValueRef()
  readonly #reader: BatchedReader
  readonly #deletions: PartitionDeletions = new PartitionDeletions()

  readonly #compactionCandidates: Set<number>
  readonly #ranges: RangeWrites = new RangeWrites()
  readonly #repeated: Map<string, RepeatedEntry> = new Map()

  readonly #changes: ChangeReporter | undefined

  /**
   * @param compactionCandidates receives generations of tables that will have data to remove
   * @param listener is called for every row that changes
   */
  constructor(
    kv: KvReader,
    deletionFlags: DeletionFlags,
    batch: WriteBatch,
    compactionCandidates: Set<number>,
    listener: RowChangeListener | undefined,
  ) {
    this.#kv = kv
    this.#deletionFlags = deletionFlags
    this.#compactionCandidates = compactionCandidates
    this.#batch = batch
    this.#reader = new BatchedReader(kv, batch)
    this.#changes = listener && new ChangeReporter(listener, batch)
  }

  write(mutations: readonly Mutation[], nowSeconds: number): void {
    this.#ranges.clear()
    if (this.#repeated.size > 0) this.#repeated.clear()
    for (const mutation of mutations) {
      for (const change of mutation.changes) this.#writeChange(mutation, change, nowSeconds)
    }
    if (!this.#ranges.isEmpty) this.#writeRanges()
    if (this.#repeated.size > 0) this.#writeRepeated(nowSeconds)
  }

  #writeRanges(): void {
    this.#ranges.write(this.#kv, this.#batch, (table) => {
      this.#deletionFlags.add(table, DeletionFlag.rangeTombstones, this.#batch)
      this.#compactionCandidates.add(table.generation)
    })
  }

  #writeRepeated(nowSeconds: number): void {
    const { row } = this.#update
    for (const [key, { table, prefix, clustering, versions }] of this.#repeated) {
      if (!versions.take(row)) continue
      this.#rewrite(table, prefix, clustering, key, this.#reader, row, nowSeconds)
    }
  }

  #writeChange(mutation: Mutation, change: Change, nowSeconds: number): void {
    const { table, partition, timestamp } = mutation
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
        if (!isRow) this.#deletionFlags.add(table, DeletionFlag.partitionDeletions, this.#batch)
        return this.#merge(mutation, clustering, nowSeconds)
      }
      case 'deleteRange': {
        const { hi: tsHi, lo: tsLo } = timestamp
        const { start, end } = change
        const range = { start: start.key, end: end.key, tsHi, tsLo, time: nowSeconds }
        return this.#ranges.add(table, partition.prefix, range)
      }
    }
  }

  #merge(
    { table, partition: { prefix } }: Mutation,
    key: ClusteringKey | undefined,
    nowSeconds: number,
  ): void {
    const clustering = key?.key
    const { row } = this.#update
    const entry = prefix + (clustering ?? PartitionEntry.header)
    const isRepeated = this.#batch.count > 0 && this.#batch.indexOf(entry) !== -1
    // Increments of a counter are not versions of a value, so they are not merged.
    if (!isRepeated || table.isCounter) {
      const reader = isRepeated ? this.#reader : this.#kv
      return this.#rewrite(table, prefix, clustering, entry, reader, row, nowSeconds)
    }
    let repeated = this.#repeated.get(entry)
    if (repeated === undefined) {
      repeated = { table, prefix, clustering, versions: new RowVersions(table, nowSeconds) }
      this.#repeated.set(entry, repeated)
    }
    repeated.versions.add(row)
  }

  /** Merges an update with the entry in the batch or in the store. */
  #rewrite(
    table: TableSchema,
    prefix: string,
    clustering: string | undefined,
    key: string,
    reader: KvReader,
    update: RowData,
    nowSeconds: number,
  ): void {
    const batch = this.#batch
    const value = this.#value
    const outer = clustering === undefined ? undefined : this.#outer(table, prefix, clustering)
    let existing: RowData | undefined
    if (reader.get(key, value)) {
      existing = this.#existing
      existing.parse(value.bytes, value.start, value.end)
    }
    const context = {
      table,
      outer,
      nowSeconds,
      gcBefore: nowSeconds - table.gcGraceSeconds,
      isDeletionPurgeable: clustering !== undefined,
    }
    const changes = this.#changes
    changes?.setBefore(context, clustering, existing && value)
    const start = batch.sink.length
    const merger = this.#merger
    if (merger.merge(existing, update, context, batch.sink)) {
      changes?.setAfter(context, clustering, batch.sink, start)
      batch.putWritten(key, start)
      if (merger.dueSeconds !== Number.POSITIVE_INFINITY)
        this.#compactionCandidates.add(table.generation)
    } else if (existing !== undefined) batch.delete(key)
    changes?.report({ table, prefix, clustering })
  }

  /** Deletions of the same batch may be missing: readers of the row apply them. */
  #outer(table: TableSchema, prefix: string, clustering: string): Deletion | undefined {
    const state = this.#deletionFlags.of(table)
    if (state === 0) return undefined
    this.#deletions.load(this.#reader, prefix, state)
    return this.#deletions.covering(clustering)
  }
}

/** Reads the store as if a batch had been applied. */
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
