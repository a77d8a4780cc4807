import { ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import type { TupleType, UdtType } from '../types/index.ts'
import { Codec, cutCell } from './codec.ts'
import { setOwn } from './own-property.ts'

// tuple and UDT: <field:bytes>…, possibly fewer than the type has: fields that ALTER TYPE added
// later are null (native_protocol_v4.spec §6).

function readFields(
  reader: WireReader,
  start: number,
  length: number,
  codecs: readonly Codec[],
): unknown[] {
  const end = start + length
  const fields: unknown[] = codecs.map(() => null)
  let at = start
  for (let i = 0; i < codecs.length && at < end; i++) {
    if (at + 4 > end) throw cutCell()
    const fieldLength = reader.view.getInt32(at)
    at += 4
    if (fieldLength > end - at) throw cutCell()
    fields[i] = codecs[i]!.readCell(reader, at, fieldLength)
    if (fieldLength > 0) at += fieldLength
  }
  if (at < end) throw new ProtocolError('Malformed frame: a value has more fields than its type')
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

export class UdtCodec extends Codec {
  readonly #names: readonly string[]
  readonly #codecs: readonly Codec[]

  constructor(type: UdtType, codecs: readonly Codec[]) {
    super(type)
    this.#names = type.fields.map((field) => field.name)
    this.#codecs = codecs
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.fail(value, 'expected an object with a property for each field')
    }
    const names = this.#names
    for (const key of Object.keys(value)) {
      if (!names.includes(key)) {
        throw this.fail(value, `the type has no field ${JSON.stringify(key)}`)
      }
    }
    for (const [i, codec] of this.#codecs.entries()) {
      const name = names[i]!
      const field = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null
      codec.writeCell(writer, field === undefined ? null : field)
    }
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
