import type { TableSchema } from '../catalog/table-schema.ts'
import { comparePaths } from './path-order.ts'
import { columnDeletionWins, livenessWins, winsOver } from './reconcile.ts'
import {
  CellFlag,
  type Deletion,
  Field,
  fieldCount,
  isDeleted,
  isDropped,
  laterDeletion,
  RowData,
} from './row-data.ts'
import { compareTimestamps } from '../timestamp.ts'
import { encodeRow } from './row-encoder.ts'
import type { ByteWriter } from '../../values/index.ts'

/** The parameters of a merge, besides the two rows. */
export interface MergeContext {
  readonly table: TableSchema
  /** Deletion of the partition or of a range around the row. It is applied, but not kept. */
  readonly outer: Deletion | undefined
  readonly nowSeconds: number
  /** Deletions made before this second need not be kept any longer. */
  readonly gcBefore: number
  /** Whether the deletion of the row can be purged; that of a partition must outlive its rows. */
  readonly isDeletionPurgeable: boolean
}

const nothing = new RowData()

/** Merges two versions of a row (Row.Merger). One object is used for one merge after the other. */
export class RowMerger {
  readonly #head: RowData = new RowData()
  readonly #picks = { indexes: new Int32Array(64), count: 0 }
  #left: RowData = nothing
  #right: RowData = nothing
  /** The latest of the row's deletions and the outer one. */
  #deletion: Deletion | undefined
  #column = -1
  #columnDeletion: Deletion | undefined
  /**
   * Earliest time at which a part of the last written row can be removed, in seconds: a TTL or the
   * grace period of a deletion ends. Infinite if never.
   */
  dueSeconds: number = Number.POSITIVE_INFINITY
  #keepSeconds = 0

  /** Writes the merged row. Returns false, without a write, when nothing remains of it. */
  merge(
    left: RowData | undefined,
    right: RowData,
    context: MergeContext,
    sink: ByteWriter,
  ): boolean {
    this.#left = left ?? nothing
    this.#right = right
    this.#picks.count = 0
    this.#column = -1
    this.dueSeconds = Number.POSITIVE_INFINITY
    this.#keepSeconds = context.nowSeconds - context.gcBefore + 1
    const own = laterDeletion(this.#left.deletion, right.deletion)
    this.#deletion = laterDeletion(own, context.outer)
    this.#mergeLiveness(context)
    this.#mergeCells(context)
    const head = this.#head
    const isPurged = own !== undefined && context.isDeletionPurgeable && own.time < context.gcBefore
    head.deletion = isPurged ? undefined : own
    if (head.deletion !== undefined) this.#ends(head.deletion.time + this.#keepSeconds)
    if (this.#picks.count === 0 && !head.hasLiveness && head.deletion === undefined) return false
    encodeRow(sink, head, this.#left, right, this.#picks)
    return true
  }

  #ends(seconds: number): void {
    if (seconds < this.dueSeconds) this.dueSeconds = seconds
  }

  #mergeLiveness({ nowSeconds, gcBefore }: MergeContext): void {
    const left = this.#left
    const right = this.#right
    const head = this.#head
    head.hasLiveness = false
    if (!left.hasLiveness && !right.hasLiveness) return
    const isLeft = left.hasLiveness && (!right.hasLiveness || !livenessWins(right, left))
    const winner = isLeft ? left : right
    if (isDeleted(this.#deletion, winner.livenessHi, winner.livenessLo)) return
    const isExpired = winner.livenessTtl !== 0 && winner.livenessExpiry <= nowSeconds
    if (isExpired && winner.livenessExpiry < gcBefore) return
    head.hasLiveness = true
    head.livenessHi = winner.livenessHi
    head.livenessLo = winner.livenessLo
    head.livenessTtl = winner.livenessTtl
    head.livenessExpiry = winner.livenessExpiry
    if (winner.livenessTtl !== 0) this.#ends(winner.livenessExpiry + this.#keepSeconds)
  }

  #mergeCells(context: MergeContext): void {
    const left = this.#left
    const right = this.#right
    let i = 0
    let j = 0
    while (i < left.count || j < right.count) {
      const order = this.#order(context.table, i, j)
      if (order === 0) this.#pickWinner(i++, j++, context)
      else if (order < 0) this.#pick(left, i++, context)
      else this.#pick(right, j++, context)
    }
  }

  /** Compares the next two cells; zero when they are versions of one cell. */
  #order(table: TableSchema, i: number, j: number): number {
    const left = this.#left
    const right = this.#right
    if (i === left.count) return 1
    if (j === right.count) return -1
    const x = left.cells
    const y = right.cells
    const a = i * fieldCount
    const b = j * fieldCount
    if (x[a] !== y[b]) return x[a]! - y[b]!
    const hasPathA = x[a + Field.pathStart] !== -1
    const hasPathB = y[b + Field.pathStart] !== -1
    if (!hasPathA || !hasPathB) return Number(hasPathA) - Number(hasPathB)
    return comparePaths(
      table.storedById[x[a]!]!,
      left.bytes.subarray(x[a + Field.pathStart], x[a + Field.pathEnd]),
      right.bytes.subarray(y[b + Field.pathStart], y[b + Field.pathEnd]),
    )
  }

  /** Keeps the newer version: a deletion that removes it removes the older one too. */
  #pickWinner(i: number, j: number, context: MergeContext): void {
    const left = this.#left
    const right = this.#right
    const a = i * fieldCount
    const b = j * fieldCount
    const flags = right.cells[b + Field.flags]!
    if ((flags & CellFlag.add) !== 0 && !this.#addTo(left, a, right, b)) {
      this.#pick(left, i, context)
      return
    }
    const isLeft =
      (flags & CellFlag.columnDeletion) !== 0
        ? columnDeletionWins(left, a, right, b)
        : (flags & CellFlag.add) === 0 && winsOver(left, a, right, b)
    this.#pick(isLeft ? left : right, isLeft ? i : j, context)
  }

  /**
   * Adds the stored sum to that of the update. Returns false when the counter was deleted: the
   * tombstone of a counter is final (CounterCells, CASSANDRA-7346), but a deletion of its row only
   * hides the old sum.
   */
  #addTo(left: RowData, a: number, right: RowData, b: number): boolean {
    const x = left.cells
    const y = right.cells
    if (isDeleted(this.#deletion, x[a + Field.tsHi]!, x[a + Field.tsLo]!)) return true
    if ((x[a + Field.flags]! & CellFlag.tombstone) !== 0) return false
    addInt64(right.bytes, y[b + Field.valueStart]!, left.bytes, x[a + Field.valueStart]!)
    const { tsHi, tsLo } = Field
    if (compareTimestamps(x[a + tsHi]!, x[a + tsLo]!, y[b + tsHi]!, y[b + tsLo]!) > 0) {
      y[b + tsHi] = x[a + tsHi]!
      y[b + tsLo] = x[a + tsLo]!
    }
    return true
  }

  /** Keeps a cell, unless it is deleted, of a dropped column, or a tombstone past its grace. */
  #pick(row: RowData, index: number, { table, nowSeconds, gcBefore }: MergeContext): void {
    const { cells } = row
    const at = index * fieldCount
    const column = cells[at]!
    if (column !== this.#column) {
      if (table.storedById[column] === undefined) return
      this.#column = column
      this.#columnDeletion = undefined
    }
    const tsHi = cells[at + Field.tsHi]!
    const tsLo = cells[at + Field.tsLo]!
    if (isDeleted(this.#deletion, tsHi, tsLo) || isDeleted(this.#columnDeletion, tsHi, tsLo)) return
    if (table.dropTimes !== undefined && isDropped(table, column, tsHi, tsLo)) return
    const flags = cells[at + Field.flags]!
    const time = cells[at + Field.time]! >>> 0
    if ((flags & CellFlag.columnDeletion) !== 0) this.#columnDeletion = { tsHi, tsLo, time }
    if ((flags & (CellFlag.tombstone | CellFlag.columnDeletion)) !== 0) {
      if (time < gcBefore) return
      this.#ends(time + this.#keepSeconds)
    } else {
      const ttl = cells[at + Field.ttl]!
      if (ttl !== 0) this.#ends(time > nowSeconds ? time : time - ttl + this.#keepSeconds)
      if (ttl !== 0 && time <= nowSeconds) {
        if (time - ttl < gcBefore) return
        // It can no longer be read, but it still hides older writes.
        cells[at + Field.valueEnd] = cells[at + Field.valueStart]!
      }
    }
    const picks = this.#picks
    if (picks.count === picks.indexes.length) {
      const grown = new Int32Array(picks.count * 2)
      grown.set(picks.indexes)
      picks.indexes = grown
    }
    picks.indexes[picks.count++] = index * 2 + (row === this.#right ? 1 : 0)
  }
}

/** Adds two big-endian int64, wrapping around as Cassandra's counters do. */
function addInt64(into: Uint8Array, at: number, other: Uint8Array, otherAt: number): void {
  let carry = 0
  for (let i = 7; i >= 0; i--) {
    const sum = into[at + i]! + other[otherAt + i]! + carry
    into[at + i] = sum
    carry = sum >>> 8
  }
}
