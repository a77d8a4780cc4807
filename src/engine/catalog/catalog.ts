import type { CqlStatement, SchemaStatement } from '../../cql/index.ts'
import type { SchemaChange } from '../../protocol/index.ts'
import { invalid, unauthorized, unsupportedByEngine } from '../errors.ts'
import { type KvStore, ValueRef, WriteBatch } from '../storage/index.ts'
import { alterTable } from './ddl/alter-table.ts'
import { type Allocator, createTable, dropTable } from './ddl/create-table.ts'
import {
  alterKeyspace,
  createKeyspace,
  dropKeyspace,
  type LocalDataCenter,
} from './ddl/keyspace-statements.ts'
import { checkMissing, isAboutMissing, writtenKeyspace } from './ddl/missing-objects.ts'
import { alterType, createType, dropType } from './ddl/type-statements.ts'
import { decodeCatalog, encodeCatalog } from './persistence.ts'
import {
  type KeyspaceSchema,
  type Schema,
  systemKeyspaces,
  type TableEntry,
  withTable,
} from './schema.ts'
import type { TableSchema } from './table-schema.ts'

/** Key of the catalog in the store. It sorts before the keys of all tables. */
const catalogKey = '\u0001catalog'

export type SchemaListener = (change: SchemaChange) => void

/** Sources of table ids and times for the catalog. */
export interface CatalogSources extends LocalDataCenter {
  nowMicros(): bigint
  timeUuid(): string
  randomUuid(): string
}

/** The effect of a schema statement. */
export interface SchemaOutcome {
  /** `undefined` when IF [NOT] EXISTS made it do nothing. */
  readonly change: SchemaChange | undefined
  /** Generations of dropped or truncated tables, whose rows can no longer be reached. */
  readonly droppedGenerations: readonly number[]
}

const noSpecified =
  'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename'

/** Keyspaces, tables and types: immutable snapshots, changed by DDL and kept in the store. */
export class Catalog {
  #schema: Schema
  #nextGeneration: number
  /** Generations that were dropped or truncated and whose rows may still be there. */
  readonly #dropped: Set<number>
  readonly #virtual: Map<string, KeyspaceSchema> = new Map()
  readonly #kv: KvStore
  readonly #sources: CatalogSources
  readonly #listeners: Set<SchemaListener> = new Set()

  constructor(kv: KvStore, sources: CatalogSources) {
    this.#kv = kv
    this.#sources = sources
    const value = new ValueRef()
    if (kv.get(catalogKey, value)) {
      const stored = decodeCatalog(value.bytes.subarray(value.start, value.end))
      this.#schema = stored.schema
      this.#nextGeneration = stored.nextGeneration
      this.#dropped = new Set(stored.dropped)
    } else {
      this.#schema = { version: sources.randomUuid(), keyspaces: new Map() }
      this.#nextGeneration = 1
      this.#dropped = new Set()
    }
  }

  /** The user's schema, without the keyspaces of the node itself. */
  get schema(): Schema {
    return this.#schema
  }

  /** Calls `listener` after every change. @returns a function that removes the listener */
  onChange(listener: SchemaListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Adds a keyspace of the node itself, whose tables cannot be changed. */
  addVirtualKeyspace(keyspace: KeyspaceSchema): void {
    this.#virtual.set(keyspace.name, keyspace)
  }

  /** Keyspaces of the node itself. */
  get virtualKeyspaces(): ReadonlyMap<string, KeyspaceSchema> {
    return this.#virtual
  }

  keyspace(name: string): KeyspaceSchema | undefined {
    return this.#schema.keyspaces.get(name) ?? this.#virtual.get(name)
  }

  /** Returns a table by name. @throws ServerError with the message of Cassandra */
  table(keyspaceName: string, name: string): TableEntry {
    const keyspace = this.keyspace(keyspaceName)
    if (keyspace === undefined) throw invalid(`keyspace ${keyspaceName} does not exist`)
    const table = keyspace.tables.get(name)
    if (table === undefined) throw invalid(`table ${name} does not exist`)
    return table
  }

  /** Generations of the user's tables. */
  *generations(): Generator<number> {
    for (const { tables } of this.#schema.keyspaces.values()) {
      for (const { schema } of tables.values()) yield schema.generation
    }
  }

  /** Returns the user's table of a generation, unless it has been dropped or truncated since. */
  tableOfGeneration(generation: number): TableSchema | undefined {
    for (const { tables } of this.#schema.keyspaces.values()) {
      for (const { schema } of tables.values()) if (schema.generation === generation) return schema
    }
    return undefined
  }

  /** Generations whose rows are still to be removed, some by an engine that was closed before. */
  get droppedGenerations(): readonly number[] {
    return [...this.#dropped]
  }

  /** Records that the rows of dropped generations have been removed. */
  forgetDropped(generations: readonly number[]): void {
    for (const generation of generations) this.#dropped.delete(generation)
    this.#persist()
  }

  /** Returns the keyspace that a statement names, or the one in use. */
  keyspaceOf(written: string | undefined, inUse: string | undefined): string {
    const keyspace = written ?? inUse
    if (keyspace === undefined) throw invalid(noSpecified)
    return keyspace
  }

  /** Executes DDL. @throws ServerError when the statement is refused and changes nothing */
  apply(statement: SchemaStatement, inUse: string | undefined): SchemaOutcome {
    const keyspace = this.#keyspaceOfSchemaStatement(statement, inUse)
    if (isSystem(keyspace)) {
      if (statement.kind === 'create_keyspace' || isAboutMissing(statement)) {
        throw invalid(`System keyspace '${keyspace}' is not user-modifiable`)
      }
      throw unauthorized(`${keyspace} keyspace is not user-modifiable.`)
    }
    if (isAboutMissing(statement)) {
      checkMissing(statement, { keyspace, types: this.keyspace(keyspace)?.types ?? new Map() })
      return { change: undefined, droppedGenerations: [] }
    }
    const before = this.#schema
    const { schema, change, generations } = this.#transform(statement, keyspace)
    if (schema === before) return { change: undefined, droppedGenerations: [] }
    this.#replace({ ...schema, version: this.#sources.randomUuid() }, generations)
    for (const listener of this.#listeners) listener(change)
    return { change, droppedGenerations: generations }
  }

  /** Moves a table to a new generation (TRUNCATE) and returns the old one. */
  truncate(keyspaceName: string, name: string): number {
    const entry = this.table(keyspaceName, name)
    const keyspace = this.#schema.keyspaces.get(keyspaceName)
    if (keyspace === undefined) {
      throw invalid(`Cannot truncate virtual tables`)
    }
    const generation = this.#nextGeneration++
    const schema = { ...entry.schema, generation }
    const dropped = entry.schema.generation
    this.#replace(withTable(this.#schema, keyspace, { ...entry, schema }), [dropped])
    return dropped
  }

  #keyspaceOfSchemaStatement(statement: SchemaStatement, inUse: string | undefined): string {
    if (isAboutMissing(statement)) return this.keyspaceOf(writtenKeyspace(statement), inUse)
    switch (statement.kind) {
      case 'create_keyspace':
      case 'alter_keyspace':
      case 'drop_keyspace':
        return statement.keyspace
      case 'create_table':
      case 'alter_table':
        return this.keyspaceOf(statement.table.keyspace, inUse)
      case 'create_type':
      case 'alter_type':
        return this.keyspaceOf(statement.type.keyspace, inUse)
      case 'drop_table':
      case 'drop_type':
        return this.keyspaceOf(statement.name.keyspace, inUse)
      default:
        throw unsupported(statement)
    }
  }

  #transform(
    statement: SchemaStatement,
    keyspace: string,
  ): { schema: Schema; change: SchemaChange; generations: readonly number[] } {
    const schema = this.#schema
    const done = (
      next: Schema,
      change: SchemaChange['change'],
      target: SchemaChange['target'],
      name?: string,
      generations: readonly number[] = [],
    ) => ({
      schema: next,
      change: { change, target, keyspace, name, argumentTypes: undefined },
      generations,
    })
    const sources = this.#sources
    switch (statement.kind) {
      case 'create_keyspace':
        return done(createKeyspace(schema, statement, sources), 'CREATED', 'KEYSPACE')
      case 'alter_keyspace':
        return done(alterKeyspace(schema, statement, sources), 'UPDATED', 'KEYSPACE')
      case 'drop_keyspace': {
        const tables = schema.keyspaces.get(keyspace)?.tables.values() ?? []
        const generations = [...tables].map((table) => table.schema.generation)
        return done(dropKeyspace(schema, statement), 'DROPPED', 'KEYSPACE', undefined, generations)
      }
      case 'create_table': {
        const created = createTable(schema, statement, keyspace, this.#allocator())
        return done(created, 'CREATED', 'TABLE', statement.table.name)
      }
      case 'alter_table': {
        const altered = alterTable(schema, statement, keyspace, sources.nowMicros())
        return done(altered, 'UPDATED', 'TABLE', statement.table.name)
      }
      case 'drop_table': {
        const dropped = dropTable(schema, statement, keyspace)
        const generations = dropped.generation === undefined ? [] : [dropped.generation]
        return done(dropped.schema, 'DROPPED', 'TABLE', statement.name.name, generations)
      }
      case 'create_type': {
        const created = createType(schema, statement, keyspace)
        return done(created, 'CREATED', 'TYPE', statement.type.name)
      }
      case 'alter_type': {
        const altered = alterType(schema, statement, keyspace)
        return done(altered, 'UPDATED', 'TYPE', statement.type.name)
      }
      case 'drop_type':
        return done(dropType(schema, statement, keyspace), 'DROPPED', 'TYPE', statement.name.name)
      default:
        throw unsupported(statement)
    }
  }

  #allocator(): Allocator {
    return {
      tableId: () => this.#sources.timeUuid(),
      generation: () => this.#nextGeneration++,
    }
  }

  /**
   * Replaces the schema and stores it. When the store refuses it, nothing changes: a generation
   * that is still in use must not be among the dropped ones, whose rows the next engine removes.
   */
  #replace(schema: Schema, dropped: readonly number[]): void {
    const before = this.#schema
    this.#schema = schema
    for (const generation of dropped) this.#dropped.add(generation)
    try {
      this.#persist()
    } catch (error) {
      this.#schema = before
      for (const generation of dropped) this.#dropped.delete(generation)
      throw error
    }
  }

  #persist(): void {
    const batch = new WriteBatch()
    const [schema, nextGeneration] = [this.#schema, this.#nextGeneration]
    batch.put(
      catalogKey,
      encodeCatalog({ schema, nextGeneration, dropped: this.droppedGenerations }),
    )
    this.#kv.write(batch)
  }
}

function isSystem(keyspace: string): boolean {
  return systemKeyspaces.has(keyspace)
}

/** Returns the error for a statement that the parser accepts and the engine does not execute. */
export function unsupported(statement: CqlStatement): Error {
  const name = statement.kind
    .replaceAll('_', ' ')
    .toUpperCase()
    .replace('VIEW', 'MATERIALIZED VIEW')
  return unsupportedByEngine(`${name} statements are`)
}
