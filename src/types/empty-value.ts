const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/**
 * A value of zero bytes, which Cassandra keeps apart from null for most types (a relic of Thrift:
 * `blobAsInt(0x)`). Texts and blobs have their own empty value; for all other types results carry
 * {@link EMPTY}, and binding it writes zero bytes.
 */
export class EmptyValue {
  toString(): string {
    return ''
  }
  toJSON(): string {
    return ''
  }
  static {
    Object.defineProperty(this.prototype, inspectCustom, { value: () => 'EMPTY' })
  }
}

/** The only {@link EmptyValue}. */
export const EMPTY: EmptyValue = Object.freeze(new EmptyValue())
