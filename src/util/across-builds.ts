const sharedBrand: unique symbol = Symbol.for('tsylla.class')

/** Whether a value is an instance of a class that {@link shareAcrossBuilds} was called with. */
export function isSharedInstance(value: object): boolean {
  return sharedBrand in value
}

/**
 * The ESM and the CJS build are two copies of every class. After this, `instanceof` of either copy
 * holds for the objects of both. Methods are the object's own: a copy never reads what is private
 * to the other.
 */
export function shareAcrossBuilds(owner: Function & { prototype: object }, name: string): void {
  const brand = Symbol.for(`tsylla.class.${name}`)
  Object.defineProperty(owner.prototype, brand, { value: true })
  Object.defineProperty(owner.prototype, sharedBrand, { value: true })
  Object.defineProperty(owner, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // A class of a user that extends ours inherits this, but means itself.
      if (this !== owner) return isOrdinaryInstance.call(this, value)
      return typeof value === 'object' && value !== null && brand in value
    },
  })
}

const isOrdinaryInstance = Function.prototype[Symbol.hasInstance]
