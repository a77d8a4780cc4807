import type { NativeTypeName } from '../../src/types/index.ts'

type Marker = readonly [name: string, kind: NativeTypeName]

const shortColumns: readonly Marker[] = [
  ['id', 'bigint'],
  ['name', 'text'],
  ['count', 'int'],
  ['score', 'double'],
]

const insertColumns: readonly Marker[] = [...shortColumns, ['at', 'timestamp']]

type StatementName = 'insert' | 'select' | 'page' | 'insertShort' | 'readShort'

/**
 * Statements of the driver benchmark. Their ids on the responder are their names, and the first
 * letter chooses the answer.
 */
export const statements: {
  readonly [name in StatementName]: { readonly text: string; readonly markers: readonly Marker[] }
} = {
  insert: {
    text: 'INSERT INTO bench.t (id, name, count, score, at) VALUES (?, ?, ?, ?, ?)',
    markers: insertColumns,
  },
  select: {
    text: 'SELECT id, name, count, score, at FROM bench.t WHERE id = ?',
    markers: [['id', 'bigint']],
  },
  page: {
    text: 'SELECT id, name, count, score, at, ref FROM bench.t WHERE id = ?',
    markers: [['id', 'bigint']],
  },
  /** Without the timestamp, which `@lambda-group/scylladb` cannot bind or read. */
  insertShort: {
    text: 'INSERT INTO bench.t (id, name, count, score) VALUES (?, ?, ?, ?)',
    markers: shortColumns,
  },
  readShort: {
    text: 'SELECT id, name, count, score FROM bench.t WHERE id = ?',
    markers: [['id', 'bigint']],
  },
}

export const name = 'a name of 20 letters'

export const selectColumns: readonly Marker[] = statements.insert.markers
export const selectValues: readonly unknown[] = [7n, name, 5, 1.5, new Date(0)]
export const pageColumns: readonly Marker[] = [...selectColumns, ['ref', 'uuid']]
export const pageValues: readonly unknown[] = [
  ...selectValues,
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
]
export const insertTime: Date = new Date(1_700_000_000_000)

/** The values of one insert, in the types of tsylla and `cassandra-driver`. */
export function insertValues(i: number): unknown[] {
  return [BigInt(i), name, i & 0xffff, 1.5, insertTime]
}

export const pageRowCount = 5_000
/** Inserts in one batch. */
export const batchRowCount = 100
/** Number of partitions that the selects read. */
export const selectIdCount = 20_000

/** The operations of the benchmark, run by one client. Reads look at every value of a row. */
export interface BenchClient {
  readonly name: string
  insert(i: number): Promise<unknown>
  select(i: number): Promise<unknown>
  page?(): Promise<number>
  /** The same page as columns, where the client has them. */
  columns?(): Promise<number>
  /** Inserts {@link batchRowCount} rows, unlogged. */
  batch(i: number): Promise<unknown>
  close(): Promise<void>
}

export interface BenchRow {
  readonly id: bigint
  readonly name: string
  readonly count: number
  readonly score: number
  readonly at: Date
  readonly ref: string
}

/** Reads every column, so that a client that decodes lazily does as much as one that does not. */
export function readRow(row: Omit<BenchRow, 'ref'>): unknown {
  return row.id !== undefined && row.name && row.count && row.score && row.at
}
