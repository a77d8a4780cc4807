import type { TableSchema } from '../catalog/table-schema.ts'
import type { KvReader, WriteBatch } from '../storage/index.ts'
import { rangesEnd, rangesHead } from './range-lookup.ts'
import {
  isSameDeletion,
  mergeRangeTombstones,
  type RangeTombstone,
  rangeTombstonesOf,
  type RangeTombstones,
  readRangeTombstone,
  writeRangeTombstone,
} from './range-tombstones.ts'

interface PartitionRanges {
  readonly table: TableSchema
  readonly ranges: RangeTombstone[]
}

/** The range deletions of a batch, gathered by partition so that each is merged once. */
export class RangeWrites {
  readonly #byPrefix: Map<string, PartitionRanges> = new Map()

  get isEmpty(): boolean {
    return this.#byPrefix.size === 0
  }

  clear(): void {
    if (this.#byPrefix.size > 0) this.#byPrefix.clear()
  }

  add(table: TableSchema, prefix: string, range: RangeTombstone): void {
    const found = this.#byPrefix.get(prefix)
    if (found === undefined) this.#byPrefix.set(prefix, { table, ranges: [range] })
    else found.ranges.push(range)
  }

  /** @param onWrite is called for every table to which a range deletion is written */
  write(kv: KvReader, batch: WriteBatch, onWrite: (table: TableSchema) => void): void {
    for (const [prefix, { table, ranges }] of this.#byPrefix) {
      if (writePartition(kv, batch, prefix, rangeTombstonesOf(ranges))) onWrite(table)
    }
    this.#byPrefix.clear()
  }
}

/** Merges ranges with adjacent stored ones. Returns false when they change nothing. */
function writePartition(
  kv: KvReader,
  batch: WriteBatch,
  prefix: string,
  added: RangeTombstones,
): boolean {
  if (added.length === 0) return false
  const head = rangesHead(prefix)
  const before = storedRanges(kv, prefix, added[0]!.start, added.at(-1)!.end)
  const after = before.length === 0 ? added : mergeRangeTombstones(before, added)
  const byEnd = new Map(before.map((range) => [range.end, range]))
  let isChanged = false
  for (const range of after) {
    const same = byEnd.get(range.end)
    byEnd.delete(range.end)
    if (same !== undefined && same.start === range.start && isSameDeletion(same, range)) continue
    isChanged = true
    const written = batch.sink.length
    writeRangeTombstone(batch.sink, range)
    batch.putWritten(head + range.end, written)
  }
  // These ranges were joined with another one or hidden by later ones.
  for (const end of byEnd.keys()) batch.delete(head + end)
  return isChanged
}

/** Returns the stored ranges that overlap or touch the range from `start` to `end`. */
function storedRanges(kv: KvReader, prefix: string, start: string, end: string): RangeTombstones {
  const head = rangesHead(prefix)
  const ranges: RangeTombstone[] = []
  const cursor = kv.scan({ gte: head + start, lt: rangesEnd(prefix) })
  while (cursor.next()) {
    const range = readRangeTombstone(cursor.key.slice(head.length), cursor.value)
    if (range.start > end) break
    ranges.push(range)
  }
  return ranges
}
