import { CellFlag, Field, type RowData } from './row-data.ts'
import { compareTimestamps } from '../timestamp.ts'

/**
 * Whether the cell of `a` wins over the cell of `b`, of the same row, column and path:
 * Cells.resolveRegular of Cassandra to the tie; where it makes no difference, `a` wins.
 */
export function winsOver(a: RowData, atA: number, b: RowData, atB: number): boolean {
  const x = a.cells
  const y = b.cells
  const byTime = compareTimestamps(
    x[atA + Field.tsHi]!,
    x[atA + Field.tsLo]!,
    y[atB + Field.tsHi]!,
    y[atB + Field.tsLo]!,
  )
  if (byTime !== 0) return byTime > 0
  const rankA = lifetime(x, atA)
  const rankB = lifetime(y, atB)
  if (rankA !== rankB) return rankA > rankB
  if (rankA !== Lifetime.permanent) {
    const timeA = x[atA + Field.time]! >>> 0
    const timeB = y[atB + Field.time]! >>> 0
    if (timeA !== timeB) return timeA > timeB
    // The cell with the smaller TTL was probably written later.
    const ttl = x[atA + Field.ttl]! - y[atB + Field.ttl]!
    if (ttl !== 0) return ttl < 0
  }
  return compareBytes(a, atA, b, atB) >= 0
}

/** At equal timestamps tombstones win over expiring cells, and those over permanent cells. */
const Lifetime = { permanent: 0, expiring: 1, tombstone: 2 } as const

function lifetime(cells: Int32Array, at: number): number {
  if ((cells[at + Field.flags]! & CellFlag.tombstone) !== 0) return Lifetime.tombstone
  return cells[at + Field.ttl] === 0 ? Lifetime.permanent : Lifetime.expiring
}

function compareBytes(a: RowData, atA: number, b: RowData, atB: number): number {
  return Buffer.compare(
    a.bytes.subarray(a.cells[atA + Field.valueStart], a.cells[atA + Field.valueEnd]),
    b.bytes.subarray(b.cells[atB + Field.valueStart], b.cells[atB + Field.valueEnd]),
  )
}

/** LivenessInfo.supersedes: whether the liveness of `a` is kept rather than the one of `b`. */
export function livenessWins(a: RowData, b: RowData): boolean {
  const byTime = compareTimestamps(a.livenessHi, a.livenessLo, b.livenessHi, b.livenessLo)
  if (byTime !== 0) return byTime > 0
  const isExpiringA = a.livenessTtl !== 0
  const isExpiringB = b.livenessTtl !== 0
  if (isExpiringA !== isExpiringB) return isExpiringA
  if (a.livenessExpiry !== b.livenessExpiry) return a.livenessExpiry > b.livenessExpiry
  return a.livenessTtl < b.livenessTtl
}

/** DeletionTime.supersedes for the deletions of one complex column. */
export function columnDeletionWins(a: RowData, atA: number, b: RowData, atB: number): boolean {
  const x = a.cells
  const y = b.cells
  const byTime = compareTimestamps(
    x[atA + Field.tsHi]!,
    x[atA + Field.tsLo]!,
    y[atB + Field.tsHi]!,
    y[atB + Field.tsLo]!,
  )
  if (byTime !== 0) return byTime > 0
  return x[atA + Field.time]! >>> 0 >= y[atB + Field.time]! >>> 0
}
