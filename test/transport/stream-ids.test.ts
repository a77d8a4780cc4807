import { describe, expect, test } from 'vitest'
import { StreamIds } from '../../src/transport/stream-ids.ts'
import { createRandom } from '../../src/util/index.ts'

describe('stream ids', () => {
  test('a late response to a timed-out request frees its stream id, and nothing before it does', () => {
    const ids = new StreamIds(1)
    const id = ids.acquire()
    ids.orphan(id)
    expect(ids.acquire()).toBe(-1)
    expect(ids.isOrphan(id)).toBe(true)
    ids.release(id)
    expect(ids.acquire()).toBe(id)
    expect(ids.isOrphan(id)).toBe(false)
  })

  test('free, in flight and orphaned always add up, and no id is given twice', () => {
    const random = createRandom(7)
    const ids = new StreamIds(64)
    const taken = new Set<number>()
    const orphans = new Set<number>()
    for (let step = 0; step < 20_000; step++) {
      const choice = random()
      if (choice < 0.5) {
        const id = ids.acquire()
        expect(taken.has(id) || orphans.has(id)).toBe(false)
        if (id !== -1) taken.add(id)
      } else if (choice < 0.6 && taken.size > 0) {
        const id = [...taken][Math.floor(random() * taken.size)]!
        taken.delete(id)
        orphans.add(id)
        ids.orphan(id)
      } else {
        const pool = random() < 0.5 ? taken : orphans
        const id = [...pool][Math.floor(random() * pool.size)]
        if (id === undefined) continue
        pool.delete(id)
        ids.release(id)
      }
      expect([ids.inFlightCount, ids.orphanCount]).toEqual([taken.size, orphans.size])
      expect(ids.freeCount + ids.inFlightCount + ids.orphanCount).toBe(64)
    }
  })

  test('releasing more than was acquired is a bug that shows at once', () => {
    const ids = new StreamIds(1)
    expect(() => ids.release(0)).toThrow(/invariant/)
  })
})
