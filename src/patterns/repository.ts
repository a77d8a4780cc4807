import { channel } from 'node:diagnostics_channel'
import {
  ConfigError,
  RowExistsError,
  RowNotFoundError,
  type SerialConsistency,
} from '../errors/index.ts'
import {
  checkInteger,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  createTables,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  timeoutOf,
  type TimeSpan,
} from '../kernel/index.ts'
import type { Executor, Result } from '../types/index.ts'
import {
  checkNames,
  hasProperty,
  keyValues,
  type EntityProperty,
  propertiesOf,
  type RepositoryColumn,
  valueOf,
} from './repository-property.ts'

/** The key property of entities that have an `id`; others name theirs. */
export type DefaultKey<T> = Extract<keyof T, 'id'>

export interface RepositoryOptions<T extends object, Key extends keyof T & string = DefaultKey<T>> {
  readonly table: string
  /** Every property of the entity, by its CQL type or in full. */
  readonly columns: { readonly [K in keyof T & string]-?: string | RepositoryColumn<T[K]> }
  /**
   * Properties that make up the primary key; the first, or the first group, is the partition key.
   */
  readonly key: readonly Key[]
  /** How many properties of `key` form the partition key. Default 1. */
  readonly partitionKeyCount?: number | undefined
  /**
   * Where writes are ordered: per data center, or over all of them. All repositories on a table
   * must use the same. Default: that of the executor.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  /** Time that a request may take. Default: that of the executor. */
  readonly timeout?: TimeSpan | undefined
}

/** What subscribers of the channel `tsylla:repository` of `node:diagnostics_channel` receive. */
export interface RepositoryEvent {
  /**
   * - `created`, `read`, `updated`, `deleted`: a row was.
   * - `missing`: `get` has found no row.
   * - `refused`: what was to be created exists, or what was to be changed or deleted does not.
   * - `failed`: the database has failed; a write may be applied when its outcome is unknown.
   */
  readonly type: 'created' | 'read' | 'missing' | 'updated' | 'deleted' | 'refused' | 'failed'
  readonly table: string
}

/** What `stats` returns: how many calls of this object ended in which way. */
export type RepositoryStats = { readonly [Type in RepositoryEvent['type']]: number }

const events = channel('tsylla:repository')

type IsOne<Name, All = Name> = [Name] extends [never]
  ? false
  : Name extends unknown
    ? [All] extends [Name]
      ? true
      : false
    : never

/** What identifies an entity: its key property when there is one, or an object with all of them. */
export type RepositoryKey<T, Key extends keyof T> =
  | Pick<T, Key>
  | (IsOne<Key> extends true ? T[Key] : never)

/**
 * Entities of one table. `create` never overwrites, `update` never creates; both are conditional
 * writes. Columns are read by name and listed in every statement, so a column that is added later
 * changes nothing here. Values are read as the session decodes them (`int64`, `timestampValues`),
 * unless their column has `read`.
 *
 * The second type parameter names the key properties; it can be left out for `id`.
 */
export class Repository<T extends object, Key extends keyof T & string = DefaultKey<T>> {
  readonly #executor: Executor
  readonly #runner: PreparedStatementRunner
  readonly #name: string
  readonly #table: string
  readonly #properties: readonly EntityProperty[]
  readonly #keys: readonly EntityProperty[]
  readonly #others: readonly EntityProperty[]
  readonly #partitionKeyCount: number
  readonly #timeoutMs: number | undefined
  readonly #stats = {
    ...{ created: 0, read: 0, missing: 0, updated: 0, deleted: 0, refused: 0, failed: 0 },
  }

  constructor(executor: Executor, options: RepositoryOptions<T, Key>) {
    checkOptions('Repository', options, {
      ...{ table: true, columns: true, key: true, partitionKeyCount: true },
      ...{ serialConsistency: true, timeout: true },
    })
    this.#executor = executor
    const { serialConsistency, timeout } = options
    if (serialConsistency !== undefined) checkSerialLevel(serialConsistency)
    this.#timeoutMs = timeout === undefined ? undefined : timeoutOf({ timeout }, 0)
    this.#runner = new PreparedStatementRunner(executor, { serialConsistency })
    this.#name = checkTableName(options.table)
    this.#table = tableText(this.#name)
    this.#properties = propertiesOf(options.columns)
    if (!Array.isArray(options.key) || options.key.length === 0) {
      throw new ConfigError('key is a list of properties, at least one')
    }
    this.#keys = options.key.map((name) => this.#property(name))
    if (new Set(this.#keys).size < this.#keys.length) {
      throw new ConfigError('key names a property twice')
    }
    this.#others = this.#properties.filter((property) => !this.#keys.includes(property))
    const { partitionKeyCount = 1 } = options
    const countMax = this.#keys.length
    this.#partitionKeyCount = checkInteger('partitionKeyCount', partitionKeyCount, 1, countMax)
  }

  #property(name: string): EntityProperty {
    const property = this.#properties.find((candidate) => candidate.name === name)
    if (property === undefined) throw new ConfigError(`${JSON.stringify(name)} is not in columns`)
    return property
  }

  /** CQL of the table, which is written by conditional writes only. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. It is written by conditional writes only. */
  tableDefinitions(): readonly TableDefinition[] {
    const keys = this.#keys.map(({ column }) => column)
    return [
      {
        name: this.#name,
        columns: Object.fromEntries(this.#properties.map(({ column, type }) => [column, type])),
        partitionKey: keys.slice(0, this.#partitionKeyCount),
        clusteringKey: Object.fromEntries(
          keys.slice(this.#partitionKeyCount).map((name) => [name, 'asc' as const]),
        ),
        writes: 'conditional',
      },
    ]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Stores a new entity. A property that is left out or `undefined` has no value in the row.
   *
   * @throws RowExistsError when its key is taken; nothing is changed
   * @throws ConfigError when a key property is missing, or no column holds a property
   */
  async create(entity: T): Promise<void> {
    checkNames('create', entity, this.#properties)
    keyValues('create', this.#keys, entity)
    const columns = this.#properties.map(({ text }) => text).join(', ')
    const markers = this.#properties.map(() => '?').join(', ')
    const result = await this.#run(
      `INSERT INTO ${this.#table} (${columns}) VALUES (${markers}) IF NOT EXISTS`,
      this.#properties.map(({ name }) => valueOf(entity, name)),
    )
    this.#count(result.applied === true ? 'created' : 'refused')
    if (result.applied !== true) throw new RowExistsError(this.#name)
  }

  /**
   * Reads an entity. A property without a value is `null`, but for collections that are not frozen:
   * a server does not tell an empty one from none, so the property is the empty collection.
   */
  async get(key: RepositoryKey<T, Key>): Promise<T | undefined> {
    const columns = this.#properties.map(({ text }) => text).join(', ')
    const result = await this.#run(
      `SELECT ${columns} FROM ${this.#table} WHERE ${this.#keyCondition()}`,
      this.#keyValues('get', key),
    )
    const row = result.firstRow()
    this.#count(row === undefined ? 'missing' : 'read')
    if (row === undefined) return undefined
    const entries = this.#properties.map(({ name, column, read, makeEmpty }) => {
      const value: unknown = row[column] ?? makeEmpty?.() ?? null
      return [name, value === null || read === undefined ? value : read(value)]
    })
    return Object.fromEntries(entries) as T
  }

  /**
   * Changes an entity that exists. A property that is `undefined` keeps its value, `null` deletes
   * it.
   *
   * @throws RowNotFoundError when the entity does not exist; it is not created
   * @throws ConfigError when a key property is missing, or no column holds a property
   */
  async update(entity: Pick<T, Key> & Partial<T>): Promise<void> {
    checkNames('update', entity, this.#properties)
    if (this.#others.length === 0) throw new ConfigError(`${this.#name} has key columns only`)
    const key = keyValues('update', this.#keys, entity)
    const assignments = this.#others.map(({ text }) => `${text} = ?`).join(', ')
    const result = await this.#run(
      `UPDATE ${this.#table} SET ${assignments} WHERE ${this.#keyCondition()} IF EXISTS`,
      [...this.#others.map(({ name }) => valueOf(entity, name)), ...key],
    )
    this.#count(result.applied === true ? 'updated' : 'refused')
    if (result.applied !== true) throw new RowNotFoundError(this.#name)
  }

  /** @returns whether there was such an entity */
  async delete(key: RepositoryKey<T, Key>): Promise<boolean> {
    const result = await this.#run(
      `DELETE FROM ${this.#table} WHERE ${this.#keyCondition()} IF EXISTS`,
      this.#keyValues('delete', key),
    )
    this.#count(result.applied === true ? 'deleted' : 'refused')
    return result.applied === true
  }

  /** Counts what this object has done. */
  stats(): RepositoryStats {
    return { ...this.#stats }
  }

  async #run(text: string, values: readonly unknown[]): Promise<Result> {
    try {
      return await this.#runner.run(text, values, { timeout: this.#timeoutMs })
    } catch (error) {
      this.#count('failed')
      throw error
    }
  }

  #count(type: RepositoryEvent['type']): void {
    this.#stats[type]++
    if (!events.hasSubscribers) return
    events.publish({ type, table: this.#name } satisfies RepositoryEvent)
  }

  #keyCondition(): string {
    return this.#keys.map(({ text }) => `${text} = ?`).join(' AND ')
  }

  #keyValues(method: string, key: unknown): unknown[] {
    const [first] = this.#keys
    const isBare = this.#keys.length === 1 && first !== undefined && !isRecordWith(key, first.name)
    return keyValues(method, this.#keys, isBare ? { [first.name]: key } : key)
  }
}

function isRecordWith(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && hasProperty(value, name)
}
