import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../src/util/index.ts'
import { FaultProxy } from '../../src/testing.ts'
import { collectGarbage } from '../support/runtime.ts'
import { disturb, type Fault, faults, networkFaults } from './faults.ts'
import { Load } from './load.ts'
import { ThreeNodes } from './three-nodes.ts'

export interface SoakOptions {
  readonly minutes: number
  /** From the beginning of one fault to the next, when the first is over by then. */
  readonly faultEverySeconds: number
  readonly seed: number
  readonly log: (line: string) => void
}

export interface SoakReport {
  readonly requestCount: number
  readonly failures: readonly string[]
  readonly wrongAnswers: readonly string[]
  readonly failedIncrements: ReadonlyMap<string, number>
  /** How often each fault happened. */
  readonly faultCounts: ReadonlyMap<string, number>
  /** Bytes of the heap after a garbage collection, between faults. */
  readonly heapSamples: readonly { readonly minute: number; readonly bytes: number }[]
  /** What the heap grows by, in bytes per hour, over the second half. */
  readonly heapSlope: number
  /** Sockets and timers that keep the process alive, before the loads and after them. */
  readonly handleCounts: readonly [before: number, after: number]
}

const handleCount = (): number =>
  process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length

/** Least squares. */
export function slopeOf(samples: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(samples.map(({ x }) => x))
  const meanY = mean(samples.map(({ y }) => y))
  const over = samples.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0)
  const under = samples.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  return under === 0 ? 0 : over / under
}

/** Faults in a random order: each comes as often as the others. */
function* shuffled<T>(items: readonly T[], random: () => number): Generator<T, never> {
  for (;;) {
    const left = [...items]
    while (left.length > 0) yield left.splice(Math.floor(random() * left.length), 1)[0]!
  }
}

/** Two sessions, one per version of the protocol, on three nodes that fail again and again. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { minutes, faultEverySeconds, seed, log } = options
  const random = createRandom(seed)
  await using nodes = await ThreeNodes.start()
  const proxies = await FaultProxy.openAll(nodes.contactPoints, { seed })
  const contactPoints = proxies.map(({ address }) => address)
  const before = handleCount()
  const loads: Load[] = []
  for (const protocolVersionMax of [4, 5] as const) {
    loads.push(await Load.start({ contactPoints, protocolVersionMax, workerCount: 8, pauseMs: 10 }))
  }
  const all: readonly (readonly [string, Fault])[] = [
    ...Object.entries(faults),
    ...Object.entries(networkFaults).map(([name, rules]): [string, Fault] => [
      name,
      (_, index, carried) => disturb(proxies[index]!, rules, carried),
    ]),
  ]
  const faultCounts = new Map<string, number>()
  const heapSamples: { minute: number; bytes: number }[] = []
  const startMs = performance.now()
  const minute = (): number => (performance.now() - startMs) / 60_000
  for (const [name, fault] of shuffled(all, random)) {
    const beginMs = performance.now()
    const index = Math.floor(random() * 3)
    await fault(nodes, index, loads)
    faultCounts.set(name, (faultCounts.get(name) ?? 0) + 1)
    collectGarbage()
    const bytes = process.memoryUsage().heapUsed
    heapSamples.push({ minute: minute(), bytes })
    const failureCount = loads.reduce((sum, { failures }) => sum + failures.length, 0)
    const seconds = ((performance.now() - beginMs) / 1_000).toFixed(0)
    const megabytes = (bytes / 1e6).toFixed(1)
    log(
      `${minute().toFixed(1)} min: ${name}, node ${index}, ${seconds} s; ` +
        `heap ${megabytes} MB, ${failureCount} failures`,
    )
    if (minute() >= minutes) break
    await sleep(Math.max(0, faultEverySeconds * 1_000 - (performance.now() - beginMs)))
  }
  const reports = await Promise.all(loads.map((load) => load.stop()))
  await Promise.all(proxies.map((proxy) => proxy.close()))
  // Sockets that were closed end in one of the next turns.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  const failedIncrements = new Map<string, number>()
  for (const [kind, count] of reports.flatMap((report) => [...report.failedIncrements])) {
    failedIncrements.set(kind, (failedIncrements.get(kind) ?? 0) + count)
  }
  const late = heapSamples.filter((sample) => sample.minute >= minutes / 2)
  return {
    requestCount: reports.reduce((sum, report) => sum + report.requestCount, 0),
    failures: reports.flatMap((report) => report.failures),
    wrongAnswers: reports.flatMap((report) => report.wrongAnswers),
    failedIncrements,
    faultCounts,
    heapSamples,
    heapSlope: slopeOf(late.map((sample) => ({ x: sample.minute / 60, y: sample.bytes }))),
    handleCounts: [before, handleCount()],
  }
}
