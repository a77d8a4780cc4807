import { ServerError, ServerErrorCode } from '../errors/index.ts'
import type { VirtualKeyspaceMetadata, VirtualTableMetadata } from './schema-descriptions.ts'
import {
  columnOf,
  groupedBy,
  keysOf,
  type ReadRows,
  type SchemaRow,
  sortedColumns,
  textColumnOf,
} from './schema-reader.ts'
import type { UserTypes } from './type-names.ts'

/** Reads the virtual keyspaces; none where the server has no `system_virtual_schema`. */
export async function readVirtualKeyspaces(
  read: ReadRows,
): Promise<ReadonlyMap<string, VirtualKeyspaceMetadata>> {
  const select = (table: string): Promise<readonly SchemaRow[]> =>
    read(`SELECT * FROM system_virtual_schema.${table}`)
  try {
    const [keyspaces, tables, columns] = await Promise.all([
      select('keyspaces'),
      select('tables'),
      select('columns'),
    ])
    const tablesByKeyspace = groupedBy(tables, 'keyspace_name')
    const columnsByKeyspace = groupedBy(columns, 'keyspace_name')
    const names = keyspaces.map((row) => textColumnOf(row, 'keyspace_name')).sort()
    return new Map(
      names.map((name) => {
        const own = { tables: tablesByKeyspace.get(name), columns: columnsByKeyspace.get(name) }
        return [name, keyspaceOf(name, own.tables ?? [], own.columns ?? [])]
      }),
    )
  } catch (error) {
    // ScyllaDB, and Cassandra before version 4, do not know the keyspace.
    if (error instanceof ServerError && error.serverCode === ServerErrorCode.INVALID) {
      return new Map()
    }
    throw error
  }
}

function keyspaceOf(
  name: string,
  tables: readonly SchemaRow[],
  columns: readonly SchemaRow[],
): VirtualKeyspaceMetadata {
  const types: UserTypes = { keyspace: name, find: () => undefined }
  const columnsByTable = groupedBy(columns, 'table_name')
  const described = tables.map((row): [string, VirtualTableMetadata] => {
    const table = textColumnOf(row, 'table_name')
    const own = sortedColumns((columnsByTable.get(table) ?? []).map((one) => columnOf(one, types)))
    const comment = textColumnOf(row, 'comment')
    return [table, { keyspace: name, name: table, comment, ...keysOf(own) }]
  })
  return { name, tables: new Map(described) }
}
