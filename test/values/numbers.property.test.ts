import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { DecodeError } from '../../src/errors/index.ts'
import { LocalTime, nativeTypes } from '../../src/types/index.ts'
import {
  int64Bytes,
  putUnsignedVint,
  readDecimal,
  readLongAsNumber,
  readUnsignedVint,
  readVarint,
  unzigzag,
  varintBytes,
  vintLength,
  zigzag,
} from '../../src/values/index.ts'
import { varintBytes as slowVarintBytes } from './wire-values.ts'

const integer = fc.oneof(fc.bigInt({ min: -70_000n, max: 70_000n }), fc.bigInt())
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .tuple(fc.nat(63), fc.bigInt({ min: -3n, max: 3n }))
    .map(([bits, delta]) => BigInt.asIntN(64, (1n << BigInt(bits)) + delta)),
)

describe('a varint', () => {
  test('is written as short as it can be, and read back', () => {
    fc.assert(
      fc.property(integer, (value) => {
        const bytes = varintBytes(value)
        expect([...bytes]).toEqual([...slowVarintBytes(value)])
        expect(readVarint(bytes)).toBe(value)
      }),
    )
  })

  test('is read with bytes before it that only repeat its sign, and from the middle of others', () => {
    fc.assert(
      fc.property(integer, fc.nat(12), fc.nat(3), (value, padding, offset) => {
        const sign = Buffer.alloc(padding, value < 0n ? 0xff : 0)
        const bytes = Buffer.concat([Buffer.alloc(offset, 0xaa), sign, varintBytes(value)])
        expect(readVarint(Uint8Array.from(bytes), offset)).toBe(value)
        const more = Buffer.concat([bytes, Buffer.from('ff', 'hex')])
        expect(readVarint(more, offset, bytes.length)).toBe(value)
      }),
    )
  })

  test('without any bytes is zero, as is the unscaled value of a decimal', () => {
    expect(readVarint(new Uint8Array(0))).toBe(0n)
    expect(readDecimal(Buffer.from('00000007', 'hex'))).toEqual({ scale: 7, unscaled: 0n })
  })

  // Adding byte after byte to a BigInt would take hours for so many.
  test('of eight megabytes is read and written in linear time', () => {
    const value = BigInt(`0x7${'a5'.repeat(8 * 1024 * 1024)}`)
    expect(readVarint(varintBytes(-value)) === -value).toBe(true)
  })
})

describe('a vint', () => {
  test('is read back, and its first byte says how long it is', () => {
    fc.assert(
      fc.property(int64, fc.nat(3), (value, at) => {
        const bytes = new Uint8Array(16).fill(0xaa)
        const unsigned = zigzag(value)
        const end = putUnsignedVint(bytes, at, unsigned)
        expect(end - at).toBe(vintLength(bytes[at]!))
        expect(readUnsignedVint(bytes, at)).toBe(unsigned)
        expect(unzigzag(unsigned)).toBe(value)
        expect(bytes[end]).toBe(0xaa)
      }),
    )
  })

  test('takes no byte more than it needs', () => {
    const length = (value: bigint): number => putUnsignedVint(new Uint8Array(9), 0, value)
    for (let bytes = 1; bytes < 9; bytes++) {
      const first = 1n << BigInt(7 * bytes)
      expect([length(first - 1n), length(first)]).toEqual([bytes, bytes + 1])
    }
    expect(length(2n ** 64n - 1n)).toBe(9)
  })
})

describe('a 64-bit integer without a BigInt', () => {
  const view = (value: bigint): DataView => {
    const bytes = int64Bytes(value)
    return new DataView(bytes.buffer, bytes.byteOffset, 8)
  }

  test('is the same number, or as far beyond the exact ones', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const number = readLongAsNumber(view(value), 0)
        if (Number.isSafeInteger(Number(value))) expect(BigInt(number)).toBe(value)
        else expect(Number.isSafeInteger(number)).toBe(false)
      }),
    )
  })

  test('makes the instants that BigInt makes, and refuses what is beyond Date', () => {
    const edges = fc
      .constantFrom(-1n, 0n, 1n)
      .chain((d) => fc.constantFrom(8_640_000_000_000_000n + d, -8_640_000_000_000_000n + d))
    fc.assert(
      fc.property(
        fc.oneof(int64, edges, fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n })),
        (ms) => {
          const read = (): unknown => decodeValue(nativeTypes.timestamp, int64Bytes(ms))
          if (Number.isNaN(new Date(Number(ms)).getTime())) expect(read).toThrow(DecodeError)
          else expect(read()).toEqual(new Date(Number(ms)))
        },
      ),
    )
  })

  test('makes the times of day that BigInt makes, and the numbers of bigints', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 86_399_999_999_999n }), (nanoseconds) => {
        const bytes = encodeValue(nativeTypes.time, nanoseconds)
        const time = decodeValue(nativeTypes.time, bytes) as LocalTime
        expect(time.toString()).toBe(LocalTime.fromNanoseconds(nanoseconds).toString())
        const number = decodeValue(nativeTypes.bigint, bytes, { int64: 'number' })
        expect(number).toBe(Number(nanoseconds))
      }),
    )
    const outside = (value: bigint) => () => decodeValue(nativeTypes.time, int64Bytes(value))
    expect(outside(-1n)).toThrow('outside the day')
    expect(outside(86_400_000_000_000n)).toThrow('outside the day')
  })
})
