import type { TableSchema } from '../catalog/table-schema.ts'
import { type ClusteringKey, isRecoverable } from '../keys/index.ts'
import type { CellChange, Mutation, RowChange } from './mutation.ts'
import { comparePaths } from './path-order.ts'
import { winsOver } from './reconcile.ts'
import { CellFlag, Field, fieldCount, RowData } from './row-data.ts'
import { type Timestamp, timestampBefore } from '../timestamp.ts'
import { ByteWriter } from '../../values/index.ts'

/** Latest second a cell can expire at: the store keeps them as unsigned 32 bits. */
const expiryMax = 0xffff_fffe

/** Turns the changes of a statement to a row into a row that is merged with the stored one. */
export class RowUpdate {
  readonly row: RowData = new RowData()
  readonly #sink: ByteWriter = new ByteWriter()
  #timestamp!: Timestamp
  #ttl = 0
  #expiry = 0
  #nowSeconds = 0

  /** Sets the deletion of a row; in a header, that of the partition. */
  setDeletion(mutation: Mutation, clustering: ClusteringKey | undefined, nowSeconds: number): void {
    this.#begin(mutation, nowSeconds)
    const { hi, lo } = mutation.timestamp
    this.row.deletion = { tsHi: hi, tsLo: lo, time: nowSeconds }
    this.#keepClustering(mutation.table, clustering)
    this.row.bytes = this.#sink.bytes
  }

  setChange(mutation: Mutation, change: RowChange, nowSeconds: number): void {
    this.#begin(mutation, nowSeconds)
    const { row } = this
    if (change.liveness) {
      row.hasLiveness = true
      row.livenessHi = this.#timestamp.hi
      row.livenessLo = this.#timestamp.lo
      row.livenessTtl = this.#ttl
      row.livenessExpiry = this.#expiry
    }
    this.#keepClustering(mutation.table, change.clustering)
    for (const cell of inOrder(change.cells)) this.#addCell(cell)
    row.bytes = this.#sink.bytes
  }

  #begin({ timestamp, ttl }: Mutation, nowSeconds: number): void {
    this.row.clear()
    this.#sink.length = 0
    this.#timestamp = timestamp
    this.#ttl = ttl
    this.#expiry = ttl === 0 ? 0 : Math.min(nowSeconds + ttl, expiryMax)
    this.#nowSeconds = nowSeconds
  }

  #keepClustering(table: TableSchema, clustering: ClusteringKey | undefined): void {
    if (clustering === undefined || isClusteringRecoverable(table)) return
    const sink = this.#sink
    this.row.clusteringStart = sink.length
    for (const component of clustering.components) {
      sink.writeInt(component.length)
      sink.write(component)
    }
    this.row.clusteringEnd = sink.length
  }

  #addCell(change: CellChange): void {
    const sink = this.#sink
    const { row } = this
    const at = row.addCell()
    const { cells } = row
    cells[at + Field.column] = change.column.id
    cells[at + Field.flags] = 0
    cells[at + Field.tsHi] = this.#timestamp.hi
    cells[at + Field.tsLo] = this.#timestamp.lo
    cells[at + Field.ttl] = this.#ttl
    cells[at + Field.time] = this.#expiry | 0
    cells[at + Field.pathStart] = -1
    if (change.kind === 'setElement' || change.kind === 'deleteElement') {
      cells[at + Field.flags] = CellFlag.path
      cells[at + Field.pathStart] = sink.length
      sink.write(change.path)
      cells[at + Field.pathEnd] = sink.length
    }
    cells[at + Field.valueStart] = sink.length
    switch (change.kind) {
      case 'set':
      case 'setElement':
        sink.write(change.value)
        break
      case 'add':
        cells[at + Field.flags] = CellFlag.add
        sink.writeInt(Number(BigInt.asIntN(32, change.delta >> 32n)))
        sink.writeInt(Number(BigInt.asIntN(32, change.delta)))
        break
      default:
        this.#mark(cells, at, change)
    }
    cells[at + Field.valueEnd] = sink.length
    this.#dropDuplicate(change)
  }

  /** Makes the cell a tombstone, or the deletion of a complex column. */
  #mark(cells: Int32Array, at: number, { kind, column }: CellChange): void {
    const isWhole = kind === 'replace' || (kind === 'delete' && column.isComplex)
    cells[at + Field.flags]! |= isWhole ? CellFlag.columnDeletion : CellFlag.tombstone
    cells[at + Field.ttl] = 0
    cells[at + Field.time] = this.#nowSeconds | 0
    if (kind !== 'replace') return
    const before = timestampBefore(this.#timestamp)
    cells[at + Field.tsHi] = before.hi
    cells[at + Field.tsLo] = before.lo
  }

  /** Reconciliation keeps one of two changes of an element, as between statements. */
  #dropDuplicate({ column, kind }: CellChange): void {
    const { row } = this
    if (row.count < 2) return
    const { cells } = row
    const last = (row.count - 1) * fieldCount
    const before = last - fieldCount
    if (cells[last] !== cells[before]) return
    if (kind !== 'setElement' && kind !== 'deleteElement') {
      // A column is deleted twice: only the later deletion, which sorts last, is kept.
      if (cells[before + Field.pathStart] === -1) cells.copyWithin(before, last, last + fieldCount)
      row.count--
      return
    }
    if (cells[before + Field.pathStart] === -1) return
    row.bytes = this.#sink.bytes
    const path = (at: number): Uint8Array =>
      row.bytes.subarray(cells[at + Field.pathStart], cells[at + Field.pathEnd])
    if (comparePaths(column, path(before), path(last)) !== 0) return
    if (winsOver(row, last, row, before)) cells.copyWithin(before, last, last + fieldCount)
    row.count--
  }
}

/** Whether all clustering columns can be read back from keys; asked once per table. */
function isClusteringRecoverable(table: TableSchema): boolean {
  let known = recoverable.get(table)
  if (known === undefined) {
    known = table.clustering.every(({ type }) => isRecoverable(type))
    recoverable.set(table, known)
  }
  return known
}

const recoverable: WeakMap<TableSchema, boolean> = new WeakMap()

/** Sorts changes by column and path. Most statements are already compiled in that order. */
function inOrder(cells: readonly CellChange[]): readonly CellChange[] {
  for (let i = 1; i < cells.length; i++) {
    if (compareChanges(cells[i - 1]!, cells[i]!) > 0) return [...cells].sort(compareChanges)
  }
  return cells
}

function compareChanges(a: CellChange, b: CellChange): number {
  if (a.column.id !== b.column.id) return a.column.id - b.column.id
  const hasPathA = a.kind === 'setElement' || a.kind === 'deleteElement'
  const hasPathB = b.kind === 'setElement' || b.kind === 'deleteElement'
  if (hasPathA && hasPathB) return comparePaths(a.column, a.path, b.path)
  if (hasPathA || hasPathB) return Number(hasPathA) - Number(hasPathB)
  return (a.kind === 'replace' ? 0 : 1) - (b.kind === 'replace' ? 0 : 1)
}
