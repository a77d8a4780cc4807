import { shareAcrossBuilds } from '../util/index.ts'

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
    shareAcrossBuilds(this, 'EmptyValue')
    Object.defineProperty(this.prototype, inspectCustom, { value: () => 'EMPTY' })
  }
}

const key: unique symbol = Symbol.for('tsylla.empty/1')
const holder = globalThis as { [key]?: EmptyValue }

/** The only {@link EmptyValue}, in whatever build: it is known by its identity. */
export const EMPTY: EmptyValue = (holder[key] ??= Object.freeze(new EmptyValue()))
