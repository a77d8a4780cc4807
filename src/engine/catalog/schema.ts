import { quoteIdentifier } from '../../cql/index.ts'
import type { UdtType } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import type { TableOptions } from './table-options.ts'
import type { TableSchema } from './table-schema.ts'

/** A table in the catalog: the schema that storage needs, and options that are only shown. */
export interface TableEntry {
  readonly schema: TableSchema
  readonly options: TableOptions
}

export interface KeyspaceSchema {
  readonly name: string
  /** `class` with its full name, then the options, as `system_schema.keyspaces` shows them. */
  readonly replication: ReadonlyMap<string, string>
  readonly durableWrites: boolean
  readonly tables: ReadonlyMap<string, TableEntry>
  /** User types by name, not frozen. */
  readonly types: ReadonlyMap<string, UdtType>
}

/** An immutable snapshot of the whole schema. DDL makes a new one. */
export interface Schema {
  /** UUID that every change replaces. */
  readonly version: string
  readonly keyspaces: ReadonlyMap<string, KeyspaceSchema>
}

const keyspaceNameMax = 48

/** Keyspaces of the node itself, which users can only read. */
export const systemKeyspaces: ReadonlySet<string> = new Set([
  'system',
  'system_schema',
  'system_virtual_schema',
  'system_views',
  'system_auth',
  'system_distributed',
  'system_traces',
])

export function keyspaceOrThrow(schema: Schema, name: string): KeyspaceSchema {
  const keyspace = schema.keyspaces.get(name)
  if (keyspace === undefined) throw invalid(`Keyspace '${name}' doesn't exist`)
  return keyspace
}

/** Whether a keyspace or table may have this name (SchemaConstants.isValidName). */
export function isValidName(name: string): boolean {
  return /^\w+$/.test(name)
}

export function checkKeyspaceName(name: string): void {
  if (!isValidName(name)) {
    throw invalid(
      `Keyspace name must not be empty and must contain alphanumeric or underscore characters only (got "${name}")`,
    )
  }
  if (name.length > keyspaceNameMax) {
    throw invalid(
      `Keyspace name must not be more than ${keyspaceNameMax} characters long (got ${name.length} characters for "${name}")`,
    )
  }
}

/** Returns a copy of a map with one entry set, or deleted when the value is `undefined`. */
export function withEntry<Value>(
  map: ReadonlyMap<string, Value>,
  key: string,
  value: Value | undefined,
): ReadonlyMap<string, Value> {
  const copy = new Map(map)
  if (value === undefined) copy.delete(key)
  else copy.set(key, value)
  return copy
}

export function withKeyspace(schema: Schema, keyspace: KeyspaceSchema): Schema {
  return { ...schema, keyspaces: withEntry(schema.keyspaces, keyspace.name, keyspace) }
}

export function withTable(schema: Schema, keyspace: KeyspaceSchema, table: TableEntry): Schema {
  const tables = withEntry(keyspace.tables, table.schema.name, table)
  return withKeyspace(schema, { ...keyspace, tables })
}

/** Returns `keyspace.name`, quoted where necessary. */
export function qualifiedText({ keyspace, name }: { keyspace: string; name: string }): string {
  return `${quoteIdentifier(keyspace)}.${quoteIdentifier(name)}`
}
