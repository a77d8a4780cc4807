import { type ValueRef } from '../storage/index.ts'
import { type Deletion, laterDeletion } from './row-data.ts'
import { type ByteWriter } from '../../values/index.ts'

/** Deletes the rows whose keys are between two bounds. */
export interface RangeTombstone extends Deletion {
  readonly start: string
  readonly end: string
}

/** Range deletions of a partition: disjoint, ascending (RangeTombstoneList). */
export type RangeTombstones = readonly RangeTombstone[]

/** Makes a list of range deletions in any order. Where they overlap, the latest one wins. */
export function rangeTombstonesOf(ranges: readonly RangeTombstone[]): RangeTombstones {
  const { length } = ranges
  if (length === 0) return ranges
  if (length === 1) return ranges[0]!.start < ranges[0]!.end ? ranges : []
  const middle = length >>> 1
  return mergeRangeTombstones(
    rangeTombstonesOf(ranges.slice(0, middle)),
    rangeTombstonesOf(ranges.slice(middle)),
  )
}

/** Merges two lists. Where ranges overlap, the later deletion wins. */
export function mergeRangeTombstones(a: RangeTombstones, b: RangeTombstones): RangeTombstones {
  const result: RangeTombstone[] = []
  let i = 0
  let j = 0
  /** The end of the part that is done. */
  let place = ''
  while (i < a.length || j < b.length) {
    const x = a[i]
    const y = b[j]
    const xStart = x === undefined ? undefined : later(x.start, place)
    const yStart = y === undefined ? undefined : later(y.start, place)
    if (yStart === undefined || (xStart !== undefined && xStart < yStart)) {
      place = yStart !== undefined && yStart < x!.end ? yStart : x!.end
      append(result, xStart!, place, x!)
    } else if (xStart === undefined || yStart < xStart) {
      place = xStart !== undefined && xStart < y!.end ? xStart : y!.end
      append(result, yStart, place, y!)
    } else {
      place = x!.end < y!.end ? x!.end : y!.end
      append(result, xStart, place, laterDeletion(x, y)!)
    }
    if (x !== undefined && x.end <= place) i++
    if (y !== undefined && y.end <= place) j++
  }
  return result
}

function later(a: string, b: string): string {
  return a > b ? a : b
}

/** Appends a range. It extends the last one if that is adjacent and of the same deletion. */
function append(list: RangeTombstone[], start: string, end: string, deletion: Deletion): void {
  const last = list.at(-1)
  const { tsHi, tsLo, time } = deletion
  const isJoined = last !== undefined && last.end === start && isSameDeletion(last, deletion)
  if (isJoined) list.pop()
  list.push({ start: isJoined ? last.start : start, end, tsHi, tsLo, time })
}

export function isSameDeletion(a: Deletion, b: Deletion): boolean {
  return a.tsHi === b.tsHi && a.tsLo === b.tsLo && a.time === b.time
}

/** Finds the range that contains a clustering. */
export function findRangeTombstone(
  list: RangeTombstones,
  clustering: string,
): RangeTombstone | undefined {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.end <= clustering) low = middle + 1
    else high = middle
  }
  const range = list[low]
  return range !== undefined && range.start <= clustering ? range : undefined
}

/** `timestamp (8) · time (4) · start`; the end is in the key of the entry. */
export function writeRangeTombstone(sink: ByteWriter, range: RangeTombstone): void {
  sink.writeInt(range.tsHi)
  sink.writeInt(range.tsLo)
  sink.writeInt(range.time)
  sink.writeLatin1(range.start)
}

export function readRangeTombstone(end: string, value: ValueRef): RangeTombstone {
  const { bytes } = value
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + value.start, value.end - value.start)
  return {
    start: source.toString('latin1', 12),
    end,
    tsHi: source.readInt32BE(0),
    tsLo: source.readInt32BE(4),
    time: source.readUInt32BE(8),
  }
}
