import { expect, test } from 'vitest'
import { simulateDriver } from './driver-simulation.ts'

const seedCount = 2_000
const partCount = 20

// Parts, so that progress can be seen.
test.each(Array.from({ length: partCount }, (_, i) => 1 + (i * seedCount) / partCount))(
  'a session keeps its promises in the simulations from seed %d on',
  async (first) => {
    const broken: string[] = []
    for (let seed = first; seed < first + seedCount / partCount; seed++) {
      for (const violation of (await simulateDriver(seed)).violations) {
        broken.push(`npm run simulate -- --seeds 1 --seed ${seed}: ${violation}`)
      }
    }
    expect(broken).toEqual([])
  },
)
