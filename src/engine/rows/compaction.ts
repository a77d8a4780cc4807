import type { TableSchema } from '../catalog/table-schema.ts'
import { PartitionEntry, prefixLength, tableRange } from '../keys/index.ts'
import { type CooperativeScheduler, type KvStore, ValueRef, WriteBatch } from '../storage/index.ts'
import { PartitionDeletions, type DeletionFlags } from './partition-state.ts'
import { readRangeTombstone } from './range-tombstones.ts'
import { RowData } from './row-data.ts'
import { type MergeContext, RowMerger } from './row-merge.ts'

const entriesPerStep = 500
const bytesPerStep = 1 << 20

/**
 * Rewrites a table without data that can no longer be read: data that deletions of ranges and
 * partitions hide, expired data, and deletions older than `gc_grace_seconds`. The table may be read
 * and written between two steps.
 */
export class Compaction {
  readonly #kv: KvStore
  readonly #scheduler: CooperativeScheduler
  readonly #tableNow: () => TableSchema | undefined
  #table!: TableSchema
  /** Seconds since the epoch at which the next of the remaining entries can be removed. */
  #dueSeconds: number = Number.POSITIVE_INFINITY
  readonly #deletionFlags: DeletionFlags
  readonly #nowSeconds: number
  readonly #batch: WriteBatch = new WriteBatch()
  readonly #merger: RowMerger = new RowMerger()
  readonly #row: RowData = new RowData()
  readonly #nothing: RowData = new RowData()
  readonly #deletions: PartitionDeletions = new PartitionDeletions()
  readonly #value: ValueRef = new ValueRef()
  #prefix: string | undefined
  /** Range deletions that can be removed once all rows of the partition have been visited. */
  #oldRanges: string[] = []

  constructor(
    kv: KvStore,
    deletionFlags: DeletionFlags,
    tableNow: () => TableSchema | undefined,
    nowSeconds: number,
    scheduler: CooperativeScheduler,
  ) {
    this.#scheduler = scheduler
    this.#kv = kv
    this.#deletionFlags = deletionFlags
    this.#tableNow = tableNow
    this.#nowSeconds = nowSeconds
  }

  /** @returns when more data can be removed, in seconds; 0 when the compaction was cut short */
  async run(generation: number): Promise<number> {
    const { gte, lt } = tableRange(generation)
    let from: string | undefined = gte
    while (from !== undefined) {
      // ALTER may have added a column since the last step: unknown columns would be dropped.
      const table = this.#tableNow()
      if (table?.generation !== generation) return 0
      this.#table = table
      from = this.#step(from, lt)
      await this.#kv.commit()
      await this.#scheduler.yieldTurn()
    }
    return this.#dueSeconds
  }

  /** Rewrites some entries. Returns the key to continue at, or `undefined` at the end. */
  #step(from: string, lt: string | undefined): string | undefined {
    const batch = this.#batch
    batch.clear()
    const entries = this.#kv.scan({ gte: from, lt })
    let next: string | undefined
    // Statements may have deleted rows since the last step.
    if (this.#prefix !== undefined) this.#load(this.#prefix)
    let byteCount = 0
    for (let count = 0; entries.next(); count++) {
      if (count === entriesPerStep || byteCount > bytesPerStep) {
        next = entries.key
        break
      }
      byteCount += entries.value.end - entries.value.start
      this.#visit(entries.key, entries.value)
    }
    if (next === undefined) this.#finishPartition()
    this.#kv.write(batch)
    return next
  }

  #load(prefix: string): void {
    this.#deletions.load(this.#kv, prefix, this.#deletionFlags.of(this.#table))
  }

  #visit(key: string, value: ValueRef): void {
    const prefix = key.slice(0, prefixLength(key))
    if (prefix !== this.#prefix) {
      this.#finishPartition()
      this.#prefix = prefix
      // A lookup may overwrite the value that the cursor returned.
      value.bytes = Uint8Array.prototype.slice.call(value.bytes, value.start, value.end)
      value.end -= value.start
      value.start = 0
      this.#load(prefix)
    }
    const entry = key.slice(prefix.length)
    if (entry === PartitionEntry.header) return
    if (entry.startsWith(PartitionEntry.rangeTombstones)) return this.#visitRange(key, value)
    this.#rewrite(key, value, {
      ...this.#context(),
      outer: this.#deletions.covering(entry),
      isDeletionPurgeable: true,
    })
  }

  #visitRange(key: string, value: ValueRef): void {
    const { time } = readRangeTombstone('', value)
    if (time < this.#context().gcBefore) this.#oldRanges.push(key)
    else this.#ends(time + this.#table.gcGraceSeconds + 1)
  }

  #ends(seconds: number): void {
    if (seconds < this.#dueSeconds) this.#dueSeconds = seconds
  }

  /** Removes old deletions of a partition after all its rows have been visited. */
  #finishPartition(): void {
    const prefix = this.#prefix
    if (prefix === undefined) return
    this.#prefix = undefined
    const { gcBefore } = this.#context()
    for (const key of this.#oldRanges) {
      // Another deletion may have replaced it in the meantime.
      const isOld =
        this.#kv.get(key, this.#value) && readRangeTombstone('', this.#value).time < gcBefore
      if (isOld) this.#batch.delete(key)
    }
    this.#oldRanges = []
    const headerKey = prefix + PartitionEntry.header
    if (!this.#kv.get(headerKey, this.#value)) return
    this.#rewrite(headerKey, this.#value, this.#context())
  }

  #context(): MergeContext {
    const table = this.#table
    const nowSeconds = this.#nowSeconds
    const gcBefore = nowSeconds - table.gcGraceSeconds
    return { table, outer: undefined, nowSeconds, gcBefore, isDeletionPurgeable: true }
  }

  #rewrite(key: string, { bytes, start, end }: ValueRef, context: MergeContext): void {
    const { sink } = this.#batch
    this.#row.parse(bytes, start, end)
    const written = sink.length
    const isLeft = this.#merger.merge(this.#row, this.#nothing, context, sink)
    if (isLeft) this.#ends(this.#merger.dueSeconds)
    if (!isLeft) this.#batch.delete(key)
    else if (isSame(sink.bytes, written, sink.length, bytes, start, end)) sink.length = written
    else this.#batch.putWritten(key, written)
  }
}

function isSame(
  a: Uint8Array,
  startA: number,
  endA: number,
  b: Uint8Array,
  startB: number,
  endB: number,
): boolean {
  return Buffer.compare(a.subarray(startA, endA), b.subarray(startB, endB)) === 0
}
