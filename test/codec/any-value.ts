import fc from 'fast-check'
import {
  Decimal,
  Duration,
  EMPTY,
  EmptyValue,
  Inet,
  LocalDate,
  LocalTime,
  TimeUuid,
  Uuid,
} from '../../src/types/index.ts'

class Accessors {
  a = 1
  get b(): string {
    return 'b'
  }
}

/** Values some CQL type takes, and neighbours that it must not take. */
const candidates: readonly unknown[] = [
  ...[0, -0, 1.5, 127, 128, 2 ** 31, 2 ** 53, 2 ** 53 - 1, 1e39, 1e300, Number.MIN_VALUE],
  ...[Number.NaN, Infinity, -Infinity, 86_400_000_000_000, 8_640_000_000_000_001],
  ...[0n, -1n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n, -(2n ** 63n), 2n ** 80n, 10n ** 400n],
  ...['', ' ', '1', '-1.5', '1e999', '1e39', 'NaN', '-Infinity', '0x10', '0xcafe', '1_000', '1n'],
  ...['2024-02-29', '2024-02-30', '2024-01-31T12:00Z', '2024-01-31T12:00+99:99', '24:01', '23:59'],
  ...['+5881580-07-11', '-271822-01-01', '127.0.0.1', '::1', '1mo2d', 'PT', 'true', 'é', '\ud800'],
  ...['12345678-1234-1234-8234-123456789abc', '12345678-1234-4234-8234-123456789abc'],
  ...[
    new Date(0),
    new Date(Number.NaN),
    new Uint8Array(4),
    Buffer.alloc(16, 0x1f),
    new Uint8Array(),
  ],
  ...[new ArrayBuffer(2), new SharedArrayBuffer(2), new DataView(new ArrayBuffer(2)), detached()],
  ...[
    Float64Array.of(1, 1e300),
    Float32Array.of(1, 2),
    BigInt64Array.of(1n, 2n),
    detached().buffer,
  ],
  ...[new Decimal(15n, 1), new Duration(1, 2, 3n), LocalDate.of(2024, 2, 29), LocalTime.of(12, 0)],
  ...[Uuid.parse('12345678-1234-4234-8234-123456789abc'), TimeUuid.min(new Date(0))],
  ...[Inet.parse('::1'), EMPTY, new EmptyValue(), new Accessors(), Object.create({ a: 1 })],
  ...[Symbol('s'), Symbol.iterator, () => 1, Accessors, /x/, new Error('x'), Promise.resolve()],
  ...[
    new WeakMap(),
    new WeakSet(),
    new Proxy({}, {}),
    globalThis.Math,
    new Object(5n),
    new Array(2),
  ],
  ...[null, undefined, true, false],
  // What is left of a value after a clone that keeps its prototype but not what is private to it.
  ...[Date, Map, Set, Array, Uint8Array, Float64Array, DataView, ArrayBuffer, SharedArrayBuffer]
    .concat([
      Decimal,
      Duration,
      LocalDate,
      LocalTime,
      Inet,
      Uuid,
      TimeUuid,
      String,
      Promise,
    ] as never)
    .map((made): unknown => Object.create(made.prototype as object)),
]

function detached(): Uint8Array {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...candidates) },
  {
    weight: 1,
    arbitrary: fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.bigInt(), fc.double(), fc.integer(), fc.date(), fc.string()),
  },
)

/** Any value of JavaScript, likely one that a CQL type takes or nearly takes. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  { weight: 1, arbitrary: fc.array(leaf, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.uniqueArray(leaf, { maxLength: 3 }).map((items) => new Set(items)) },
  {
    weight: 1,
    arbitrary: fc.array(fc.tuple(leaf, leaf), { maxLength: 3 }).map((items) => new Map(items)),
  },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), leaf, {
      maxKeys: 3,
    }),
  },
)
