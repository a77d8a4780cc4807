import { quoteIdentifier } from '../cql/index.ts'
import { ConfigError } from '../errors/index.ts'
import { checkOptions } from '../kernel/index.ts'

/** How one property of an entity is stored. */
export interface RepositoryColumn<Value = unknown> {
  /** CQL type. */
  readonly type: string
  /** Column name; default that of the property, `createdAt` becoming `created_at`. */
  readonly column?: string
  /** Makes the property of what the session gives, which is not null. Default: as it is. */
  readonly read?: (value: unknown) => Value
}

/** A property and its column. */
export interface Property {
  readonly name: string
  readonly column: string
  /** The column as CQL, quoted where that is needed. */
  readonly text: string
  readonly type: string
  readonly read: ((value: unknown) => unknown) | undefined
}

/** @throws ConfigError */
export function propertiesOf(columns: {
  readonly [name: string]: string | RepositoryColumn
}): readonly Property[] {
  if (typeof columns !== 'object' || columns === null) {
    throw new ConfigError('columns is an object of a CQL type, or more, by property')
  }
  const properties = Object.entries(columns).map(([name, column]) => toProperty(name, column))
  const names = new Set<string>()
  for (const { column } of properties) {
    if (names.has(column)) throw new ConfigError(`Two properties are in column ${column}`)
    names.add(column)
  }
  return properties
}

function toProperty(name: string, definition: string | RepositoryColumn): Property {
  const given: RepositoryColumn = typeof definition === 'string' ? { type: definition } : definition
  const what = `Column ${JSON.stringify(name)}`
  checkOptions(what, given, { type: true, column: true, read: true })
  const { type, column = snakeCase(name), read } = given
  if (typeof column !== 'string' || column === '') {
    throw new ConfigError(`${what} needs a column name that is not empty`)
  }
  if (typeof type !== 'string' || !/^[a-z][a-z0-9_<>, ]*$/i.test(type)) {
    throw new ConfigError(`${what}: ${JSON.stringify(type)} is no CQL type`)
  }
  return { name, column, text: quoteIdentifier(column), type, read }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The values of key properties. @throws ConfigError that names those that are missing */
export function keyValues(method: string, keys: readonly Property[], from: unknown): unknown[] {
  const names = keys.map(({ name }) => name).join(', ')
  if (typeof from !== 'object' || from === null) {
    throw new ConfigError(`${method} takes an object with the key: ${names}`)
  }
  return keys.map(({ name }) => {
    const value = valueOf(from, name)
    if (value !== undefined && value !== null) return value
    throw new ConfigError(`${method} needs the key (${names}), and ${name} is missing`)
  })
}

export function valueOf(entity: object, name: string): unknown {
  return (entity as { readonly [name: string]: unknown })[name]
}
