import type { Outcome } from './outcome.ts'

/** `undefined` for a stack that `Error.prepareStackTrace` of an application fails to make. */
function propertyOf(error: Error, name: string): PropertyDescriptor | undefined {
  try {
    return Object.getOwnPropertyDescriptor(error, name)
  } catch {
    return undefined
  }
}

const brand: unique symbol = Symbol.for('tsylla.error')

/** A failed attempt of a request on one node, as listed by the error that ended the request. */
export interface Attempt {
  /** Address of the node, `host:port` or `embedded:`. */
  readonly node: string
  /** Why this attempt failed. */
  readonly error: TsyllaErrorBase
}

/**
 * Base of every error tsylla throws or rejects with. Distinguish them by `code`, which is stable;
 * `message` is for people and never contains a secret or a bound value.
 */
export abstract class TsyllaErrorBase extends Error {
  abstract readonly code: `TSYLLA_${string}`
  /**
   * Whether the server can have acted on the request. Only `not_applied` may be retried blindly.
   */
  outcome: Outcome
  /** Earlier attempts, oldest first; empty unless the request was retried. */
  attempts: readonly Attempt[] = []
  /**
   * CQL text of the statement that failed, without bound values and with the literals
   * of statements that may contain a password redacted. Set on errors of requests.
   */
  declare statement?: string

  constructor(message: string, outcome: Outcome = 'not_applied', options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.outcome = outcome
  }

  /** @internal Returns a copy, stack included, for callers that share a failure. */
  copy(): this {
    const copy: unknown = new Error(this.message)
    Object.setPrototypeOf(copy, Object.getPrototypeOf(this) as object)
    for (const name of Object.getOwnPropertyNames(this)) {
      const property = propertyOf(this, name)
      if (property === undefined) continue
      const isWritable = 'value' in property ? { writable: true } : undefined
      Object.defineProperty(copy, name, { ...property, ...isWritable, configurable: true })
    }
    return copy as this
  }

  /**
   * @internal Returns the error, or a copy when it takes no more properties: subscribers of
   * `node:diagnostics_channel` have seen it and may have frozen it.
   */
  changeable(): this {
    return Object.isExtensible(this) ? this : this.copy()
  }

  /** @internal Also in the stack, which contains the message that the error was made with. */
  replaceMessage(message: string): void {
    const { message: before, stack } = this
    this.message = message
    // Where an application sets `Error.prepareStackTrace`, a stack may be anything.
    if (typeof stack === 'string' && before !== '')
      this.stack = stack.replace(before, () => message)
  }

  /**
   * Sets a property that `console.log(error)` and `JSON.stringify(error)` leave out, because it is
   * data of the caller.
   *
   * @internal
   */
  protected hide(name: keyof this & string, value: unknown): void {
    Object.defineProperty(this, name, { value, enumerable: false, configurable: true })
  }

  static {
    Object.defineProperty(this.prototype, brand, { value: true })
  }

  /** Works across the ESM and CJS builds, where `instanceof` does not. */
  static is(value: unknown): value is TsyllaErrorBase {
    return typeof value === 'object' && value !== null && brand in value
  }
}
