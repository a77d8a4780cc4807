import { ConfigError } from '../errors/index.ts'
import { typeDepthMax, WireReader, WireWriter } from '../protocol/index.ts'
import type { CqlType, NativeTypeName } from '../types/index.ts'
import type { Codec, CodecOptions } from './codec.ts'
import { ListCodec, MapCodec, SetCodec } from './collections.ts'
import { InetCodec, UuidCodec } from './identifiers.ts'
import { BigintCodec, IntCodec, VarintCodec } from './integers.ts'
import { BooleanCodec, DecimalCodec, DoubleCodec, FloatCodec } from './reals.ts'
import { TupleCodec, UdtCodec } from './structs.ts'
import { DateCodec, DurationCodec, TimeCodec, TimestampCodec } from './temporals.ts'
import { AsciiCodec, BlobCodec, TextCodec } from './texts.ts'
import { VectorCodec } from './vectors.ts'

/** The codec of a type. Make it once and keep it: its parts are made with it. */
export function codecOf(type: CqlType, options: CodecOptions = {}): Codec {
  return codecAt(type, options, 0)
}

function codecAt(type: CqlType, options: CodecOptions, depth: number): Codec {
  // A class name inside a type specification may start its own depth, hence twice the limit.
  if (depth > typeDepthMax * 2) throw new ConfigError('A type is nested too deep')
  const part = (inner: CqlType): Codec => codecAt(inner, options, depth + 1)
  switch (type.kind) {
    case 'list':
      return new ListCodec(type, part(type.element))
    case 'set':
      return new SetCodec(type, part(type.element))
    case 'map':
      return new MapCodec(type, part(type.key), part(type.value))
    case 'tuple':
      return new TupleCodec(type, type.elements.map(part))
    case 'udt':
      return new UdtCodec(
        type,
        type.fields.map((field) => part(field.type)),
      )
    case 'vector':
      return new VectorCodec(type, part(type.element))
    case 'custom':
      return new BlobCodec(type)
    default:
      return nativeCodec(type.kind, type, options)
  }
}

function nativeCodec(kind: NativeTypeName, type: CqlType, options: CodecOptions): Codec {
  switch (kind) {
    case 'tinyint':
      return new IntCodec(type, 1)
    case 'smallint':
      return new IntCodec(type, 2)
    case 'int':
      return new IntCodec(type, 4)
    case 'bigint':
    case 'counter':
      return new BigintCodec(type, options.int64 ?? 'bigint')
    case 'varint':
      return new VarintCodec()
    case 'decimal':
      return new DecimalCodec()
    case 'double':
      return new DoubleCodec()
    case 'float':
      return new FloatCodec()
    case 'boolean':
      return new BooleanCodec()
    case 'text':
      return new TextCodec()
    case 'ascii':
      return new AsciiCodec()
    case 'blob':
      return new BlobCodec()
    case 'uuid':
    case 'timeuuid':
      return new UuidCodec(kind)
    case 'inet':
      return new InetCodec()
    case 'timestamp':
      return new TimestampCodec(options.timestamp ?? 'date')
    case 'date':
      return new DateCodec()
    case 'time':
      return new TimeCodec()
    case 'duration':
      return new DurationCodec()
  }
}

/** The bytes of one value, which is not null, without length. @throws EncodeError */
export function encodeValue(type: CqlType, value: unknown): Uint8Array {
  const writer = new WireWriter(64)
  codecOf(type).writeCell(writer, value)
  return new Uint8Array(writer.bytes.subarray(4, writer.offset))
}

/** The value of bytes that hold exactly one. @throws ProtocolError */
export function decodeValue(type: CqlType, bytes: Uint8Array, options: CodecOptions = {}): unknown {
  return codecOf(type, options).readCell(new WireReader(bytes), 0, bytes.length)
}
