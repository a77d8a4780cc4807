import { afterEach, describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { LocalDate, nativeTypes } from '../../src/types/index.ts'

const zone = process.env['TZ']
afterEach(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
})

/** Days since 1970-01-01 of −0001-01-01 and 9999-12-31. */
const firstDay = -719_893
const lastDay = 2_932_896

describe.each(['UTC', 'America/Santiago', 'Asia/Kolkata', 'Pacific/Apia'])(
  'in the zone %s',
  (name) => {
    test('a date is the day it says, in bytes, as text and as LocalDate', () => {
      process.env['TZ'] = name
      // A prime step meets every day of the year.
      for (let day = firstDay; day <= lastDay; day += 47) {
        const bytes = Buffer.alloc(4)
        bytes.writeUInt32BE(day + 2 ** 31)
        const date = decodeValue(nativeTypes.date, bytes) as LocalDate
        const written = encodeValue(nativeTypes.date, date.toString())
        if (Buffer.compare(written, bytes) !== 0)
          expect([day, date.toString()]).toBe('the same day')
      }
      expect(LocalDate.parse('2011-12-30').toString()).toBe('2011-12-30')
    }, 60_000)

    test('a timestamp is the instant it says', () => {
      process.env['TZ'] = name
      for (const at of [
        '2011-12-30T10:00:00.000Z',
        '1883-11-18T12:03:57.999Z',
        '2024-09-08T03:59:59.999Z',
      ]) {
        const decoded = decodeValue(nativeTypes.timestamp, encodeValue(nativeTypes.timestamp, at))
        expect((decoded as Date).toISOString()).toBe(at)
      }
    })
  },
)
