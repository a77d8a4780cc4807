/**
 * `npm run simulate`: runs a session and three nodes in one process, with time, randomness and
 * faults of the network and nodes that follow from a seed, and lists the promises that were broken.
 *
 *   --seeds N    how many seeds       (2,000)
 *   --seed N     the first seed       (1)
 *   --trace      print what happened
 */
import { parseArgs } from 'node:util'
import { simulateDriver } from '../test/simulation/driver-simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})

const first = Number(values.seed)
const count = Number(values.seeds)
const failures = new Map<string, number>()
let brokenCount = 0
for (let seed = first; seed < first + count; seed++) {
  const simulation = await simulateDriver(seed)
  if (values.trace) console.log(simulation.trace.join('\n'))
  for (const [code, times] of simulation.failures) {
    failures.set(code, (failures.get(code) ?? 0) + times)
  }
  if (simulation.violations.length === 0) continue
  brokenCount++
  console.log(
    `npm run simulate -- --seeds 1 --seed ${seed}\n  ${simulation.violations.join('\n  ')}`,
  )
}
console.log(`${count} seeds, ${brokenCount} with broken promises; failed calls by code:`)
console.log(Object.fromEntries(failures))
process.exitCode = brokenCount > 0 ? 1 : 0
