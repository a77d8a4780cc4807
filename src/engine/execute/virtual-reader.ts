import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import {
  boundBefore,
  type ClusteringKey,
  clusteringKeyOf,
  type PartitionKey,
  partitionKeyOf,
} from '../encode/index.ts'
import type { Cell } from '../functions/definitions.ts'
import type {
  Elements,
  PartitionReadOptions,
  RowCursor,
  RowReader,
  RowView,
  ScanOptions,
  TokenBound,
} from '../rows/index.ts'

/** A table that is computed and not stored: the system tables. */
export interface VirtualTable {
  readonly schema: TableSchema
  /** All its rows, cells in the order of `SELECT *`, in no particular order. */
  rows(): Iterable<readonly Cell[]>
}

class VirtualRow implements RowView {
  readonly clustering: ClusteringKey | undefined
  readonly bytes: Uint8Array
  readonly clusteringBytes: Uint8Array
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #clusteringStarts: number[] = []
  readonly #clusteringEnds: number[] = []

  constructor(table: TableSchema, cells: readonly Cell[], clustering: ClusteringKey) {
    this.clustering = clustering
    const columns = [...table.statics, ...table.regulars]
    const first = table.partitionKey.length + table.clustering.length
    const parts: Buffer[] = []
    let at = 0
    columns.forEach((column, index) => {
      const cell = cells[first + index] ?? null
      if (cell === null) return
      const head = Buffer.alloc(4)
      head.writeInt32BE(cell.length)
      parts.push(head, Buffer.from(cell))
      this.#starts[column.id] = at + 4
      at += 4 + cell.length
      this.#ends[column.id] = at
    })
    this.bytes = Buffer.concat(parts)
    let clusteringAt = 0
    for (const component of clustering.components) {
      this.#clusteringStarts.push(clusteringAt)
      clusteringAt += component.length
      this.#clusteringEnds.push(clusteringAt)
    }
    this.clusteringBytes = Buffer.concat(clustering.components)
  }

  value(column: ColumnSchema): Uint8Array | undefined {
    const start = this.start(column.id)
    return start < 0 ? undefined : this.bytes.subarray(start, this.end(column.id))
  }
  /** Nobody wrote these cells. */
  timestamp(): bigint | undefined {
    return undefined
  }
  expiresAt(): number | undefined {
    return undefined
  }
  elements(): Elements | undefined {
    return undefined
  }
  /** Collections of virtual tables are kept whole, frozen or not. */
  complexValue(column: ColumnSchema): Uint8Array | undefined {
    return this.value(column)
  }
  start(columnId: number): number {
    return this.#starts[columnId] ?? -1
  }
  end(columnId: number): number {
    return this.#ends[columnId] ?? -1
  }
  clusteringStart(index: number): number {
    return this.#clusteringStarts[index] ?? -1
  }
  clusteringEnd(index: number): number {
    return this.#clusteringEnds[index] ?? -1
  }
}

interface VirtualPartition {
  readonly key: PartitionKey
  readonly rows: VirtualRow[]
}

/** Reads of a virtual table, by the same rules as those of stored ones. */
export class VirtualReader implements RowReader {
  readonly #partitions: VirtualPartition[]

  constructor({ schema, rows }: VirtualTable, content: Iterable<readonly Cell[]> = rows()) {
    const byPrefix = new Map<string, VirtualPartition>()
    const keyCount = schema.partitionKey.length
    for (const cells of content) {
      const key = partitionKeyOf(schema, cells.slice(0, keyCount) as Uint8Array[])
      const clustering = clusteringKeyOf(
        schema,
        cells.slice(keyCount, keyCount + schema.clustering.length) as Uint8Array[],
      )
      const row = new VirtualRow(schema, cells, clustering)
      const partition = byPrefix.get(key.prefix)
      if (partition === undefined) byPrefix.set(key.prefix, { key, rows: [row] })
      else partition.rows.push(row)
    }
    const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
    this.#partitions = [...byPrefix.values()].sort((a, b) => compare(a.key.prefix, b.key.prefix))
    for (const { rows: list } of this.#partitions) {
      list.sort((a, b) => compare(a.clustering!.key, b.clustering!.key))
    }
  }

  readRow(
    _table: TableSchema,
    partition: PartitionKey,
    clustering: ClusteringKey,
  ): RowView | undefined {
    return this.#find(partition)?.rows.find((row) => row.clustering!.key === clustering.key)
  }

  readStatic(): RowView | undefined {
    return undefined
  }

  #find(key: PartitionKey): VirtualPartition | undefined {
    return this.#partitions.find((partition) => partition.key.prefix === key.prefix)
  }

  readPartition(
    _table: TableSchema,
    key: PartitionKey,
    { slices, reversed, after }: PartitionReadOptions = {},
  ): RowCursor {
    let rows = this.#find(key)?.rows ?? []
    if (slices !== undefined) {
      rows = rows.filter(({ clustering }) =>
        slices.some((s) => clustering!.key > s.start.key && clustering!.key < s.end.key),
      )
    }
    if (reversed) rows = [...rows].reverse()
    if (after !== undefined) {
      rows = rows.filter(({ clustering }) =>
        reversed ? clustering!.key < after.key : clustering!.key > after.key,
      )
    }
    const cursor = new VirtualCursor([{ key, rows }])
    cursor.nextPartition()
    return cursor
  }

  scan(table: TableSchema, { from, to, after }: ScanOptions = {}): RowCursor {
    let partitions = this.#partitions.filter(({ key }) => isBetween(key, from, to))
    if (after !== undefined) {
      const { prefix } = after.partition
      const behind = after.clustering?.key ?? boundBefore(table, []).key
      partitions = partitions.flatMap((each) => {
        if (each.key.prefix > prefix) return [each]
        if (each.key.prefix < prefix || after.clustering === undefined) return []
        return [{ ...each, rows: each.rows.filter((row) => row.clustering!.key > behind) }]
      })
    }
    return new VirtualCursor(partitions)
  }
}

function compareToken(key: PartitionKey, bound: TokenBound): number {
  if (key.tokenHi !== bound.tokenHi) return key.tokenHi - bound.tokenHi
  return (key.tokenLo >>> 0) - (bound.tokenLo >>> 0)
}

function isBetween(
  key: PartitionKey,
  from: TokenBound | undefined,
  to: TokenBound | undefined,
): boolean {
  const below = from === undefined ? 1 : compareToken(key, from)
  const above = to === undefined ? -1 : compareToken(key, to)
  return (
    (below > 0 || (below === 0 && from!.inclusive)) && (above < 0 || (above === 0 && to!.inclusive))
  )
}

class VirtualCursor implements RowCursor {
  budget = 0
  readonly isPaused = false
  readonly staticRow = undefined
  readonly #partitions: readonly VirtualPartition[]
  #partition = -1
  #row = -1

  constructor(partitions: readonly VirtualPartition[]) {
    this.#partitions = partitions
  }
  nextPartition(): boolean {
    this.#row = -1
    return ++this.#partition < this.#partitions.length
  }
  get partition(): PartitionKey {
    return this.#partitions[this.#partition]!.key
  }
  nextRow(): boolean {
    return ++this.#row < (this.#partitions[this.#partition]?.rows.length ?? 0)
  }
  get row(): RowView {
    return this.#partitions[this.#partition]!.rows[this.#row]!
  }
}
