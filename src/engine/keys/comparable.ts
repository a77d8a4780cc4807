import type { CqlType } from '../../types/index.ts'
import { writeComparableDecimal, writeComparableVarint } from './comparable-numbers.ts'
import {
  ByteWriter,
  isEmptyOrdinary,
  splitCollection,
  splitFields,
  splitVector,
  type WireElements,
} from '../../values/index.ts'

/**
 * Byte-comparable encodings: unsigned comparison of the bytes orders the values. The scheme is
 * that of Cassandra 5 (utils/bytecomparable/ByteComparable.md, version OSS50). No encoding with its
 * separator is a prefix of another one.
 */
export const Separator = {
  /** Ends a bound before all keys that begin with the same components. */
  before: 0x20,
  terminator: 0x38,
  null: 0x3e,
  /** An empty value of a type whose values cannot be empty, such as int. */
  empty: 0x3f,
  next: 0x40,
  emptyReversed: 0x41,
  /** Ends a bound after all keys that begin with the same components. */
  after: 0x60,
} as const

/** Writes separator and bytes of one component of a sequence. */
export function writeComponent(
  sink: ByteWriter,
  type: CqlType,
  value: Uint8Array | undefined,
  isReversed = false,
): void {
  if (value === undefined) {
    sink.writeByte(Separator.null)
    return
  }
  if (value.length === 0 && !isEmptyOrdinary(type)) {
    sink.writeByte(isReversed ? Separator.emptyReversed : Separator.empty)
    return
  }
  sink.writeByte(Separator.next)
  const start = sink.length
  writeComparable(sink, type, value)
  if (isReversed) invert(sink, start)
}

function invert(sink: ByteWriter, start: number): void {
  const { bytes, length } = sink
  for (let i = start; i < length; i++) bytes[i] = bytes[i]! ^ 0xff
}

/** Writes a value. It is empty only if its type allows empty values. */
function writeComparable(sink: ByteWriter, type: CqlType, value: Uint8Array): void {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'counter':
    case 'timestamp':
    case 'time':
      return writeSigned(sink, value)
    case 'float':
    case 'double':
      return writeFloat(sink, value)
    case 'boolean':
      return sink.writeByte(value[0] === 0 ? 0 : 1)
    case 'date':
      return sink.write(value)
    case 'uuid':
      return writeUuid(sink, value)
    case 'timeuuid':
      return writeTimeUuid(sink, value)
    case 'varint':
      return writeComparableVarint(sink, value)
    case 'decimal':
      return writeComparableDecimal(sink, value)
    case 'list':
    case 'set':
      return writeSequence(sink, splitCollection(value), () => type.element)
    case 'map': {
      const { key, value: item } = type
      return writeSequence(sink, splitCollection(value), (i) => (i % 2 === 0 ? key : item))
    }
    case 'tuple':
      return writeSequence(sink, withoutNullTail(splitFields(value)), (i) => type.elements[i]!)
    case 'udt':
      return writeSequence(sink, withoutNullTail(splitFields(value)), (i) => type.fields[i]!.type)
    case 'vector':
      return writeSequence(sink, splitVector(value, type.element), () => type.element)
    default:
      return writeEscaped(sink, value, 0, value.length)
  }
}

/** Drops trailing nulls of a tuple, because missing and null fields are equal. */
function withoutNullTail(fields: WireElements): WireElements {
  while (fields.length > 0 && fields.at(-1) === undefined) fields.pop()
  return fields
}

function writeSequence(
  sink: ByteWriter,
  elements: WireElements,
  typeAt: (index: number) => CqlType,
): void {
  for (let i = 0; i < elements.length; i++) writeComponent(sink, typeAt(i), elements[i])
  sink.writeByte(Separator.terminator)
}

function writeSigned(sink: ByteWriter, value: Uint8Array): void {
  const start = sink.length
  sink.write(value)
  sink.bytes[start] = sink.bytes[start]! ^ 0x80
}

/** Positive numbers get the sign bit, negative ones are inverted: IEEE magnitudes sort as bytes. */
function writeFloat(sink: ByteWriter, value: Uint8Array): void {
  const start = sink.length
  sink.write(value)
  if (value[0]! >= 0x80) invert(sink, start)
  else sink.bytes[start] = sink.bytes[start]! | 0x80
}

/** UUIDType: the version first, then the time of version 1, or the bytes of other versions. */
function writeUuid(sink: ByteWriter, value: Uint8Array): void {
  const version = value[6]! >> 4
  if (version === 1) {
    writeTimeFields(sink, value)
  } else {
    sink.writeByte((version << 4) | (value[0]! >> 4))
    for (let i = 1; i < 6; i++) sink.writeByte(((value[i - 1]! << 4) | (value[i]! >> 4)) & 0xff)
    sink.writeByte(((value[5]! << 4) | (value[6]! & 0x0f)) & 0xff)
    sink.writeByte(value[7]!)
  }
  sink.write(value, 8)
}

/** TimeUUIDType: by time, then the rest as signed bytes. */
function writeTimeUuid(sink: ByteWriter, value: Uint8Array): void {
  writeTimeFields(sink, value)
  for (let i = 8; i < 16; i++) sink.writeByte(value[i]! ^ 0x80)
}

function writeTimeFields(sink: ByteWriter, value: Uint8Array): void {
  sink.write(value, 6, 8)
  sink.write(value, 4, 6)
  sink.write(value, 0, 4)
}

/**
 * ByteSource.AbstractEscaper: zeros become `00 FE … FF`, and a zero ends the value. Zeros at the
 * end of the value have no FF, so that the value sorts before longer ones that begin with it.
 */
export function writeEscaped(
  sink: ByteWriter,
  value: Uint8Array,
  start: number,
  end: number,
): void {
  sink.reserve((end - start) * 2 + 1)
  const { bytes } = sink
  let at = sink.length
  let isEscaped = false
  for (let i = start; i < end; i++) {
    const byte = value[i]!
    if (byte === 0) {
      bytes[at++] = isEscaped ? 0xfe : 0
      isEscaped = true
    } else {
      if (isEscaped) {
        bytes[at++] = 0xff
        isEscaped = false
      }
      bytes[at++] = byte
    }
  }
  bytes[at++] = isEscaped ? 0xfe : 0
  sink.length = at
}

const scratch: ByteWriter = new ByteWriter(256)

/** Encodes one value as a string that sorts like the value, ascending. Null sorts first. */
export function comparableKey(type: CqlType, value: Uint8Array | undefined): string {
  scratch.length = 0
  writeComponent(scratch, type, value)
  return scratch.bytes.toString('latin1', 0, scratch.length)
}
