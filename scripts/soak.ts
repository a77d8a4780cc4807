/**
 * `npm run soak`: two sessions read and write on three nodes of Cassandra while the nodes are
 * killed, stopped and restarted, tables change and the network loses frames. Prints what failed:
 * idempotent requests do not, no answer is wrong, no increment is done twice. Takes Java and Maven.
 *
 *   --minutes N        how long                                    (30)
 *   --every SECONDS    from one fault to the next                  (20)
 *   --seed N           where random decisions begin                (1)
 */
import { parseArgs } from 'node:util'
import { soak } from '../test/soak/soak.ts'
import { missingTools } from './cassandra/jars.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    every: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
})
const missing = missingTools()
if (missing !== undefined) throw new Error(`Cassandra cannot run: ${missing}`)

const report = await soak({
  minutes: Number(values.minutes),
  faultEverySeconds: Number(values.every),
  seed: Number(values.seed),
  log: (line) => console.log(line),
})
const { heapSlope, heapSamples, handleCounts, failures, wrongAnswers } = report
console.log(`${report.requestCount} requests, ${failures.length} idempotent ones failed`)
console.log('failed increments, by outcome', Object.fromEntries(report.failedIncrements))
console.log('faults', Object.fromEntries(report.faultCounts))
console.log(
  `heap ${(heapSamples.at(-1)!.bytes / 1e6).toFixed(1)} MB, ` +
    `${(heapSlope / 1e6).toFixed(2)} MB per hour over the second half`,
)
console.log(`sockets and timers: ${handleCounts[0]} before, ${handleCounts[1]} after`)
for (const line of [...failures, ...wrongAnswers]) console.log(line)
process.exitCode = failures.length + wrongAnswers.length > 0 ? 1 : 0
