import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { EncodeError } from '../../src/errors/index.ts'
import { type CqlType, Decimal, nativeTypes } from '../../src/types/index.ts'

const t = nativeTypes
const floats: CqlType = { kind: 'vector', element: t.float, dimension: 1 }

describe('numbers that would not come back are refused', () => {
  test.each<[CqlType, string, unknown]>([
    [t.double, 'beyond a double', 10n ** 400n],
    [t.float, 'beyond a double', 10n ** 400n],
    [t.float, 'beyond a float', 10n ** 39n],
    [t.double, 'a bigint between two doubles', 2n ** 53n + 1n],
    [t.float, 'a bigint between two floats', 2n ** 24n + 1n],
    [t.double, 'a text beyond a double', '1e999'],
    [t.double, 'a text beyond a double', '-1e999'],
    [t.double, 'a text beyond a double', '9'.repeat(400)],
    [t.float, 'a text beyond a double', '1e999'],
    [t.float, 'a text beyond a float', '1e39'],
    [t.float, 'a number that rounds to infinity', 3.402_823_6e38],
    [floats, 'a number beyond a float', Float64Array.of(1e300)],
    [floats, 'a number beyond a float', [-1e39]],
    [t.int, 'a text beyond 32 bits', '2147483648'],
    [t.bigint, 'a text beyond 64 bits', '9223372036854775808'],
    [t.bigint, 'a text beyond any number', '9'.repeat(3_000_000)],
    [t.int, 'a text beyond any number', '9'.repeat(3_000_000)],
    [t.bigint, 'an unsafe number', 2 ** 53],
    [t.varint, 'an unsafe number', 2 ** 53],
    [t.varint, 'more bytes than are read again', 2n ** (8n * 2n ** 20n)],
    [t.varint, 'a text of too many digits', '9'.repeat(3_000_000)],
    [t.decimal, 'more bytes than are read again', new Decimal(2n ** (8n * 2n ** 20n), 0)],
    [t.decimal, 'a text of too many digits', '9'.repeat(3_000_000)],
    [t.decimal, 'an exponent beyond 32 bits', '1e2147483649'],
  ])('%o: %s', (type, _, value) => {
    expect(() => encodeValue(type, value)).toThrow(EncodeError)
  })

  test('and the error says what is wrong with them', () => {
    expect(() => encodeValue(t.double, '1e999')).toThrow('out of range of a double')
    expect(() => encodeValue(t.float, '1e999')).toThrow('out of range of a float')
    expect(() => encodeValue(t.double, 10n ** 400n)).toThrow('out of range of a double')
    expect(() => encodeValue(t.double, 2n ** 53n + 1n)).toThrow(
      'no double is exactly that bigint, pass a number to have it rounded',
    )
    expect(() => encodeValue(t.float, 2n ** 24n + 1n)).toThrow('no float is exactly that bigint')
  })
})

describe('texts that look like numbers only to a lenient reader are refused', () => {
  const texts = ['', ' ', ' 12 ', '12 ', '\n12', '0x10', '0b1', '1_000', '1,000', '12n', '١', '+']
  const types = [t.tinyint, t.smallint, t.int, t.bigint, t.varint, t.float, t.double, t.decimal]
  for (const type of types) {
    test.each(texts)(`${type.kind}: %j`, (text) => {
      expect(() => encodeValue(type, text)).toThrow(EncodeError)
    })
  }

  test('in no time, however long they are', () => {
    const text = `${'1'.repeat(200_000)}x`
    for (const type of types) expect(() => encodeValue(type, text)).toThrow(EncodeError)
  }, 2_000)
})

describe('numbers that come back are written', () => {
  test.each<[CqlType, unknown, unknown]>([
    [t.double, 'Infinity', Infinity],
    [t.double, '-Infinity', -Infinity],
    [t.float, '+Infinity', Infinity],
    [t.float, 'NaN', Number.NaN],
    [t.double, Infinity, Infinity],
    [t.float, -Infinity, -Infinity],
    [t.double, '1.', 1],
    [t.double, '.5', 0.5],
    [t.double, '-0', -0],
    [t.double, 2n ** 80n, 2 ** 80],
    [t.double, -(2n ** 53n), -(2 ** 53)],
    [t.float, 2n ** 24n, 2 ** 24],
    [t.float, 3.402_823_466_385_288_6e38, 3.402_823_466_385_288_6e38],
    [t.float, 16_777_217, 16_777_216],
    [t.int, -0, 0],
    [t.bigint, -0, 0n],
    [t.int, '+5', 5],
    [t.int, '007', 7],
  ])('%o from %o', (type, given, value) => {
    expect(decodeValue(type, encodeValue(type, given))).toBe(value)
  })

  test('a varint of as many bytes as are read', () => {
    const most = 2n ** (8n * 2n ** 20n - 1n) - 1n
    expect(decodeValue(t.varint, encodeValue(t.varint, most)) === most).toBe(true)
  })
})
