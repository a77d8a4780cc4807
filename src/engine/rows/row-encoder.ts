import { CellFlag, Field, fieldCount, type RowData, RowFlag } from './row-data.ts'
import { type ByteWriter } from '../../values/index.ts'

/** Cells of two rows in the order they are to be written: index · 2, plus one for `right`. */
export interface Picks {
  readonly indexes: Int32Array
  readonly count: number
}

interface Base {
  tsHi: number
  tsLo: number
  ttl: number
  time: number
}

const base: Base = { tsHi: 0, tsLo: 0, ttl: 0, time: 0 }

/** Writes a row entry: liveness and deletion of `head`, the picked cells of `left` and `right`. */
export function encodeRow(
  sink: ByteWriter,
  head: RowData,
  left: RowData,
  right: RowData,
  picks: Picks,
): void {
  const hasBase = chooseBase(head, left, right, picks)
  const clustered = left.clusteringStart >= 0 ? left : right
  let flags = 0
  if (hasBase) flags |= base.ttl === 0 ? RowFlag.base : RowFlag.base | RowFlag.baseTtl
  if (head.hasLiveness) flags |= RowFlag.liveness
  if (head.deletion !== undefined) flags |= RowFlag.deletion
  if (clustered.clusteringStart >= 0) flags |= RowFlag.clustering
  sink.writeByte(flags)
  if (hasBase) {
    sink.writeInt(base.tsHi)
    sink.writeInt(base.tsLo)
    if (base.ttl !== 0) {
      sink.writeInt(base.ttl)
      sink.writeInt(base.time)
    }
  }
  if (head.deletion !== undefined) {
    sink.writeInt(head.deletion.tsHi)
    sink.writeInt(head.deletion.tsLo)
    sink.writeInt(head.deletion.time)
  }
  if (clustered.clusteringStart >= 0) {
    sink.writeInt(clustered.clusteringEnd - clustered.clusteringStart)
    sink.write(clustered.bytes, clustered.clusteringStart, clustered.clusteringEnd)
  }
  for (let i = 0; i < picks.count; i++) {
    const pick = picks.indexes[i]!
    writeCell(sink, (pick & 1) === 0 ? left : right, (pick >> 1) * fieldCount)
  }
}

/** Chooses the base: the liveness, or else the first cell. Column deletions never use it. */
function chooseBase(head: RowData, left: RowData, right: RowData, picks: Picks): boolean {
  if (head.hasLiveness) {
    base.tsHi = head.livenessHi
    base.tsLo = head.livenessLo
    base.ttl = head.livenessTtl
    base.time = head.livenessExpiry | 0
    return true
  }
  if (picks.count === 0) return false
  const pick = picks.indexes[0]!
  const { cells } = (pick & 1) === 0 ? left : right
  const at = (pick >> 1) * fieldCount
  base.tsHi = cells[at + Field.tsHi]!
  base.tsLo = cells[at + Field.tsLo]!
  base.ttl = cells[at + Field.ttl]!
  base.time = cells[at + Field.time]!
  return true
}

function writeCell(sink: ByteWriter, row: RowData, at: number): void {
  const { cells, bytes } = row
  const isMark = (cells[at + Field.flags]! & (CellFlag.tombstone | CellFlag.columnDeletion)) !== 0
  const ttl = cells[at + Field.ttl]!
  let flags =
    cells[at + Field.flags]! & (CellFlag.tombstone | CellFlag.path | CellFlag.columnDeletion)
  const isBase =
    cells[at + Field.tsHi] === base.tsHi &&
    cells[at + Field.tsLo] === base.tsLo &&
    (isMark || (ttl === base.ttl && (ttl === 0 || cells[at + Field.time] === base.time)))
  if (!isBase) flags |= !isMark && ttl !== 0 ? CellFlag.own | CellFlag.ttl : CellFlag.own
  sink.writeByte(cells[at]! >>> 8)
  sink.writeByte(cells[at]!)
  sink.writeByte(flags)
  if (!isBase) {
    sink.writeInt(cells[at + Field.tsHi]!)
    sink.writeInt(cells[at + Field.tsLo]!)
    if (!isMark && ttl !== 0) {
      sink.writeInt(ttl)
      sink.writeInt(cells[at + Field.time]!)
    }
  }
  if (isMark) sink.writeInt(cells[at + Field.time]!)
  const pathStart = cells[at + Field.pathStart]!
  if (pathStart !== -1) {
    const pathEnd = cells[at + Field.pathEnd]!
    sink.writeInt(pathEnd - pathStart)
    sink.write(bytes, pathStart, pathEnd)
  }
  if (isMark) return
  const valueStart = cells[at + Field.valueStart]!
  const valueEnd = cells[at + Field.valueEnd]!
  sink.writeInt(valueEnd - valueStart)
  sink.write(bytes, valueStart, valueEnd)
}
