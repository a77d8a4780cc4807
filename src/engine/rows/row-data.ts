import type { TableSchema } from '../catalog/table-schema.ts'
import { compareTimestamps } from '../timestamp.ts'

/**
 * A row in the store, cells in the order of column ids and paths:
 *
 *     flags · [base timestamp (8) · [ttl (4) · expiry (4)]]
 *     · [row deletion: timestamp (8) · time (4)]
 *     · [clustering: length (4) · ([int length][bytes])*] · cell*
 *     cell = column (2) · flags · [timestamp (8)] · [ttl (4)] · [expiry or deletion time (4)]
 *            · [int length][path]? · [int length][value]?
 *
 * The base is the row's liveness, or else what its first cell has; cells equal to it leave it out.
 * Lengths and bytes of path and value lie as the protocol has them, so that results are copies.
 * The entry of a partition's header is its static row, with the partition's deletion as its own.
 */
export const RowFlag = {
  base: 1,
  baseTtl: 2,
  /** The base is a liveness: the row exists whatever its cells are. */
  liveness: 4,
  deletion: 8,
  /** The clustering is written out, because its bytes cannot be read back from the key. */
  clustering: 16,
} as const

export const CellFlag = {
  /** Has a timestamp of its own instead of the base. */
  own: 1,
  ttl: 2,
  tombstone: 4,
  path: 8,
  /** Not a cell: deletes the cells of a complex column up to its timestamp. */
  columnDeletion: 16,
  /** In an update only: the value is added to that of the counter. */
  add: 32,
} as const

/** Fields of a cell in {@link RowData.cells}. */
export const Field = {
  column: 0,
  flags: 1,
  tsHi: 2,
  tsLo: 3,
  ttl: 4,
  /** Expiry of a live cell with TTL, deletion time of a tombstone: unsigned seconds. */
  time: 5,
  /** −1 without path. */
  pathStart: 6,
  pathEnd: 7,
  valueStart: 8,
  valueEnd: 9,
} as const
export const fieldCount = 10

/** Deletes cells that are not younger than its timestamp. */
export interface Deletion {
  readonly tsHi: number
  readonly tsLo: number
  /** Time of the deletion in seconds, at which its grace period starts. */
  readonly time: number
}

/** Returns the deletion that is kept of two (DeletionTime.supersedes). */
export function laterDeletion(
  a: Deletion | undefined,
  b: Deletion | undefined,
): Deletion | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const order = compareTimestamps(a.tsHi, a.tsLo, b.tsHi, b.tsLo)
  return order > 0 || (order === 0 && a.time >= b.time) ? a : b
}

export function isDeleted(deletion: Deletion | undefined, tsHi: number, tsLo: number): boolean {
  return deletion !== undefined && compareTimestamps(tsHi, tsLo, deletion.tsHi, deletion.tsLo) <= 0
}

/** Whether a cell was written before its column was dropped, the last time it was. */
export function isDropped(
  { dropTimes }: TableSchema,
  columnId: number,
  tsHi: number,
  tsLo: number,
): boolean {
  const dropped = dropTimes?.[columnId]
  return dropped !== undefined && compareTimestamps(tsHi, tsLo, dropped.hi, dropped.lo) <= 0
}

function readInt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** A parsed row. One object is reused for many rows. */
export class RowData {
  bytes: Uint8Array = new Uint8Array(0)
  hasLiveness = false
  livenessHi = 0
  livenessLo = 0
  livenessTtl = 0
  livenessExpiry = 0
  deletion: Deletion | undefined = undefined
  /** Where the written-out clustering lies; −1 when it has to be read from the key. */
  clusteringStart = -1
  clusteringEnd = -1
  /** {@link fieldCount} numbers per cell, see {@link Field}. */
  cells: Int32Array = new Int32Array(16 * fieldCount)
  count = 0

  clear(): void {
    this.hasLiveness = false
    this.deletion = undefined
    this.clusteringStart = -1
    this.count = 0
  }

  /** Makes room for one more cell. @returns the index of its first field */
  addCell(): number {
    const at = this.count * fieldCount
    if (at === this.cells.length) {
      const grown = new Int32Array(at * 2)
      grown.set(this.cells)
      this.cells = grown
    }
    this.count++
    return at
  }

  parse(bytes: Uint8Array, start: number, end: number): void {
    this.clear()
    this.bytes = bytes
    const flags = bytes[start]!
    let at = start + 1
    let baseTtl = 0
    let baseExpiry = 0
    let baseHi = 0
    let baseLo = 0
    if ((flags & RowFlag.base) !== 0) {
      baseHi = readInt(bytes, at)
      baseLo = readInt(bytes, at + 4)
      at += 8
      if ((flags & RowFlag.baseTtl) !== 0) {
        baseTtl = readInt(bytes, at)
        baseExpiry = readInt(bytes, at + 4)
        at += 8
      }
    }
    if ((flags & RowFlag.liveness) !== 0) {
      this.hasLiveness = true
      this.livenessHi = baseHi
      this.livenessLo = baseLo
      this.livenessTtl = baseTtl
      this.livenessExpiry = baseExpiry >>> 0
    }
    if ((flags & RowFlag.deletion) !== 0) {
      this.deletion = {
        tsHi: readInt(bytes, at),
        tsLo: readInt(bytes, at + 4),
        time: readInt(bytes, at + 8) >>> 0,
      }
      at += 12
    }
    if ((flags & RowFlag.clustering) !== 0) {
      this.clusteringStart = at + 4
      this.clusteringEnd = at + 4 + readInt(bytes, at)
      at = this.clusteringEnd
    }
    while (at < end) at = this.#parseCell(at, baseHi, baseLo, baseTtl, baseExpiry)
  }

  #parseCell(
    start: number,
    baseHi: number,
    baseLo: number,
    baseTtl: number,
    baseExpiry: number,
  ): number {
    const { bytes } = this
    const cell = this.addCell()
    const { cells } = this
    const flags = bytes[start + 2]!
    cells[cell + Field.column] = (bytes[start]! << 8) | bytes[start + 1]!
    cells[cell + Field.flags] = flags
    let at = start + 3
    if ((flags & CellFlag.own) === 0) {
      cells[cell + Field.tsHi] = baseHi
      cells[cell + Field.tsLo] = baseLo
      cells[cell + Field.ttl] = baseTtl
      cells[cell + Field.time] = baseExpiry
    } else {
      cells[cell + Field.tsHi] = readInt(bytes, at)
      cells[cell + Field.tsLo] = readInt(bytes, at + 4)
      cells[cell + Field.ttl] = 0
      at += 8
      if ((flags & CellFlag.ttl) !== 0) {
        cells[cell + Field.ttl] = readInt(bytes, at)
        cells[cell + Field.time] = readInt(bytes, at + 4)
        at += 8
      }
    }
    if ((flags & (CellFlag.tombstone | CellFlag.columnDeletion)) !== 0) {
      cells[cell + Field.ttl] = 0
      cells[cell + Field.time] = readInt(bytes, at)
      at += 4
    }
    cells[cell + Field.pathStart] = -1
    if ((flags & CellFlag.path) !== 0) {
      cells[cell + Field.pathStart] = at + 4
      at += 4 + readInt(bytes, at)
      cells[cell + Field.pathEnd] = at
    }
    if ((flags & (CellFlag.tombstone | CellFlag.columnDeletion)) !== 0) {
      cells[cell + Field.valueStart] = at
      cells[cell + Field.valueEnd] = at
      return at
    }
    cells[cell + Field.valueStart] = at + 4
    at += 4 + readInt(bytes, at)
    cells[cell + Field.valueEnd] = at
    return at
  }

  /**
   * Keeps the cells that are live at `nowSeconds` and that `outer`, a deletion of a range or of the
   * partition, does not delete. The deletions of the row itself were applied when it was written.
   */
  keepLive(table: TableSchema, nowSeconds: number, outer: Deletion | undefined): void {
    if (this.hasLiveness && !this.#isLivenessLive(nowSeconds, outer)) this.hasLiveness = false
    const { cells, count } = this
    const { columnsById, dropTimes } = table
    let kept = 0
    for (let i = 0; i < count; i++) {
      const cell = i * fieldCount
      const flags = cells[cell + Field.flags]!
      if ((flags & (CellFlag.tombstone | CellFlag.columnDeletion)) !== 0) continue
      const isExpired =
        cells[cell + Field.ttl] !== 0 && cells[cell + Field.time]! >>> 0 <= nowSeconds
      if (isExpired || columnsById[cells[cell + Field.column]!] === undefined) continue
      const tsHi = cells[cell + Field.tsHi]!
      const tsLo = cells[cell + Field.tsLo]!
      if (isDeleted(outer, tsHi, tsLo)) continue
      if (dropTimes !== undefined && isDropped(table, cells[cell]!, tsHi, tsLo)) continue
      if (kept !== i) cells.copyWithin(kept * fieldCount, cell, cell + fieldCount)
      kept++
    }
    this.count = kept
  }

  #isLivenessLive(nowSeconds: number, outer: Deletion | undefined): boolean {
    if (this.livenessTtl !== 0 && this.livenessExpiry <= nowSeconds) return false
    return !isDeleted(outer, this.livenessHi, this.livenessLo)
  }
}
