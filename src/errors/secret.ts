import { shareAcrossBuilds } from '../util/index.ts'

const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** A password or token that cannot be printed by accident: it always prints as `[secret]`. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  /** The value itself. Call it only where the bytes are written to the wire. */
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  static {
    shareAcrossBuilds(this, 'Secret')
    Object.defineProperty(this.prototype, inspectCustom, { value: () => '[secret]' })
  }
}
