import { type Executor, type UnknownColumns } from '../types/index.ts'
import type { ServerDialect } from './table-definition.ts'

/** What a server says of a table. */
export interface LiveTable {
  /** CQL type by name; static columns have `static` after it. */
  readonly columns: ReadonlyMap<string, string>
  readonly partitionKey: readonly string[]
  /** Names with their order, as `TableDefinition.clusteringKey` has them. */
  readonly clusteringKey: readonly (readonly [name: string, order: string])[]
}

interface ColumnRow extends UnknownColumns {
  readonly column_name: string
  readonly type: string
  readonly kind: 'partition_key' | 'clustering' | 'regular' | 'static'
  readonly position: number
  readonly clustering_order: string
}

/** Returns the columns of a table; `undefined` when it does not exist. */
export async function readLiveTable(
  executor: Executor,
  keyspace: string,
  table: string,
): Promise<LiveTable | undefined> {
  const result = await executor.execute<ColumnRow>(
    'SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?',
    [keyspace, table],
  )
  const rows = result.rows()
  if (rows.length === 0) return undefined
  const ofKind = (kind: ColumnRow['kind']): readonly ColumnRow[] =>
    rows.filter((row) => row.kind === kind).toSorted((a, b) => a.position - b.position)
  return {
    columns: new Map(
      rows.map(({ column_name, type, kind }) => [
        column_name,
        kind === 'static' ? `${type} static` : type,
      ]),
    ),
    partitionKey: ofKind('partition_key').map(({ column_name }) => column_name),
    clusteringKey: ofKind('clustering').map((row) => [row.column_name, row.clustering_order]),
  }
}

/**
 * Asks the server what it is. ScyllaDB reports a version of Cassandra, and has tables of its own.
 */
export async function readServerDialect(executor: Executor): Promise<ServerDialect> {
  const [local, scylla] = await Promise.all([
    executor.execute<{ release_version: string }>('SELECT release_version FROM system.local'),
    executor.execute(
      "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'scylla_local'",
    ),
  ])
  const majorVersion = Number.parseInt(local.singleRow().release_version, 10)
  return { server: scylla.rows().length > 0 ? 'scylla' : 'cassandra', majorVersion }
}
