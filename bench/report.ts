import type { Failure, Measurement } from './driver/client-process.ts'

export interface EngineMeasurement {
  readonly workload: string
  readonly inFlight: number
  readonly perSecond: number
}

export interface Results {
  readonly node: string
  readonly cpu: string
  /** What the responder is written in. */
  readonly responder: string
  readonly onResponder: readonly Measurement[]
  readonly options: readonly Measurement[]
  readonly onThreeNodes: readonly Measurement[]
  readonly onCassandra: readonly Measurement[]
  readonly failures: readonly Failure[]
  readonly engine: readonly EngineMeasurement[]
}

export const rustName = 'scylla (Rust, one thread)'

const workloadNames: Readonly<Record<Measurement['workload'], string>> = {
  insert: 'insert',
  select: 'select',
  page: 'rows of pages of 5,000',
  columns: 'the same as columns¹',
  batch: 'rows in batches of 100',
}

/** Returns the measurements of each workload and number in flight, in order of appearance. */
export function groupsOf(measurements: readonly Measurement[]): Measurement[][] {
  const groups = new Map<string, Measurement[]>()
  for (const one of measurements) {
    const key = `${one.workload}/${one.inFlight}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups.values()]
}

/** Lists the clients of each workload side by side, with their ratios to two of them. */
function table(measurements: readonly Measurement[]): string[] {
  const number = (value: number): string => value.toLocaleString('en')
  const lines = [
    '| workload | in flight | client | per second | CPU µs | p50 µs | p99 µs | bytes | RSS MB | responder | × Rust | × cassandra-driver |',
    '|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
  ]
  for (const group of groupsOf(measurements)) {
    const ratioTo = (name: string, one: Measurement): string => {
      const peer = group.find(({ client }) => client === name)
      return peer === undefined ? '' : (peer.cpuUs / one.cpuUs).toFixed(2)
    }
    for (const one of group) {
      const cells = [
        workloadNames[one.workload],
        one.inFlight,
        one.client,
        number(one.perSecond),
        one.cpuUs,
        number(one.p50Us),
        number(one.p99Us),
        number(one.allocatedBytes),
        one.rssMb,
        one.responderShare === 0 ? '' : `${Math.round(one.responderShare * 100)} %`,
        ratioTo(rustName, one),
        ratioTo('cassandra-driver', one),
      ]
      lines.push(`| ${cells.join(' | ')} |`)
    }
  }
  return lines
}

function section(title: string, measurements: readonly Measurement[]): string[] {
  return measurements.length === 0 ? [] : [`## ${title}`, '', ...table(measurements), '']
}

/** Writes the results as Markdown. */
export function writeReport(results: Results): string {
  const { node, cpu, responder, engine } = results
  return [
    '# Measurements',
    '',
    `\`npm run bench\`, Node ${node}, ${cpu}, two cores, one of them for the client. Best windows of one run on a`,
    'machine that others used at the same time: ratios hold elsewhere, absolute numbers do not.',
    '',
    'Per second, CPU time (user and system, of the whole process) and allocated bytes are per request; of pages and batches, per row.',
    `Latencies are those of requests. The responder is written in ${responder} and has the other core; its column is the part of the`,
    "window in which it was busy. It is never the limit where that is clearly below 100 %. The Rust driver runs on one thread of tokio, with the system's allocator.",
    '',
    'Ratios are those of work per CPU time: on a machine that others use, it moves less than throughput. More is better.',
    '',
    '¹ tsylla: `toColumns()`, every column decoded. Rust: rows that borrow their text from the page and are not kept.',
    '',
    ...section('Driver, on a responder that answers at once', results.onResponder),
    ...section('What options cost', results.options),
    ...section('Driver, token-aware on three such nodes', results.onThreeNodes),
    ...section('Driver, on one Cassandra 5', results.onCassandra),
    ...results.failures.map(
      ({ client, workload, failure }) =>
        `\`${client}\` was not measured at ${workload}: ${failure}.\n`,
    ),
    ...(engine.length === 0
      ? []
      : [
          '## Embedded engine through `Session`, driver and engine on one core',
          '',
          '| workload | in flight | per second |',
          '|---|--:|--:|',
          ...engine.map(
            ({ workload, inFlight, perSecond }) =>
              `| ${workload} | ${inFlight} | ${perSecond.toLocaleString('en')} |`,
          ),
          '',
        ]),
  ].join('\n')
}
