import { markLines } from './marks.ts'
import { type Results, rustName } from './results.ts'
import type { Measurement } from './driver/client-process.ts'
import type { ProfiledFunction } from './driver/profile-process.ts'

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

function marksSection(results: Results): string[] {
  const lines = markLines(results)
  if (lines.length === 0) return []
  return ['## Marks', '', '| mark | measured | reached |', '|---|--:|---|', ...lines, '']
}

function profileSection(functions: readonly ProfiledFunction[]): string[] {
  if (functions.length === 0) return []
  return [
    '## Where the time of an insert goes',
    '',
    'Own CPU time of functions at 256 in flight, by sampling; the fifteen that take the most. `program`: the runtime itself and its system calls.',
    '',
    '| function | of | ns per insert |',
    '|---|---|--:|',
    ...functions.map(({ name, owner, ns }) => `| \`${name}\` | ${owner} | ${ns} |`),
    '',
  ]
}

/** Writes the results as Markdown. */
export function writeReport(results: Results): string {
  const { node, cpu, responder, engine } = results
  return [
    '# Measurements',
    '',
    `\`npm run bench\`, Node ${node}, ${cpu}, two cores, one of them for the client. Best windows of three rounds on a`,
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
    ...marksSection(results),
    ...section('Driver, on a responder that answers at once', results.onResponder),
    ...section('What options cost', results.options),
    ...section('Driver, token-aware on three such nodes', results.onThreeNodes),
    ...section('Driver, on one Cassandra 5', results.onCassandra),
    ...profileSection(results.profile),
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
