/** Makes an own, enumerable, writable property, whatever the prototypes have of that name. */
export function defineOwn(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/**
 * `target[name] = value` for an object that inherits from `Object.prototype` only. Assigning to a
 * name that has there would change the prototype (`__proto__`), or fail where it is frozen.
 */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name in Object.prototype) defineOwn(target, name, value)
  else target[name] = value
}
