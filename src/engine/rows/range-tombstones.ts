import type { ByteSink, ValueRef } from '../storage/index.ts'
import { type Deletion, laterDeletion } from './row-data.ts'

/** Deletes the rows whose keys are between two bounds. */
export interface RangeTombstone extends Deletion {
  readonly start: string
  readonly end: string
}

/** The range deletions of a partition: disjoint, ascending (RangeTombstoneList). */
export type RangeTombstones = readonly RangeTombstone[]

/** Adds a range; where ranges overlap the later deletion stays. */
export function addRangeTombstone(list: RangeTombstones, added: RangeTombstone): RangeTombstones {
  if (added.start >= added.end) return list
  const result: RangeTombstone[] = []
  let rest = added.start
  for (const range of list) {
    if (range.end <= added.start || range.start >= added.end) {
      if (range.start >= added.end && rest < added.end) {
        append(result, rest, added.end, added)
        rest = added.end
      }
      append(result, range.start, range.end, range)
      continue
    }
    if (range.start < added.start) append(result, range.start, added.start, range)
    if (range.start > rest) append(result, rest, range.start, added)
    const from = range.start > added.start ? range.start : added.start
    const to = range.end < added.end ? range.end : added.end
    append(result, from, to, laterDeletion(range, added)!)
    rest = to
    if (range.end > added.end) append(result, added.end, range.end, range)
  }
  if (rest < added.end) append(result, rest, added.end, added)
  return result
}

/** Appends a piece, joined with the one before it when both are of one deletion. */
function append(list: RangeTombstone[], start: string, end: string, deletion: Deletion): void {
  const last = list.at(-1)
  const { tsHi, tsLo, time } = deletion
  const isJoined =
    last !== undefined &&
    last.end === start &&
    last.tsHi === tsHi &&
    last.tsLo === tsLo &&
    last.time === time
  if (isJoined) list.pop()
  list.push({ start: isJoined ? last.start : start, end, tsHi, tsLo, time })
}

/** The range a clustering lies in. */
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

/** `[int length][start] [int length][end] timestamp (8) · time (4)`, one after the other. */
export function writeRangeTombstones(sink: ByteSink, list: RangeTombstones): void {
  for (const { start, end, tsHi, tsLo, time } of list) {
    sink.writeInt(start.length)
    sink.writeLatin1(start)
    sink.writeInt(end.length)
    sink.writeLatin1(end)
    sink.writeInt(tsHi)
    sink.writeInt(tsLo)
    sink.writeInt(time)
  }
}

export function readRangeTombstones({ bytes, start, end }: ValueRef): RangeTombstones {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
  const list: RangeTombstone[] = []
  for (let at = 0; at < source.length; ) {
    const startEnd = at + 4 + source.readInt32BE(at)
    const endEnd = startEnd + 4 + source.readInt32BE(startEnd)
    list.push({
      start: source.toString('latin1', at + 4, startEnd),
      end: source.toString('latin1', startEnd + 4, endEnd),
      tsHi: source.readInt32BE(endEnd),
      tsLo: source.readInt32BE(endEnd + 4),
      time: source.readUInt32BE(endEnd + 8),
    })
    at = endEnd + 12
  }
  return list
}
