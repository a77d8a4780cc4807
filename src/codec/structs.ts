import { ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import type { TupleType, UdtType } from '../types/index.ts'
import { PartCursor } from '../values/index.ts'
import { Codec, cutCell } from './codec.ts'
import { isPlainObject } from './value-guards.ts'
import { setOwn } from './own-property.ts'

// tuple and UDT: <field:bytes>…, possibly fewer than the type has: fields that ALTER TYPE added
// later are null (native_protocol_v4.spec §6).

function readFields(
  reader: WireReader,
  start: number,
  length: number,
  codecs: readonly Codec[],
): unknown[] {
  const cursor = new PartCursor(reader.bytes, start, start + length)
  const fields: unknown[] = codecs.map(() => null)
  for (let i = 0; i < codecs.length && !cursor.isAtEnd; i++) {
    if (!cursor.next()) throw cutCell()
    fields[i] = codecs[i]!.readCell(reader, cursor.start, cursor.length)
  }
  if (!cursor.isAtEnd) {
    throw new ProtocolError('Malformed frame: a value has more fields than its type')
  }
  return fields
}

export class TupleCodec extends Codec {
  readonly #codecs: readonly Codec[]

  constructor(type: TupleType, codecs: readonly Codec[]) {
    super(type)
    this.#codecs = codecs
  }

  write(writer: WireWriter, value: unknown): void {
    if (!Array.isArray(value)) throw this.fail(value, 'expected an Array')
    if (value.length !== this.#codecs.length) {
      throw this.fail(value, `expected ${this.#codecs.length} elements, got ${value.length}`)
    }
    for (const [i, codec] of this.#codecs.entries()) {
      const item: unknown = value[i]
      if (item === undefined) throw this.fail(item, 'no element of a tuple may be undefined')
      codec.writeCell(writer, item)
    }
  }

  read(reader: WireReader, at: number, length: number): unknown[] {
    return readFields(reader, at, length, this.#codecs)
  }

  override readEmpty(): unknown[] {
    return this.#codecs.map(() => null)
  }
}

/** Names of fields in one message at most. */
const namesShownMax = 10

/**
 * UDT. Fields that a value does not have as own properties are null, so `{}` is a value of nulls.
 * Any other value without a field would lose all it holds, and is refused.
 */
export class UdtCodec extends Codec {
  readonly #names: readonly string[]
  readonly #nameSet: ReadonlySet<string>
  readonly #codecs: readonly Codec[]

  constructor(type: UdtType, codecs: readonly Codec[]) {
    super(type)
    this.#names = type.fields.map((field) => field.name)
    this.#nameSet = new Set(this.#names)
    this.#codecs = codecs
  }

  write(writer: WireWriter, value: unknown): void {
    const fields = this.#fieldsOf(value)
    for (const [i, codec] of this.#codecs.entries()) {
      const name = this.#names[i]!
      const field = Object.hasOwn(fields, name) ? fields[name] : null
      codec.writeCell(writer, field === undefined ? null : field)
    }
  }

  #fieldsOf(value: unknown): { readonly [name: string]: unknown } {
    const names = this.#names
    const isPlain = isPlainObject(value)
    if (!isPlain && !this.#isInstance(value)) {
      throw this.fail(value, `expected an object with the fields ${this.#shown} as own properties`)
    }
    const fields = value as { readonly [name: string]: unknown }
    for (const key of Object.keys(fields)) {
      if (this.#nameSet.has(key)) continue
      const unknown = JSON.stringify(key)
      throw this.fail(value, `the type has no field ${unknown}, its fields are ${this.#shown}`)
    }
    if (isPlain) return fields
    for (const name of names) {
      // For example an accessor of a class: null in its place would lose its value.
      if (!Object.hasOwn(fields, name) && name in fields && !(name in Object.prototype)) {
        throw this.fail(value, `the field ${name} is inherited, only own properties are written`)
      }
    }
    return fields
  }

  /** Whether it is an object of a class, or an heir of another object, that has a field itself. */
  #isInstance(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    return this.#names.some((name) => Object.hasOwn(value, name))
  }

  get #shown(): string {
    const shown = this.#names.slice(0, namesShownMax).join(', ')
    return this.#names.length > namesShownMax ? `${shown} …` : shown
  }

  read(reader: WireReader, at: number, length: number): object {
    return this.#objectOf(readFields(reader, at, length, this.#codecs))
  }

  override readEmpty(): object {
    return this.#objectOf(this.#codecs.map(() => null))
  }

  /** Own data properties, whatever the fields are called (`__proto__` included). */
  #objectOf(fields: readonly unknown[]): object {
    const object: Record<string, unknown> = {}
    for (const [i, name] of this.#names.entries()) setOwn(object, name, fields[i])
    return object
  }
}
