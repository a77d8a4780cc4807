import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import { type ClusteringKey, ComparableReader } from '../keys/index.ts'
import { comparePaths } from './path-order.ts'
import type { Elements, RowView } from './reader.ts'
import { type Deletion, Field, fieldCount, RowData } from './row-data.ts'
import { timestampToBigInt } from '../timestamp.ts'
import { ByteWriter } from '../../values/index.ts'

/** A live row, read in place from its entry. One object is reused for many rows. */
export class StoredRow implements RowView {
  readonly #data: RowData = new RowData()
  readonly #clustering: ByteWriter = new ByteWriter(64)
  #table: TableSchema | undefined
  /** By column id: its first cell, or −1. */
  #firstCells: Int32Array = new Int32Array(0)
  /** Clustering as in the key; undefined for a static row. */
  #key: string | undefined
  #isClusteringRead = false
  #clusteringBytes: Uint8Array = this.#clustering.bytes
  readonly #clusteringStarts: number[] = []
  readonly #clusteringEnds: number[] = []

  /** Parses an entry of the store. Returns false when nothing in it is live. */
  load(
    table: TableSchema,
    key: string | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowSeconds: number,
    outer: Deletion | undefined,
  ): boolean {
    const data = this.#data
    data.parse(bytes, start, end)
    data.keepLive(table, nowSeconds, outer)
    if (data.count === 0 && !data.hasLiveness) return false
    if (table !== this.#table) {
      this.#table = table
      this.#firstCells = new Int32Array(table.nextColumnId)
    }
    this.#key = key
    this.#isClusteringRead = false
    const first = this.#firstCells
    first.fill(-1)
    for (let i = data.count - 1; i >= 0; i--) first[data.cells[i * fieldCount]!] = i * fieldCount
    return true
  }

  /** The deletion of the row; for a header, that of the partition. */
  get deletion(): Deletion | undefined {
    return this.#data.deletion
  }

  get hasLiveness(): boolean {
    return this.#data.hasLiveness
  }

  get bytes(): Uint8Array {
    return this.#data.bytes
  }

  start(columnId: number): number {
    const cell = this.#firstCells[columnId]!
    return cell === -1 ? -1 : this.#data.cells[cell + Field.valueStart]!
  }

  end(columnId: number): number {
    const cell = this.#firstCells[columnId]!
    return cell === -1 ? -1 : this.#data.cells[cell + Field.valueEnd]!
  }

  value({ id }: ColumnSchema): Uint8Array | undefined {
    const start = this.start(id)
    return start === -1 ? undefined : this.#data.bytes.subarray(start, this.end(id))
  }

  timestamp({ id }: ColumnSchema): bigint | undefined {
    const cell = this.#firstCells[id]!
    return cell === -1 ? undefined : timestampAt(this.#data, cell)
  }

  expiresAt({ id }: ColumnSchema): number | undefined {
    const cell = this.#firstCells[id]!
    return cell === -1 ? undefined : expiryAt(this.#data, cell)
  }

  elements(column: ColumnSchema): Elements | undefined {
    const cell = this.#firstCells[column.id]!
    if (cell === -1) return undefined
    const { cells, count } = this.#data
    let end = cell
    while (end < count * fieldCount && cells[end] === column.id) end += fieldCount
    return new StoredElements(this.#data, column, cell, (end - cell) / fieldCount)
  }

  complexValue(column: ColumnSchema): Uint8Array | undefined {
    const elements = this.elements(column)
    return elements === undefined ? undefined : complexValue(column, elements)
  }

  get clustering(): ClusteringKey | undefined {
    if (this.#key === undefined) return undefined
    const bytes = this.clusteringBytes
    const components = this.#clusteringStarts.map((start, i) =>
      Uint8Array.prototype.slice.call(bytes, start, this.#clusteringEnds[i]),
    )
    return { components, key: this.#key }
  }

  get clusteringBytes(): Uint8Array {
    if (!this.#isClusteringRead) this.#readClustering()
    return this.#clusteringBytes
  }

  clusteringStart(index: number): number {
    if (!this.#isClusteringRead) this.#readClustering()
    return this.#clusteringStarts[index]!
  }

  clusteringEnd(index: number): number {
    if (!this.#isClusteringRead) this.#readClustering()
    return this.#clusteringEnds[index]!
  }

  #readClustering(): void {
    this.#isClusteringRead = true
    this.#clusteringStarts.length = 0
    this.#clusteringEnds.length = 0
    if (this.#key === undefined) return
    if (this.#data.clusteringStart >= 0) this.#readWrittenClustering()
    else this.#readKeyClustering(this.#key)
  }

  #readWrittenClustering(): void {
    const { bytes, clusteringStart, clusteringEnd } = this.#data
    this.#clusteringBytes = bytes
    for (let at = clusteringStart; at < clusteringEnd; ) {
      const length =
        (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      this.#clusteringStarts.push(at + 4)
      at += 4 + length
      this.#clusteringEnds.push(at)
    }
  }

  #readKeyClustering(key: string): void {
    const reader = new ComparableReader(Buffer.from(key, 'latin1'))
    const sink = this.#clustering
    sink.length = 0
    for (const { type, descending } of this.#table!.clustering) {
      const start = sink.length
      sink.writeInt(0)
      reader.readComponent(type, descending, sink)
      const length = sink.length - start - 4
      sink.bytes.writeInt32BE(length, start)
      this.#clusteringStarts.push(start + 4)
      this.#clusteringEnds.push(sink.length)
    }
    this.#clusteringBytes = sink.bytes
  }
}

class StoredElements implements Elements {
  readonly length: number
  readonly #data: RowData
  readonly #column: ColumnSchema
  readonly #first: number

  constructor(data: RowData, column: ColumnSchema, first: number, length: number) {
    this.#data = data
    this.#column = column
    this.#first = first
    this.length = length
  }

  path(index: number): Uint8Array {
    const { bytes, cells } = this.#data
    const at = this.#first + index * fieldCount
    return bytes.subarray(cells[at + Field.pathStart], cells[at + Field.pathEnd])
  }

  value(index: number): Uint8Array {
    const { bytes, cells } = this.#data
    const at = this.#first + index * fieldCount
    return bytes.subarray(cells[at + Field.valueStart], cells[at + Field.valueEnd])
  }

  indexOf(path: Uint8Array): number {
    let low = 0
    let high = this.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const order = comparePaths(this.#column, this.path(middle), path)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  timestamp(index: number): bigint {
    return timestampAt(this.#data, this.#first + index * fieldCount)
  }

  expiresAt(index: number): number | undefined {
    return expiryAt(this.#data, this.#first + index * fieldCount)
  }
}

function timestampAt({ cells }: RowData, cell: number): bigint {
  return timestampToBigInt(cells[cell + Field.tsHi]!, cells[cell + Field.tsLo]!)
}

function expiryAt({ cells }: RowData, cell: number): number | undefined {
  return cells[cell + Field.ttl] === 0 ? undefined : cells[cell + Field.time]! >>> 0
}

/** Encodes a non-frozen collection or UDT as one value of the protocol. */
function complexValue({ type }: ColumnSchema, elements: Elements): Uint8Array {
  const sink = new ByteWriter(128)
  const write = (bytes: Uint8Array): void => {
    sink.writeInt(bytes.length)
    sink.write(bytes)
  }
  if (type.kind === 'udt') {
    for (let i = 0, next = 0; i < type.fields.length; i++) {
      const path = next < elements.length ? elements.path(next) : undefined
      if (path !== undefined && ((path[0]! << 8) | path[1]!) === i) write(elements.value(next++))
      else sink.writeInt(-1)
    }
  } else {
    sink.writeInt(elements.length)
    for (let i = 0; i < elements.length; i++) {
      if (type.kind !== 'list') write(elements.path(i))
      if (type.kind !== 'set') write(elements.value(i))
    }
  }
  return sink.bytes.subarray(0, sink.length)
}
