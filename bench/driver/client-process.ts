/**
 * Measures one client in a process of its own and prints one JSON line per workload. The best of
 * several windows counts; the first ones warm up.
 */
import { bestWindow } from '../best-window.ts'
import { openCassandraDriver, openTsylla } from './clients.ts'
import { openBareClient } from './bare-client.ts'
import { batchRowCount, type BenchClient, pageRowCount } from './workload.ts'

export interface Measurement {
  readonly client: string
  readonly workload: 'insert' | 'select' | 'page' | 'batch'
  readonly inFlight: number
  /** Operations per second in the best window; for pages and batches, rows per second. */
  readonly perSecond: number
  /** CPU time of the client's process per operation or row in that window, in microseconds. */
  readonly cpuUs: number
}

const windows = { count: 8, ms: 150 }

/** Opens a client. Drivers get the first address only and discover the other nodes. */
async function open(kind: string, addresses: readonly string[]): Promise<BenchClient> {
  if (kind === 'bare') return await openBareClient(addresses)
  const address = addresses[0]!
  if (kind === 'peer') return await openCassandraDriver(address)
  const [form, checkout] = kind.split('@')
  return await openTsylla(address, form === 'text', checkout)
}

async function measure(
  client: BenchClient,
  workload: Measurement['workload'],
  inFlight: number,
): Promise<Measurement> {
  const operation = workload === 'page' ? () => client.page() : client[workload]
  const best = await bestWindow(operation, inFlight, windows)
  const rows = workload === 'page' ? pageRowCount : workload === 'batch' ? batchRowCount : 1
  return {
    client: client.name,
    workload,
    inFlight,
    perSecond: Math.round(best.perSecond * rows),
    cpuUs: Number((best.cpuUs / rows).toFixed(3)),
  }
}

const [kind = 'prepared', address = '', ...plan] = process.argv.slice(2)
const client = await open(kind, address.split(','))
for (const step of plan) {
  const [workload, inFlight] = step.split(':')
  const result = await measure(client, workload as Measurement['workload'], Number(inFlight))
  console.log(JSON.stringify(result))
}
await client.close()
process.exit(0)
