import { isDeepStrictEqual, types } from 'node:util'
import {
  type Decimal,
  type Duration,
  type EmptyValue,
  type Inet,
  isRow,
  type LocalDate,
  type LocalTime,
  type TimeUuid,
  type Uuid,
} from '../types/index.ts'

/**
 * Deepest nesting that is accepted. Deeper data is a mistake, and would overflow the stack of the
 * code that reads it.
 */
export const depthMax = 100

/** The value classes for CQL types that JavaScript has no type for, by name. */
interface CqlClasses {
  readonly Decimal: Decimal
  readonly Duration: Duration
  readonly EmptyValue: EmptyValue
  readonly Inet: Inet
  readonly LocalDate: LocalDate
  readonly LocalTime: LocalTime
  readonly TimeUuid: TimeUuid
  readonly Uuid: Uuid
}

/** A value of a CQL type and the name of its class. */
export type CqlValue = {
  [Name in keyof CqlClasses]: {
    readonly kind: 'cql'
    readonly name: Name
    readonly value: CqlClasses[Name]
  }
}[keyof CqlClasses]

/** The brand that each class has on its prototype, in every build of this package. */
const cqlBrands: readonly (readonly [name: keyof CqlClasses, brand: symbol])[] = (
  [
    ...(['Decimal', 'Duration', 'EmptyValue', 'Inet', 'LocalDate', 'LocalTime'] as const),
    ...(['TimeUuid', 'Uuid'] as const),
  ] as const
).map((name) => [name, Symbol.for(`tsylla.class.${name}`)])

/** What an object is, by its contents and not by what it inherits from. */
export type PlainKind =
  | { readonly kind: 'array'; readonly array: readonly unknown[] }
  | { readonly kind: 'date'; readonly date: Date }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'map'; readonly map: ReadonlyMap<unknown, unknown> }
  | { readonly kind: 'set'; readonly set: ReadonlySet<unknown> }
  | { readonly kind: 'floats'; readonly floats: Float32Array }
  | CqlValue
  /** Also a row of a result, whose columns are its properties. */
  | { readonly kind: 'record' }

/**
 * Walks through nested data and refuses everything that is not plain data: JavaScript's own kinds,
 * rows of results, and the values that results carry. Knows the path of the part it is at.
 */
export class PlainDataWalker {
  readonly #steps: string[]
  readonly #parents = new Set<object>()
  readonly #toError: (path: string, reason: string) => Error

  /**
   * @param root first part of every path
   * @param toError makes the error for a refused part; the path contains the caller's property
   *   names, so it does not belong into the message
   */
  constructor(root: string, toError: (path: string, reason: string) => Error) {
    this.#steps = [root]
    this.#toError = toError
  }

  refuse(reason: string): never {
    throw this.#toError(this.#steps.join(''), reason)
  }

  /** Visits the parts of `value`, and refuses a value that contains itself. */
  within<T>(value: object, visit: () => T): T {
    if (this.#parents.has(value)) this.refuse('it contains itself')
    if (this.#parents.size === depthMax) this.refuse(`it is nested more than ${depthMax} deep`)
    this.#parents.add(value)
    const result = visit()
    this.#parents.delete(value)
    return result
  }

  /** Visits one part. */
  at<T>(step: string, visit: () => T): T {
    this.#steps.push(step)
    const result = visit()
    this.#steps.pop()
    return result
  }

  /**
   * The kind of `value`. Refuses objects of other classes, and properties besides the contents:
   * they would come back as something else.
   */
  kindOf(value: object): PlainKind {
    if (Array.isArray(value)) {
      this.#checkPrototype(value, Array.prototype)
      if (!isBareArray(value)) this.refuse('it is an array with holes, properties or accessors')
      return { kind: 'array', array: value }
    }
    if (types.isDate(value)) {
      this.#checkBare(value, Date.prototype)
      return { kind: 'date', date: value }
    }
    if (types.isUint8Array(value)) {
      this.#checkBare(value, Buffer.isBuffer(value) ? Buffer.prototype : Uint8Array.prototype)
      return { kind: 'bytes', bytes: value }
    }
    if (types.isMap(value)) {
      this.#checkBare(value, Map.prototype)
      return { kind: 'map', map: value }
    }
    if (types.isSet(value)) {
      this.#checkBare(value, Set.prototype)
      return { kind: 'set', set: value }
    }
    if (value instanceof Float32Array) {
      this.#checkPrototype(value, Float32Array.prototype)
      if (Object.keys(value).length > value.length) this.refuse('it has properties of its own')
      return { kind: 'floats', floats: value }
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) {
      return { kind: 'record' }
    }
    const cqlClass = cqlBrands.find(([, brand]) => Object.hasOwn(prototype, brand))
    if (cqlClass === undefined) return { kind: 'record' }
    return { kind: 'cql', name: cqlClass[0], value } as CqlValue
  }

  /** Own properties of a plain object, of one without a prototype, or the columns of a row. */
  entries(record: object): [name: string, value: unknown][] {
    if (isRow(record)) return Object.entries(record)
    if (Object.getPrototypeOf(record) !== null) this.#checkPrototype(record, Object.prototype)
    return Reflect.ownKeys(record).map((name) => {
      const property = Object.getOwnPropertyDescriptor(record, name)
      if (typeof name === 'symbol' || !isPlainProperty(property)) {
        return this.refuse('it has symbols, accessors or hidden properties')
      }
      return [name, property.value]
    })
  }

  #checkBare(value: object, prototype: object): void {
    this.#checkPrototype(value, prototype)
    if (hasOwnProperties(value)) this.refuse('it has properties of its own')
  }

  #checkPrototype(value: object, expected: object): void {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === expected) return
    const name = className(prototype)
    this.refuse(`it is ${name === '' ? 'of no known class' : `an instance of ${name}`}`)
  }
}

function className(prototype: unknown): string {
  if (typeof prototype !== 'object' || prototype === null) return ''
  return typeof prototype.constructor === 'function' ? prototype.constructor.name : ''
}

/** Whether its own keys are its indexes and `length`, and its items are no accessors. */
function isBareArray(array: readonly unknown[]): boolean {
  if (Reflect.ownKeys(array).length !== array.length + 1) return false
  for (let i = 0; i < array.length; i++) {
    if (!isPlainProperty(Object.getOwnPropertyDescriptor(array, i))) return false
  }
  return true
}

function isPlainProperty(
  property: PropertyDescriptor | undefined,
): property is PropertyDescriptor & { value: unknown } {
  return property !== undefined && 'value' in property && property.enumerable === true
}

function hasOwnProperties(value: object): boolean {
  if (!types.isUint8Array(value)) return Reflect.ownKeys(value).length > 0
  // Its keys would be one for each of its bytes: a view of the same bytes without them differs.
  const { buffer, byteOffset, length } = value
  const bare = Buffer.isBuffer(value)
    ? Buffer.from(buffer, byteOffset, length)
    : new Uint8Array(buffer, byteOffset, length)
  return !isDeepStrictEqual(value, bare)
}
