import type { Measurement } from './driver/client-process.ts'
import { type Results, rustName } from './results.ts'

const ours = 'tsylla executePrepared'
const bare = 'bare pipelined client'

type Workload = Measurement['workload']

/** Lists what the driver is meant to reach on one node that answers at once, and what it does. */
export function markLines({ onResponder }: Pick<Results, 'onResponder'>): string[] {
  const find = (client: string, workload: Workload, inFlight: number): Measurement | undefined =>
    onResponder.find(
      (one) => one.client === client && one.workload === workload && one.inFlight === inFlight,
    )
  const lines: string[] = []
  const add = (mark: string, value: number, isReached: boolean): void => {
    lines.push(`| ${mark} | ${value.toFixed(2)} | ${isReached ? 'yes' : '**no**'} |`)
  }
  const timesRust = (name: string, workload: Workload, inFlight: number, least: number): void => {
    const one = find(ours, workload, inFlight)
    const peer = find(rustName, workload, inFlight)
    if (one === undefined || peer === undefined) return
    const ratio = peer.cpuUs / one.cpuUs
    add(`${name}: work per CPU time ≥ ${least} × the Rust driver`, ratio, ratio >= least)
  }
  timesRust('inserts, 256 in flight', 'insert', 256, 2)
  timesRust('selects, 256 in flight', 'select', 256, 1.8)
  timesRust('batches of 100, alone', 'batch', 1, 0.8)
  timesRust('batches of 100, 16 in flight', 'batch', 16, 0.8)
  timesRust('pages as rows', 'page', 1, 0.5)
  timesRust('pages as columns', 'columns', 1, 1)
  for (const workload of ['insert', 'select'] as const) {
    const [at1, at256, at1024] = [1, 256, 1_024].map((count) => find(ours, workload, count))
    const [bareAt1, bareAt256] = [1, 256].map((count) => find(bare, workload, count))
    if (!at1 || !at256 || !at1024 || !bareAt1 || !bareAt256) continue
    const cpu = at256.cpuUs / bareAt256.cpuUs
    add(`${workload}s, 256 in flight: CPU time ≤ 1.3 × the bare client`, cpu, cpu <= 1.3)
    const more = at1024.perSecond / at256.perSecond
    add(`${workload}s: 1,024 in flight ≥ 256 in flight, per second`, more, more >= 1)
    const latency = at1.p50Us / bareAt1.p50Us
    add(`${workload}s, alone: p50 ≤ 1.1 × the bare client`, latency, latency <= 1.1)
  }
  return lines
}
