import { ProtocolError } from '../../errors/index.ts'
import { type CqlType, type NativeTypeName, nativeTypes } from '../../types/index.ts'
import { TypeCode } from '../constants.ts'
import { customTypeName, parseCustomTypeName, typeDepthMax } from './custom-type-name.ts'
import type { WireReader } from './reader.ts'
import type { WireWriter } from './writer.ts'

const codeOfNative: { readonly [K in NativeTypeName]: number } = {
  ascii: TypeCode.ASCII,
  bigint: TypeCode.BIGINT,
  blob: TypeCode.BLOB,
  boolean: TypeCode.BOOLEAN,
  counter: TypeCode.COUNTER,
  date: TypeCode.DATE,
  decimal: TypeCode.DECIMAL,
  double: TypeCode.DOUBLE,
  duration: TypeCode.DURATION,
  float: TypeCode.FLOAT,
  inet: TypeCode.INET,
  int: TypeCode.INT,
  smallint: TypeCode.SMALLINT,
  text: TypeCode.VARCHAR,
  time: TypeCode.TIME,
  timestamp: TypeCode.TIMESTAMP,
  timeuuid: TypeCode.TIMEUUID,
  tinyint: TypeCode.TINYINT,
  uuid: TypeCode.UUID,
  varint: TypeCode.VARINT,
}

const nativeByCode: ReadonlyMap<number, CqlType> = new Map(
  Object.entries(codeOfNative).map(([kind, code]) => [code, nativeTypes[kind as NativeTypeName]]),
)

/**
 * [option] of a type (native_protocol_v4.spec §4.2.5.2): `<id:short>` and the contents of that id:
 * custom [string] · list, set element · map key, value · UDT keyspace, name, `<n:short>` then name
 * and type of each field · tuple `<n:short>` then types.
 */
export function readTypeSpec(reader: WireReader, depth: number = 0): CqlType {
  if (depth > typeDepthMax) {
    throw new ProtocolError(`Malformed frame: a type is nested deeper than ${typeDepthMax}`)
  }
  const code = reader.readShort()
  const native = nativeByCode.get(code)
  if (native !== undefined) return native
  switch (code) {
    case TypeCode.CUSTOM:
      return parseCustomTypeName(reader.readString())
    case TypeCode.LIST:
      return { kind: 'list', element: readTypeSpec(reader, depth + 1), frozen: false }
    case TypeCode.SET:
      return { kind: 'set', element: readTypeSpec(reader, depth + 1), frozen: false }
    case TypeCode.MAP: {
      const key = readTypeSpec(reader, depth + 1)
      return { kind: 'map', key, value: readTypeSpec(reader, depth + 1), frozen: false }
    }
    case TypeCode.UDT: {
      const keyspace = reader.readString()
      const name = reader.readString()
      const count = reader.readShortCount(4)
      const fields: { name: string; type: CqlType }[] = []
      for (let i = 0; i < count; i++) {
        const fieldName = reader.readString()
        fields.push({ name: fieldName, type: readTypeSpec(reader, depth + 1) })
      }
      return { kind: 'udt', keyspace, name, fields, frozen: false }
    }
    case TypeCode.TUPLE: {
      const count = reader.readShortCount(2)
      const elements: CqlType[] = []
      for (let i = 0; i < count; i++) elements.push(readTypeSpec(reader, depth + 1))
      return { kind: 'tuple', elements }
    }
    default:
      throw new ProtocolError(`Malformed frame: unknown type id 0x${code.toString(16)}`)
  }
}

/**
 * The inverse of `readTypeSpec`. Vectors and durations have no id in v4. They are sent as a class
 * name, as by Cassandra (org.apache.cassandra.transport.DataType).
 */
export function writeTypeSpec(writer: WireWriter, type: CqlType): void {
  switch (type.kind) {
    case 'list':
    case 'set':
      writer.writeShort(type.kind === 'list' ? TypeCode.LIST : TypeCode.SET)
      writeTypeSpec(writer, type.element)
      return
    case 'map':
      writer.writeShort(TypeCode.MAP)
      writeTypeSpec(writer, type.key)
      writeTypeSpec(writer, type.value)
      return
    case 'udt':
      writer.writeShort(TypeCode.UDT)
      writer.writeString(type.keyspace)
      writer.writeString(type.name)
      writer.writeCount('The list of fields of a type', type.fields.length)
      for (const field of type.fields) {
        writer.writeString(field.name)
        writeTypeSpec(writer, field.type)
      }
      return
    case 'tuple':
      writer.writeShort(TypeCode.TUPLE)
      writer.writeCount('The list of elements of a tuple', type.elements.length)
      for (const element of type.elements) writeTypeSpec(writer, element)
      return
    case 'vector':
    case 'duration':
    case 'custom':
      writer.writeShort(TypeCode.CUSTOM)
      writer.writeString(customTypeName(type))
      return
    default:
      writer.writeShort(codeOfNative[type.kind])
  }
}
