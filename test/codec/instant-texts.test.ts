import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { EncodeError } from '../../src/errors/index.ts'
import { nativeTypes } from '../../src/types/index.ts'

const { timestamp, date, time } = nativeTypes
const instantOf = (text: string): unknown => decodeValue(timestamp, encodeValue(timestamp, text))

describe('a text is an instant', () => {
  test.each([
    ['2024-01-31T12:00:00+18:00', '2024-01-30T18:00:00.000Z'],
    ['2024-01-31T12:00:00-18:00', '2024-02-01T06:00:00.000Z'],
    ['2024-01-31T12:00:00+0530', '2024-01-31T06:30:00.000Z'],
    ['2024-01-31T12:00:00-00:00', '2024-01-31T12:00:00.000Z'],
    ['2024-02-29T23:59:59.999Z', '2024-02-29T23:59:59.999Z'],
    ['+275760-09-13', '+275760-09-13T00:00:00.000Z'],
    ['-271821-04-20T00:00:00Z', '-271821-04-20T00:00:00.000Z'],
  ])('%s', (text, iso) => {
    expect((instantOf(text) as Date).toISOString()).toBe(iso)
  })
})

describe('a text is no instant', () => {
  const offset = 'an offset from UTC lies between -18:00 and +18:00'
  const noDay = 'no such day'
  const noTime = 'no such time'
  const beyond = 'beyond the range of Date, pass milliseconds as a bigint'
  test.each([
    ['2024-01-31T12:00:00+99:99', offset],
    ['2024-01-31T12:00:00+18:01', offset],
    ['2024-01-31T12:00:00-19:00', offset],
    ['2024-01-31T12:00:00+01:60', offset],
    ['2024-01-31T12:00:00+2400', offset],
    ['2024-02-30T00:00:00Z', noDay],
    ['2023-02-29', noDay],
    ['2024-04-31', noDay],
    ['2024-00-10', noDay],
    ['2024-13-01', noDay],
    ['2024-01-00', noDay],
    ['2024-01-31T24:00:00Z', noTime],
    ['2024-01-31T24:01:00Z', noTime],
    ['2024-01-31T23:60:00Z', noTime],
    ['2024-01-31T23:59:60Z', noTime],
    ['+275760-09-13T00:00:00.001Z', beyond],
    ['+275760-09-13T00:00:00-00:01', beyond],
    ['-271821-04-19T23:59:59.999Z', beyond],
    ['+5881580-07-11', beyond],
    ['9999999-01-01', 'A date'],
  ])('%s', (text, reason) => {
    expect(() => encodeValue(timestamp, text)).toThrow(EncodeError)
    expect(() => encodeValue(timestamp, text)).toThrow(reason)
  })
})

describe('a Date is an instant', () => {
  test('unless it was made to give something else', () => {
    class Fractional extends Date {
      override getTime(): number {
        return 1.5
      }
    }
    class Textual extends Date {
      override getTime(): number {
        return 'now' as never
      }
    }
    for (const value of [new Fractional(), new Textual(), Object.create(Date.prototype)]) {
      expect(() => encodeValue(timestamp, value)).toThrow('the Date is invalid')
    }
  })
})

describe('a date or time as text', () => {
  test.each(['2024-02-30', '2024-1-1', '2024-01-31T00:00:00Z', ' 2024-01-31', ''])(
    '%j is no date',
    (text) => {
      expect(() => encodeValue(date, text)).toThrow(EncodeError)
    },
  )
  test.each(['24:00', '24:01', '23:59:60', '12:60', '12', '', '12:00Z', ' 12:00'])(
    '%j is no time',
    (text) => {
      expect(() => encodeValue(time, text)).toThrow(EncodeError)
    },
  )
})
