import { quoteIdentifier } from '../cql/index.ts'
import { ConfigError } from '../errors/index.ts'
import type { ExecuteOptions, Executor, UnknownColumns } from '../types/index.ts'
import { withEitherSignal } from '../util/index.ts'
import { decodeScanState, rangeCountMax, type ScanPosition } from './scan-state.ts'
import { TableScan } from './table-scan.ts'

export interface ScanTableOptions {
  /** Columns to read, as the schema spells them. Default: all. */
  readonly columns?: readonly string[] | undefined
  /** Ranges that are read at the same time, 1 … 1,024. Default 8. */
  readonly parallelism?: number | undefined
  /** Parts of the ring, 1 … 65,536: the smaller, the fewer nodes share one. Default 256. */
  readonly rangeCount?: number | undefined
  /** What `state()` of another scan of the table returned: continues with the page it was in. */
  readonly resume?: string | undefined
  /** Options of the requests: `pageSize`, `consistency`, `signal` and others. */
  readonly options?: ExecuteOptions | undefined
}

interface TableName {
  readonly keyspace: string
  readonly table: string
}

const optionNames: ReadonlySet<string> = new Set([
  ...['columns', 'parallelism', 'rangeCount', 'resume', 'options'],
])

/**
 * Reads all rows of a table or view, in ranges of tokens that are read at the same time. Rows come
 * in no particular order; those that are written meanwhile may be among them or not. What it holds
 * in memory is bounded by the pages, whatever the size of the table.
 *
 * ```ts
 * const scan = scanTable(session, 'shop.orders', { columns: ['id', 'total'] })
 * for await (const row of scan) sum += Number(row['total'])
 * ```
 *
 * @param executor a session, or what wraps one
 * @param table `table` or `keyspace.table`, as the schema spells them, or both as an object
 * @throws ConfigError for wrong options; the first row reports a table that does not exist
 */
export function scanTable<Columns = UnknownColumns>(
  executor: Executor,
  table: string | TableName,
  options: ScanTableOptions = {},
): TableScan<Columns> {
  const name = nameOf(executor, table)
  for (const option of Object.keys(options)) {
    if (!optionNames.has(option)) {
      throw new ConfigError(
        `scanTable: unknown option "${option}"; options of requests belong into options: { … }`,
      )
    }
  }
  const { columns, parallelism = 8, options: requestOptions } = options
  if (columns !== undefined && (!Array.isArray(columns) || columns.length === 0)) {
    throw new ConfigError('scanTable: columns is a list of names; leave it out for all columns')
  }
  checkCount('parallelism', parallelism, 1_024)
  const selected = columns?.map((column) => quoteIdentifier(column)).join(', ') ?? '*'
  return new TableScan<Columns>({
    parallelism,
    position: positionOf(textOf(name), options),
    open: async () => {
      const key = await partitionKeyOf(executor, name, requestOptions)
      const token = `token(${key.map(quoteIdentifier).join(', ')})`
      const text = `SELECT ${selected} FROM ${textOf(name)} WHERE ${token} > ? AND ${token} <= ?`
      return ({ after, last }, pagingState, closing) =>
        withEitherSignal(requestOptions?.signal, closing, (signal) =>
          executor.page<Columns>(text, [after, last], { ...requestOptions, pagingState, signal }),
        )
    },
  })
}

function positionOf(table: string, { resume, rangeCount }: ScanTableOptions): ScanPosition {
  if (rangeCount !== undefined) checkCount('rangeCount', rangeCount, rangeCountMax)
  if (resume === undefined) {
    return { table, rangeCount: rangeCount ?? 256, begunCount: 0, open: [], rowCount: 0 }
  }
  const position = decodeScanState(resume, table)
  if (rangeCount !== undefined && rangeCount !== position.rangeCount) {
    throw new ConfigError(
      `scanTable: the state to resume has a rangeCount of ${position.rangeCount}, not ${rangeCount}`,
    )
  }
  return position
}

function textOf({ keyspace, table }: TableName): string {
  return `${quoteIdentifier(keyspace)}.${quoteIdentifier(table)}`
}

function nameOf(executor: Executor, table: unknown): TableName {
  const parts = typeof table === 'string' ? table.split('.') : undefined
  const given = parts === undefined ? (table as Partial<TableName> | null) : undefined
  const keyspace =
    parts?.length === 2 ? parts[0] : (given?.keyspace ?? (parts && executor.getKeyspace?.()))
  const name = parts?.at(-1) ?? given?.table
  const isName = typeof keyspace === 'string' && typeof name === 'string'
  if (!isName || keyspace === '' || name === '' || (parts?.length ?? 1) > 2) {
    throw new ConfigError(
      'scanTable: the table is "table" of the keyspace of the session, "keyspace.table", or { keyspace, table }',
    )
  }
  return { keyspace, table: name }
}

function checkCount(name: string, value: unknown, max: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max) return
  throw new ConfigError(
    `scanTable: ${name} is a whole number from 1 to ${max}, not ${String(value)}`,
  )
}

interface ColumnRow {
  readonly column_name: string
  readonly kind: string
  readonly position: number
}

/** Names of the partition key's columns in order. */
async function partitionKeyOf(
  executor: Executor,
  { keyspace, table }: TableName,
  options: ExecuteOptions | undefined,
): Promise<readonly string[]> {
  const { signal, timeout } = options ?? {}
  const own = { ...(signal && { signal }), ...(timeout !== undefined && { timeout }) }
  const [local, columns] = await Promise.all([
    executor.execute<{ partitioner: string }>('SELECT partitioner FROM system.local', [], own),
    executor.execute<ColumnRow>(
      'SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?',
      [keyspace, table],
      own,
    ),
  ])
  const partitioner = local.firstRow()?.partitioner ?? ''
  if (!partitioner.endsWith('Murmur3Partitioner')) {
    throw new ConfigError(`scanTable: the cluster has the partitioner ${partitioner}, not Murmur3`)
  }
  const key = columns.rows().filter(({ kind }) => kind === 'partition_key')
  if (key.length === 0) {
    throw new ConfigError(`scanTable: there is no table ${textOf({ keyspace, table })}`)
  }
  return key.sort((a, b) => a.position - b.position).map(({ column_name: name }) => name)
}
