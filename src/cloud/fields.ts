import { ConfigError } from '../errors/index.ts'

/** An object from outside, read field by field; errors name the field. */
export class Fields {
  /** What the object is, for errors: `The bundle`. */
  readonly #source: string
  readonly #path: string
  readonly #object: object

  /** @throws ConfigError unless `value` is an object */
  constructor(source: string, value: unknown, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ConfigError(
        path === ''
          ? `${source} is no object of fields`
          : `${source}: ${path} is ${value === undefined ? 'missing' : 'no object of fields'}`,
      )
    }
    this.#source = source
    this.#path = path
    this.#object = value
  }

  get names(): readonly string[] {
    return Object.keys(this.#object)
  }

  /** Where a field is, for errors. */
  pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }

  /** Returns an error about a field. */
  fault(name: string, reason: string, cause?: unknown): ConfigError {
    const message = `${this.#source}: ${this.pathOf(name)} ${reason}`
    return new ConfigError(message, undefined, { cause })
  }

  value(name: string): unknown {
    const isOwn = Object.hasOwn(this.#object, name)
    return isOwn ? (this.#object as { readonly [name: string]: unknown })[name] : undefined
  }

  text(name: string): string {
    const text = this.optionalText(name)
    if (text === undefined) throw this.fault(name, 'is missing')
    return text
  }

  /** An empty text counts as none. */
  optionalText(name: string): string | undefined {
    const value = this.value(name) ?? undefined
    if (value === undefined || value === '') return undefined
    if (typeof value !== 'string') throw this.fault(name, 'is no text')
    return value
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false
    if (typeof value !== 'boolean') throw this.fault(name, 'is neither true nor false')
    return value
  }

  fields(name: string): Fields {
    return new Fields(this.#source, this.value(name), this.pathOf(name))
  }
}
