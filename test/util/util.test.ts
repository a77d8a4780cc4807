import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRandom, RingQueue } from '../../src/util/index.ts'

describe('a ring queue', () => {
  test('returns what was added, in order, however it grows and wraps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer(), { nil: undefined }), { maxLength: 500 }),
        (steps) => {
          const queue = new RingQueue<number>()
          const model: number[] = []
          for (const step of steps) {
            if (step === undefined) expect(queue.shift()).toBe(model.shift())
            else {
              queue.push(step)
              model.push(step)
            }
            expect([queue.length, queue.peek()]).toEqual([model.length, model[0]])
          }
          const seen: number[] = []
          queue.forEach((item) => seen.push(item))
          expect(seen).toEqual(model)
          queue.keep((item) => item % 2 === 0)
          const kept: number[] = []
          queue.forEach((item) => kept.push(item))
          expect(kept).toEqual(model.filter((item) => item % 2 === 0))
        },
      ),
    )
  })
})

describe('a seeded generator', () => {
  test('returns the same numbers for the same seed, spread over [0, 1)', () => {
    const [first, second] = [createRandom(42), createRandom(42)]
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) {
      const value = first()
      expect(second()).toBe(value)
      counts[Math.floor(value * 10)]!++
    }
    expect(counts.every((count) => count > 850 && count < 1150)).toBe(true)
  })
})
