import type { CqlType } from '../../types/index.ts'
import { type Timestamp, timestampOf } from '../timestamp.ts'

export type ColumnKind = 'partition_key' | 'clustering' | 'static' | 'regular'

export interface ColumnSchema {
  /**
   * Number of the column within its table. It is never reused, so that cells of a dropped column
   * cannot be taken for those of a new one.
   */
  readonly id: number
  readonly name: string
  readonly type: CqlType
  readonly kind: ColumnKind
  /** Place within the partition or clustering key; −1 for static and regular columns. */
  readonly position: number
  /** `CLUSTERING ORDER BY … DESC`. */
  readonly descending: boolean
  /** Whether it is stored as one cell per element: non-frozen collections and UDTs. */
  readonly isComplex: boolean
}

/** A column that `ALTER TABLE … DROP` removed. */
export interface DroppedColumn {
  readonly column: ColumnSchema
  /** Time of the drop, microseconds since the epoch. */
  readonly droppedAt: bigint
}

/** The schema of a table that reads and writes use. Immutable: DDL makes a new one. */
export interface TableSchema {
  readonly keyspace: string
  readonly name: string
  /** UUID of the table, as text. */
  readonly id: string
  /** Number at the start of its keys in the store. CREATE and TRUNCATE assign a new one. */
  readonly generation: number
  readonly partitionKey: readonly ColumnSchema[]
  readonly clustering: readonly ColumnSchema[]
  /** By name, as `SELECT *` lists them. */
  readonly statics: readonly ColumnSchema[]
  /** By name, as `SELECT *` lists them. */
  readonly regulars: readonly ColumnSchema[]
  readonly columns: ReadonlyMap<string, ColumnSchema>
  readonly columnsById: readonly (ColumnSchema | undefined)[]
  /** Columns by id, with dropped ones: cells that are younger than the drop are kept. */
  readonly storedById: readonly (ColumnSchema | undefined)[]
  /** Drop times by column id: older cells are ignored. `undefined` without a dropped column. */
  readonly dropTimes: readonly (Timestamp | undefined)[] | undefined
  /** One more than the highest column id ever assigned, including dropped columns. */
  readonly nextColumnId: number
  readonly isCounter: boolean
  /** `default_time_to_live` in seconds; 0 disables it. */
  readonly defaultTtl: number
  readonly gcGraceSeconds: number
  readonly droppedColumns: ReadonlyMap<string, DroppedColumn>
}

/** The properties of a {@link TableSchema} that the others are derived from. */
export interface TableParts {
  readonly keyspace: string
  readonly name: string
  readonly id: string
  readonly generation: number
  readonly columns: readonly ColumnSchema[]
  readonly nextColumnId?: number
  readonly defaultTtl?: number
  readonly gcGraceSeconds?: number
  readonly droppedColumns?: ReadonlyMap<string, DroppedColumn>
}

/** Default of Cassandra's `gc_grace_seconds`: ten days. */
const gcGraceSecondsDefault = 864_000

/** Whether a column of that type holds one cell per element (Cassandra's `isMultiCell`). */
export function isComplexType(type: CqlType): boolean {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'map':
    case 'udt':
      return !type.frozen
    default:
      return false
  }
}

export function createTableSchema(parts: TableParts): TableSchema {
  const ofKind = (kind: ColumnKind): ColumnSchema[] =>
    parts.columns.filter((column) => column.kind === kind)
  const columnsById: (ColumnSchema | undefined)[] = []
  for (const column of parts.columns) columnsById[column.id] = column
  const storedById = [...columnsById]
  const dropTimes: (Timestamp | undefined)[] = []
  for (const { column, droppedAt } of parts.droppedColumns?.values() ?? []) {
    storedById[column.id] ??= column
    dropTimes[column.id] = timestampOf(droppedAt)
  }
  return {
    keyspace: parts.keyspace,
    name: parts.name,
    id: parts.id,
    generation: parts.generation,
    partitionKey: ofKind('partition_key').sort(byPosition),
    clustering: ofKind('clustering').sort(byPosition),
    statics: ofKind('static').sort(byName),
    regulars: ofKind('regular').sort(byName),
    columns: new Map(parts.columns.map((column) => [column.name, column])),
    columnsById: Array.from(columnsById),
    storedById: Array.from(storedById),
    dropTimes: dropTimes.length === 0 ? undefined : Array.from(dropTimes),
    nextColumnId: Math.max(parts.nextColumnId ?? 0, storedById.length),
    isCounter: parts.columns.some((column) => column.type.kind === 'counter'),
    defaultTtl: parts.defaultTtl ?? 0,
    gcGraceSeconds: parts.gcGraceSeconds ?? gcGraceSecondsDefault,
    droppedColumns: parts.droppedColumns ?? new Map(),
  }
}

function byPosition(a: ColumnSchema, b: ColumnSchema): number {
  return a.position - b.position
}

/** Compares columns by the bytes of their names (Columns.selectOrderIterator). */
function byName(a: ColumnSchema, b: ColumnSchema): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
}

/** Returns all columns in the order of SELECT *: keys, statics, regulars. */
export function wildcardColumns(table: TableSchema): ColumnSchema[] {
  return [...table.partitionKey, ...table.clustering, ...table.statics, ...table.regulars]
}
