import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  findRangeTombstone,
  mergeRangeTombstones,
  type RangeTombstone,
  rangeTombstonesOf,
  readRangeTombstone,
  writeRangeTombstone,
} from '../../../src/engine/rows/range-tombstones.ts'
import { ValueRef } from '../../../src/engine/storage/index.ts'
import { ByteWriter } from '../../../src/values/index.ts'

const places = 'abcdefghij'

test('of overlapping range deletions the latest covers each place, and the list stays minimal', () => {
  const range = fc.record({
    start: fc.nat(9),
    end: fc.nat(9),
    ts: fc.constantFrom(1, 2, 3, -1),
    time: fc.constantFrom(10, 11),
  })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
      const tombstones = ranges.map(({ start, end, ts, time }): RangeTombstone => {
        return { start: places[start]!, end: places[end]!, tsHi: ts >> 31, tsLo: ts, time }
      })
      const list = rangeTombstonesOf(tombstones)
      const oneByOne = tombstones.reduce(
        (before, each) => mergeRangeTombstones(before, rangeTombstonesOf([each])),
        rangeTombstonesOf([]),
      )
      expect(list).toEqual(oneByOne)
      for (let i = 0; i < places.length; i++) {
        const [latest] = ranges
          .filter(({ start, end }) => start <= i && i < end)
          .sort((a, b) => b.ts - a.ts || b.time - a.time)
        const found = findRangeTombstone(list, places[i]!)
        expect(found && [found.tsLo, found.time]).toEqual(latest && [latest.ts, latest.time])
      }
      for (let i = 1; i < list.length; i++) {
        const [before, here] = [list[i - 1]!, list[i]!]
        expect(before.end <= here.start).toBe(true)
        const isSame = before.tsLo === here.tsLo && before.time === here.time
        expect(isSame && before.end === here.start).toBe(false)
      }
      for (const each of list) {
        const sink = new ByteWriter(4)
        writeRangeTombstone(sink, each)
        const value = new ValueRef()
        value.bytes = sink.bytes
        value.end = sink.length
        expect(readRangeTombstone(each.end, value)).toEqual(each)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a hundred thousand range deletions are merged without comparing all pairs', () => {
  const count = 100_000
  const ranges = Array.from({ length: count }, (_, i): RangeTombstone => {
    const place = (i * 7919) % count
    const key = (at: number): string => String(at).padStart(7, '0')
    return { start: key(place * 2), end: key(place * 2 + 3), tsHi: 0, tsLo: place, time: 1 }
  })
  const list = rangeTombstonesOf(ranges)
  expect(list.length).toBe(count)
  expect(list[0]).toMatchObject({ start: '0000000', end: '0000002', tsLo: 0 })
})
