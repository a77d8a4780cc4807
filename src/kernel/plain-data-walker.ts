import { isDeepStrictEqual, types } from 'node:util'

/** Nested deeper than this is refused: it is a mistake, and would end the stack of who reads it. */
const depthMax = 100

/** What an object is, by what it is made of and not by what it inherits from. */
export type PlainKind =
  | { readonly kind: 'array'; readonly array: readonly unknown[] }
  | { readonly kind: 'date'; readonly date: Date }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'map'; readonly map: ReadonlyMap<unknown, unknown> }
  | { readonly kind: 'set'; readonly set: ReadonlySet<unknown> }
  | { readonly kind: 'record' }

/** A walk through nested data that refuses what is not plain, and knows where it is. */
export class PlainDataWalker {
  readonly #steps: string[]
  readonly #parents = new Set<object>()
  readonly #toError: (path: string, reason: string) => Error

  /**
   * @param root first part of every path
   * @param toError makes the error of what is refused; the path has the caller's property names in
   *   it, so it is no part of a message
   */
  constructor(root: string, toError: (path: string, reason: string) => Error) {
    this.#steps = [root]
    this.#toError = toError
  }

  refuse(reason: string): never {
    throw this.#toError(this.#steps.join(''), reason)
  }

  /** Visits the parts of `value`, which must not be one of its own parts. */
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
   * What `value` is. Refuses what is of a class of its own, or has properties beside its contents:
   * it would come back as something else.
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
    return { kind: 'record' }
  }

  /** Own properties of a plain object, one without a prototype included. */
  entries(record: object): [name: string, value: unknown][] {
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
