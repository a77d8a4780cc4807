import { describe, expect, test } from 'vitest'
import { simulateDriver } from './driver-simulation.ts'

/** Seeds that have broken a promise before. */
const pastSeeds = [18, 107, 483, 1_070, 1_439]

describe('a session on three nodes that die, move, are cut off and lose bytes', () => {
  test('keeps its promises, whatever the seed', async () => {
    for (const seed of [...pastSeeds, ...Array.from({ length: 40 }, (_, i) => i + 1)]) {
      const { violations } = await simulateDriver(seed)
      expect(violations, `npm run simulate -- --seeds 1 --seed ${seed}`).toEqual([])
    }
  }, 60_000)

  test('behaves the same for the same seed, whatever ran before', async () => {
    const first = await simulateDriver(7)
    const other = await simulateDriver(8)
    const again = await simulateDriver(7)
    expect(first.trace.length).toBeGreaterThan(500)
    expect(again.trace).toEqual(first.trace)
    expect(other.trace).not.toEqual(first.trace)
  })

  test('meets faults: calls fail in the ways that are expected', async () => {
    const codes = new Set<string>()
    for (let seed = 100; seed < 120; seed++) {
      const { failures } = await simulateDriver(seed)
      for (const code of failures.keys()) codes.add(code)
    }
    expect([...codes].sort()).toEqual([
      ...['TSYLLA_CONNECTION', 'TSYLLA_NO_NODE_AVAILABLE', 'TSYLLA_REQUEST_TIMEOUT'],
    ])
  })
})
