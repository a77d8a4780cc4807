import { Decimal, EmptyValue } from '../types/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { defineOwn, setOwn } from './own-property.ts'

const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** What the class of a shape knows of its rows. */
export interface RowNames {
  /** Column names in order, duplicates included. */
  readonly names: readonly string[]
  /** Whether a name occurs twice, so that not every value has a property. */
  readonly hasDuplicates: boolean
}

/** On the prototype of every class of rows. */
export const rowNames: unique symbol = Symbol('tsylla.rowNames')
/** On rows with duplicate names: all their values in order. */
export const rowValues: unique symbol = Symbol('tsylla.rowValues')

interface RowInternals {
  readonly [rowNames]: RowNames
  readonly [rowValues]?: readonly unknown[]
}

/**
 * A row of a result. Its columns are own data properties and win over the methods here, so that a
 * column may be called `columns` or `get`; the static functions work for every row.
 */
export class Row {
  readonly [index: number]: unknown

  /** All values in order; duplicate column names keep their own place. */
  static columns(row: object): unknown[] {
    const internals = row as unknown as RowInternals
    const { names, hasDuplicates } = internals[rowNames]
    if (hasDuplicates) return [...internals[rowValues]!]
    return names.map((name) => named(row)[name])
  }

  /** The value at `index`; negative counts from the end. `undefined` outside. */
  static get(row: object, index: number): unknown {
    const internals = row as unknown as RowInternals
    const { names, hasDuplicates } = internals[rowNames]
    const at = index < 0 ? index + names.length : index
    if (hasDuplicates) return internals[rowValues]![at]
    const name = names[at]
    return name === undefined ? undefined : named(row)[name]
  }

  /** A plain object of the columns; of duplicate names the last one. */
  static asDict(row: object): Record<string, unknown> {
    const { names } = (row as unknown as RowInternals)[rowNames]
    const dict: Record<string, unknown> = {}
    for (const name of names) setOwn(dict, name, named(row)[name])
    return dict
  }

  /** Column names in order, duplicates included. */
  static names(row: Row): readonly string[] {
    return (row as unknown as RowInternals)[rowNames].names
  }

  /** Whether a value is a row of a result. */
  static is(value: unknown): value is Row {
    return typeof value === 'object' && value !== null && rowNames in value
  }

  columns(): unknown[] {
    return Row.columns(this)
  }
  get(index: number): unknown {
    return Row.get(this, index)
  }
  asDict(): Record<string, unknown> {
    return Row.asDict(this)
  }
  get length(): number {
    return Row.names(this).length
  }

  /**
   * The columns as JSON can carry them: bigint and decimal as text, `Map` as pairs, `Set` as array,
   * blob as hexadecimal `0x…`.
   */
  toJSON(): Record<string, unknown> {
    const dict = Row.asDict(this)
    for (const name of Object.keys(dict)) defineOwn(dict, name, jsonOf(dict[name]))
    return dict
  }

  static {
    shareAcrossBuilds(this, 'Row')
    Object.defineProperty(this.prototype, inspectCustom, {
      value(this: Row) {
        return Row.asDict(this)
      },
    })
  }
}

function named(row: object): { readonly [name: string]: unknown } {
  return row as unknown as { readonly [name: string]: unknown }
}

function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  if (value instanceof Float32Array) return Array.from(value)
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value instanceof Set) return Array.from(value, jsonOf)
  if (value instanceof Map) return Array.from(value, ([key, item]) => [jsonOf(key), jsonOf(item)])
  if (value instanceof Decimal || value instanceof EmptyValue) return value.toJSON()
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const fields: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) defineOwn(fields, name, jsonOf(field))
  return fields
}
