/**
 * Measures one client in a process of its own and prints one JSON line per workload. The best of
 * several windows counts; the first ones warm up. Arguments: the kind of client, the addresses, and
 * `workload:inFlight` of each measurement.
 */
import { readFileSync } from 'node:fs'
import { allocatedBytes, bestWindow, latencies } from '../best-window.ts'
import { openBareClient } from './bare-client.ts'
import { openCassandraDriver, openScyllaAddon } from './peer-clients.ts'
import { openTsylla, type TsyllaVariant } from './tsylla-client.ts'
import { batchRowCount, type BenchClient, pageRowCount } from './workload.ts'

export interface Measurement {
  readonly client: string
  readonly workload: 'insert' | 'select' | 'page' | 'columns' | 'batch'
  readonly inFlight: number
  /** Operations per second in the best window; for pages and batches, rows per second. */
  readonly perSecond: number
  /** Microseconds of CPU of the process per operation or row, in the window with the least. */
  readonly cpuUs: number
  /** Latency of an operation: of a whole page or batch. */
  readonly p50Us: number
  readonly p99Us: number
  /** Bytes allocated per operation or row. */
  readonly allocatedBytes: number
  /** Resident memory of the process at the end of the measurement. */
  readonly rssMb: number
  /** Part of the window in which the responder was busy. */
  readonly responderShare: number
}

/** What a client cannot do. */
export interface Failure {
  readonly client: string
  readonly workload: Measurement['workload']
  readonly failure: string
}

const windows = { count: 8, ms: 150 }

/** Opens a client. Drivers get the first address only and discover the other nodes. */
async function open(kind: string, addresses: readonly string[]): Promise<BenchClient> {
  const address = addresses[0]!
  if (kind === 'bare') return await openBareClient(addresses)
  if (kind === 'cassandra-driver') return await openCassandraDriver(address)
  if (kind === 'addon') return await openScyllaAddon(address)
  const [variant, checkout] = kind.split('@')
  return await openTsylla(address, variant as TsyllaVariant, checkout)
}

const responderPid = process.env['RESPONDER_PID']

/** CPU time of the responder, which has one thread that matters. 0 where that is not known. */
function responderMs(): number {
  if (responderPid === undefined) return 0
  const [ns] = readFileSync(`/proc/${responderPid}/schedstat`, 'utf8').split(' ')
  return Number(ns) / 1e6
}

async function failureOf(operation: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await operation()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function measure(
  client: string,
  workload: Measurement['workload'],
  operation: (i: number) => Promise<unknown>,
  inFlight: number,
): Promise<Measurement> {
  const best = await bestWindow(operation, inFlight, windows, responderMs)
  const isPage = workload === 'page' || workload === 'columns'
  const rows = isPage ? pageRowCount : workload === 'batch' ? batchRowCount : 1
  const sorted = await latencies(operation, inFlight, windows.ms)
  const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)]!)
  return {
    client,
    workload,
    inFlight,
    perSecond: Math.round(best.perSecond * rows),
    cpuUs: Number((best.cpuUs / rows).toFixed(3)),
    p50Us: at(0.5),
    p99Us: at(0.99),
    allocatedBytes: Math.round((await allocatedBytes(operation, inFlight, windows.ms)) / rows),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    responderShare: Number(best.observedShare.toFixed(2)),
  }
}

const [kind = 'prepared', address = '', ...plan] = process.argv.slice(2)
const client = await open(kind, address.split(','))
for (const step of plan) {
  const [name, inFlight] = step.split(':')
  const workload = name as Measurement['workload']
  const operation = client[workload]
  if (operation === undefined) continue
  const failure = await failureOf(() => operation(0))
  const result =
    failure === undefined
      ? await measure(client.name, workload, operation, Number(inFlight))
      : { client: client.name, workload, failure }
  console.log(JSON.stringify(result))
}
await client.close()
process.exit(0)
