import { type CreateTableStatement, parseStatement } from '../../cql/index.ts'
import type { UdtType } from '../../types/index.ts'
import { createTable } from '../catalog/ddl/create-table.ts'
import type { KeyspaceSchema, Schema, TableEntry } from '../catalog/schema.ts'
import {
  type SystemKeyspaceDefinition,
  systemKeyspaceDefinitions,
  systemTableDefinitions,
} from './definitions.ts'

/** A keyspace of the node whose tables are made on first access. */
class SystemKeyspace implements KeyspaceSchema {
  readonly name: string
  readonly replication: ReadonlyMap<string, string>
  readonly durableWrites = true
  readonly types: ReadonlyMap<string, UdtType> = new Map()
  readonly #options: string
  #tables: ReadonlyMap<string, TableEntry> | undefined

  constructor({ name, replication, options }: SystemKeyspaceDefinition) {
    this.name = name
    this.replication = replication
    this.#options = options
  }

  get tables(): ReadonlyMap<string, TableEntry> {
    this.#tables ??= this.#createTables()
    return this.#tables
  }

  /** By the catalog's own CREATE TABLE. */
  #createTables(): ReadonlyMap<string, TableEntry> {
    const { name, replication, durableWrites, types } = this
    const empty = { name, replication, durableWrites, types, tables: new Map() }
    let schema: Schema = { version: '', keyspaces: new Map([[name, empty]]) }
    let generation = 0
    const allocator = { tableId: () => '', generation: () => ++generation }
    for (const { keyspace, cql, id, comment } of systemTableDefinitions) {
      if (keyspace !== name) continue
      const others = this.#options === '' ? '' : ` AND ${this.#options}`
      const text = `CREATE TABLE ${name}.${cql} WITH id = ${id} AND comment = '${comment}'${others}`
      const statement = parseStatement(text) as CreateTableStatement
      schema = createTable(schema, statement, name, allocator)
    }
    return schema.keyspaces.get(name)!.tables
  }
}

/** The keyspaces of every node: they never change, so all engines of a process share them. */
export const systemKeyspaceSchemas: readonly KeyspaceSchema[] = systemKeyspaceDefinitions.map(
  (definition) => new SystemKeyspace(definition),
)
