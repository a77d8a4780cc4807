import fc from 'fast-check'
import { type CqlType, nativeTypes, type NativeTypeName } from '../../src/types/index.ts'

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** `[int length][bytes]`, or length −1 for null. */
export function field(value: Uint8Array | undefined): Buffer {
  return value === undefined ? int32(-1) : Buffer.concat([int32(value.length), value])
}

function fixed(length: number): fc.Arbitrary<Uint8Array> {
  const edges = [0x00, 0x7f, 0x80, 0xff].map((byte) => Buffer.alloc(length, byte))
  return fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc.constantFrom<Uint8Array>(...edges),
    fc
      .nat(300)
      .map((n) =>
        Buffer.concat([Buffer.alloc(Math.max(0, length - 2)), int32(n)]).subarray(-length),
      ),
  )
}

function uuid(version: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fixed(16), version, fc.boolean()).map(([bytes, nibble, isCommon]) => {
    const copy = Buffer.from(bytes)
    if (isCommon) copy.fill(7, 0, 6)
    copy[6] = (nibble << 4) | (copy[6]! & 0x0f)
    return copy
  })
}

/** Bytes with many zeros and high bytes, which escaping has to get right. */
const blob: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(0, 0, 1, 0x40, 0xfe, 0xff), { maxLength: 6 })
  .map((bytes) => Uint8Array.from(bytes))

export function varintBytes(value: bigint): Buffer {
  let length = 1
  while (BigInt.asIntN(length * 8, value) !== value) length++
  const bytes = Buffer.alloc(length)
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) {
    bytes[i] = Number(BigInt.asUintN(8, rest))
  }
  return bytes
}

const integer: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -300n, max: 300n }),
  fc
    .tuple(fc.nat(130), fc.bigInt({ min: -2n, max: 2n }), fc.boolean())
    .map(([bits, delta, isNegative]) => {
      const value = (1n << BigInt(bits)) + delta
      return isNegative ? -value : value
    }),
)

const varint: fc.Arbitrary<Uint8Array> = fc
  .tuple(integer, fc.nat(3))
  .map(([value, padding]) =>
    Buffer.concat([Buffer.alloc(padding, value < 0n ? 0xff : 0), varintBytes(value)]),
  )

const decimal: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(-1_000_000, 1_000_000, 300, -300)),
    fc.oneof(fc.bigInt({ min: -1100n, max: 1100n }), integer),
    fc.nat(3),
  )
  .map(([scale, unscaled, zeros]) =>
    Buffer.concat([int32(scale + zeros), varintBytes(unscaled * 10n ** BigInt(zeros))]),
  )

function float(length: 4 | 8): fc.Arbitrary<Uint8Array> {
  const special = fc.constantFrom(0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 5e-324)
  return fc.oneof(special, fc.double(), fc.float()).map((value) => {
    const bytes = Buffer.alloc(length)
    if (length === 4) bytes.writeFloatBE(value)
    else bytes.writeDoubleBE(value)
    return bytes
  })
}

function native(kind: NativeTypeName): fc.Arbitrary<Uint8Array> {
  switch (kind) {
    case 'tinyint':
    case 'smallint':
      return fixed(kind === 'tinyint' ? 1 : 2)
    case 'int':
    case 'date':
      return fixed(4)
    case 'bigint':
    case 'counter':
    case 'timestamp':
      return fixed(8)
    case 'time':
      return fixed(8).map((bytes) => Buffer.from([bytes[0]! & 0x7f, ...bytes.subarray(1)]))
    case 'boolean':
      return fc.constantFrom(Uint8Array.of(0), Uint8Array.of(1))
    case 'float':
      return float(4)
    case 'double':
      return float(8)
    case 'uuid':
      return uuid(fc.constantFrom(1, 1, 4, 7, 15, 0))
    case 'timeuuid':
      return uuid(fc.constant(1))
    case 'varint':
      return varint
    case 'decimal':
      return decimal
    case 'inet':
      return fc.oneof(fixed(4), fixed(16))
    default:
      return blob
  }
}

/** A value of a type in wire encoding, now and then empty. */
export function wireValue(type: CqlType): fc.Arbitrary<Uint8Array> {
  const empty = fc.constant<Uint8Array>(new Uint8Array(0))
  return fc.oneof({ weight: 12, arbitrary: fullValue(type) }, { weight: 1, arbitrary: empty })
}

function list(items: fc.Arbitrary<Uint8Array>, perCount = 1): fc.Arbitrary<Uint8Array> {
  return fc
    .array(items, { maxLength: 3 })
    .map((parts) => Buffer.concat([int32(parts.length * perCount), ...parts]))
}

function fullValue(type: CqlType): fc.Arbitrary<Uint8Array> {
  switch (type.kind) {
    case 'list':
    case 'set':
      return list(wireValue(type.element).map(field))
    case 'map':
      return list(
        fc
          .tuple(wireValue(type.key), wireValue(type.value))
          .map(([key, value]) => Buffer.concat([field(key), field(value)])),
      )
    case 'tuple':
      return fields(type.elements)
    case 'udt':
      return fields(type.fields.map((part) => part.type))
    case 'vector':
      return fc
        .array(fullValue(type.element), { minLength: type.dimension, maxLength: type.dimension })
        .map((parts) =>
          type.element.kind === 'text'
            ? Buffer.concat(parts.flatMap((part) => [Uint8Array.of(part.length), part]))
            : Buffer.concat(parts),
        )
    case 'custom':
      return blob
    default:
      return native(type.kind)
  }
}

/** Fields of a tuple, some null, some missing at the end. */
function fields(types: readonly CqlType[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(
      fc.integer({ min: 1, max: types.length }),
      ...types.map((type) => fc.option(wireValue(type), { nil: undefined, freq: 3 })),
    )
    .map(([count, ...values]) => Buffer.concat(values.slice(0, count).map(field)))
}

const { int, text, decimal: decimalType, double, blob: blobType } = nativeTypes

/** Every type a key can have, and nested ones. */
export const keyTypes: readonly CqlType[] = [
  ...Object.values(nativeTypes).filter(({ kind }) => kind !== 'duration'),
  { kind: 'list', element: int, frozen: true },
  { kind: 'set', element: text, frozen: true },
  { kind: 'map', key: decimalType, value: blobType, frozen: true },
  { kind: 'list', element: { kind: 'tuple', elements: [int, text] }, frozen: true },
  { kind: 'tuple', elements: [text, int, double] },
  {
    kind: 'udt',
    keyspace: 'k',
    name: 'u',
    fields: [
      { name: 'a', type: int },
      { name: 'b', type: { kind: 'set', element: text, frozen: true } },
    ],
    frozen: true,
  },
  { kind: 'vector', element: nativeTypes.float, dimension: 3 },
  { kind: 'vector', element: text, dimension: 2 },
  { kind: 'custom', className: 'org.example.Custom' },
]
