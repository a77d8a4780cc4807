import { ConfigError, RowExistsError, RowNotFoundError } from '../errors/index.ts'
import { checkTableName, createTables, PreparedStatements } from '../kernel/index.ts'
import type { Executor } from '../types/index.ts'

/** How one property of an entity is stored. */
export interface RepositoryColumn {
  /** CQL type. */
  readonly type: string
  /** Column name; default that of the property, `createdAt` becoming `created_at`. */
  readonly column?: string
}

export interface RepositoryOptions<T extends object> {
  readonly table: string
  /** Every property of the entity, by its CQL type or in full. */
  readonly columns: { readonly [K in keyof T & string]-?: string | RepositoryColumn }
  /** Properties that make up the primary key; the first, or the first group, is the partition key. */
  readonly key: readonly (keyof T & string)[]
  /** How many properties of `key` form the partition key. Default 1. */
  readonly partitionKeyCount?: number
}

interface Property {
  readonly name: string
  readonly column: string
  readonly type: string
}

/** What identifies an entity: its key property when there is one, else an object of all of them. */
export type RepositoryKey<T> = T[keyof T] | Partial<T>

/**
 * Entities of one table. `create` never overwrites, `update` never creates; both are conditional
 * writes. Columns are read by name and listed in every statement, so a column that is added later
 * changes nothing here.
 */
export class Repository<T extends object> {
  readonly #executor: Executor
  readonly #statements: PreparedStatements
  readonly #table: string
  readonly #properties: readonly Property[]
  readonly #keys: readonly Property[]
  readonly #others: readonly Property[]
  readonly #partitionKeyCount: number

  constructor(executor: Executor, options: RepositoryOptions<T>) {
    this.#executor = executor
    this.#statements = new PreparedStatements(executor)
    this.#table = checkTableName(options.table)
    this.#properties = Object.entries(options.columns).map(([name, column]) =>
      toProperty(name, column as string | RepositoryColumn),
    )
    this.#keys = options.key.map((name) => this.#property(name))
    this.#others = this.#properties.filter((property) => !this.#keys.includes(property))
    this.#partitionKeyCount = options.partitionKeyCount ?? 1
    if (this.#keys.length === 0) throw new ConfigError('key: at least one property is needed')
    if (this.#partitionKeyCount < 1 || this.#partitionKeyCount > this.#keys.length) {
      throw new ConfigError(`partitionKeyCount is between 1 and ${this.#keys.length}`)
    }
  }

  #property(name: string): Property {
    const property = this.#properties.find((candidate) => candidate.name === name)
    if (property === undefined) throw new ConfigError(`${JSON.stringify(name)} is not in columns`)
    return property
  }

  /** CQL of the table. It is written by conditional writes alone. */
  tables(): string[] {
    const columns = this.#properties.map(({ column, type }) => `${column} ${type}`).join(', ')
    const keys = this.#keys.map(({ column }) => column)
    const partition = keys.slice(0, this.#partitionKeyCount).join(', ')
    const clustering = keys.slice(this.#partitionKeyCount).map((column) => `, ${column}`)
    return [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (${columns}, PRIMARY KEY ((${partition})${clustering.join('')}))`,
    ]
  }

  async createTables(): Promise<void> {
    await createTables(this.#executor, this.tables())
  }

  /** Stores a new entity. @throws RowExistsError when its key is taken; nothing is changed */
  async create(entity: T): Promise<void> {
    const columns = this.#properties.map(({ column }) => column).join(', ')
    const markers = this.#properties.map(() => '?').join(', ')
    const insert = await this.#statements.get(
      `INSERT INTO ${this.#table} (${columns}) VALUES (${markers}) IF NOT EXISTS`,
    )
    const values = this.#properties.map(({ name }) => valueOf(entity, name))
    const result = await this.#executor.executePrepared(insert, values)
    if (result.applied !== true) throw new RowExistsError(this.#table)
  }

  async get(key: RepositoryKey<T>): Promise<T | undefined> {
    const columns = this.#properties.map(({ column }) => column).join(', ')
    const select = await this.#statements.get(
      `SELECT ${columns} FROM ${this.#table} WHERE ${this.#keyCondition()}`,
    )
    const result = await this.#executor.executePrepared(select, this.#keyValues(key))
    const row = result.firstRow()
    if (row === undefined) return undefined
    return Object.fromEntries(this.#properties.map(({ name, column }) => [name, row[column]])) as T
  }

  /**
   * Changes an entity that exists. A property that is `undefined` keeps its value, `null` deletes it.
   *
   * @throws RowNotFoundError when there is none; none is created
   */
  async update(entity: Partial<T>): Promise<void> {
    if (this.#others.length === 0) throw new ConfigError(`${this.#table} has key columns only`)
    const assignments = this.#others.map(({ column }) => `${column} = ?`).join(', ')
    const update = await this.#statements.get(
      `UPDATE ${this.#table} SET ${assignments} WHERE ${this.#keyCondition()} IF EXISTS`,
    )
    const values = this.#others.map(({ name }) => valueOf(entity, name))
    const result = await this.#executor.executePrepared(update, [
      ...values,
      ...this.#keyValues(entity),
    ])
    if (result.applied !== true) throw new RowNotFoundError(this.#table)
  }

  /** @returns whether there was such an entity */
  async delete(key: RepositoryKey<T>): Promise<boolean> {
    const remove = await this.#statements.get(
      `DELETE FROM ${this.#table} WHERE ${this.#keyCondition()} IF EXISTS`,
    )
    const result = await this.#executor.executePrepared(remove, this.#keyValues(key))
    return result.applied === true
  }

  #keyCondition(): string {
    return this.#keys.map(({ column }) => `${column} = ?`).join(' AND ')
  }

  #keyValues(key: unknown): unknown[] {
    const isRecord = typeof key === 'object' && key !== null && this.#keys[0]!.name in key
    if (this.#keys.length === 1 && !isRecord) return [key]
    if (!isRecord) {
      const names = this.#keys.map(({ name }) => name).join(', ')
      throw new ConfigError(`The key of ${this.#table} is an object with ${names}`)
    }
    return this.#keys.map(({ name }) => valueOf(key, name))
  }
}

function valueOf(entity: object, name: string): unknown {
  return (entity as { readonly [name: string]: unknown })[name]
}

function toProperty(name: string, definition: string | RepositoryColumn): Property {
  const { type, column } = typeof definition === 'string' ? { type: definition } : definition
  const snakeCase = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const columnName = column ?? snakeCase
  if (!/^[a-z][a-z0-9_]*$/.test(columnName)) {
    throw new ConfigError(`${JSON.stringify(columnName)} is no unquoted column name`)
  }
  if (!/^[a-z][a-z0-9_<>, ]*$/i.test(type)) {
    throw new ConfigError(`${JSON.stringify(type)} is no CQL type`)
  }
  return { name, column: columnName, type }
}
