import { quoteIdentifier } from '../cql/index.ts'
import { ConfigError } from '../errors/index.ts'
import { checkOptions } from '../kernel/index.ts'
import { didYouMean } from '../util/index.ts'

/** How one property of an entity is stored. */
export interface RepositoryColumn<Value = unknown> {
  /** CQL type. */
  readonly type: string
  /** Column name; default that of the property, `createdAt` becoming `created_at`. */
  readonly column?: string | undefined
  /**
   * Converts the value that the session decodes, which is not null. Default: the value as it is.
   */
  readonly read?: ((value: unknown) => Value) | undefined
}

/** A property and its column. */
export interface EntityProperty {
  readonly name: string
  readonly column: string
  /** The column as CQL, quoted where that is needed. */
  readonly text: string
  readonly type: string
  readonly read: ((value: unknown) => unknown) | undefined
  /**
   * Makes the empty value of a collection that is not frozen, which a server stores as null.
   * `undefined` for all other types.
   */
  readonly makeEmpty: (() => unknown) | undefined
}

/** @throws ConfigError */
export function propertiesOf(columns: {
  readonly [name: string]: string | RepositoryColumn
}): readonly EntityProperty[] {
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

function toProperty(name: string, definition: string | RepositoryColumn): EntityProperty {
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
  return { name, column, text: quoteIdentifier(column), type, read, makeEmpty: makeEmptyOf(type) }
}

/** Only collections outside `frozen<…>` lose the difference between empty and null. */
function makeEmptyOf(type: string): (() => unknown) | undefined {
  switch (/^(set|list|map)\s*</i.exec(type)?.[1]?.toLowerCase()) {
    case 'set':
      return () => new Set()
    case 'list':
      return () => []
    case 'map':
      return () => new Map()
    default:
      return undefined
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The values of key properties. @throws ConfigError that names those that are missing */
export function keyValues(
  method: string,
  keys: readonly EntityProperty[],
  from: unknown,
): unknown[] {
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

/**
 * Whether an entity has a property: its own, or an accessor of its class. What every object
 * inherits from `Object.prototype`, and the methods of a class, do not count.
 */
export function hasProperty(entity: object, name: string): boolean {
  if (Object.hasOwn(entity, name)) return true
  for (
    let holder = Object.getPrototypeOf(entity) as object | null;
    holder !== null && holder !== Object.prototype;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    const property = Object.getOwnPropertyDescriptor(holder, name)
    if (property !== undefined) return property.get !== undefined
  }
  return false
}

/** The value of a property of an entity, `undefined` when the entity has none of that name. */
export function valueOf(entity: object, name: string): unknown {
  if (!hasProperty(entity, name)) return undefined
  return (entity as { readonly [name: string]: unknown })[name]
}

/**
 * Refuses an entity with a property that no column holds: it would silently not be stored.
 *
 * @throws ConfigError that names the property and the nearest column
 */
export function checkNames(
  method: string,
  entity: unknown,
  properties: readonly EntityProperty[],
): void {
  if (typeof entity !== 'object' || entity === null || Array.isArray(entity)) {
    throw new ConfigError(`${method} takes an entity, which is an object of its properties`)
  }
  for (const name of Object.keys(entity)) {
    if (properties.some((property) => property.name === name)) continue
    const known = properties.map((property) => property.name)
    throw new ConfigError(
      `${method}: no column holds the property ${JSON.stringify(name)}.${didYouMean(name, known)} There are: ${known.join(', ')}`,
    )
  }
}
