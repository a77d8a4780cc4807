/**
 * `npm run bench`: compares the driver with `cassandra-driver` and a bare client, on nodes that
 * answer at once, and measures the embedded engine. Ratios compare clients of one run; absolute
 * numbers depend on the machine. `-- --cassandra HOST:PORT` measures on a real server too,
 * `--before FOLDER` measures another built checkout in the same run, `--write` keeps the results in
 * bench/results.md and bench/results.json.
 */
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Measurement } from './driver/client-process.ts'
import { fill } from './driver/fill.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    cassandra: { type: 'string' },
    before: { type: 'string' },
  },
})

/** Runs a script in a process on one core; the responder has the other core. */
function runPinned<T>(file: string, args: readonly string[]): T[] {
  const node = [process.execPath, '--import', 'tsx', join(folder, file), ...args]
  const pinned = process.platform === 'linux' ? ['taskset', '-c', '0', ...node] : node
  const run = spawnSync(pinned[0]!, pinned.slice(1), { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`${file} ${args.join(' ')} failed:\n${run.stderr}`)
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

const roundCount = 3
const { before } = values
const earlier = before === undefined ? [] : [`prepared@${before}`, `text@${before}`]
const clients = ['bare', 'prepared', 'text', ...earlier, 'peer']

/**
 * Measures the clients in turns, so that a busy moment of the machine affects all of them. The best
 * round of each client counts.
 */
function measureClients(
  address: string,
  plan: readonly string[],
  kinds: readonly string[],
): Measurement[] {
  const best = new Map<string, Measurement>()
  for (let round = 0; round < roundCount; round++) {
    for (const kind of kinds) {
      for (const one of runPinned<Measurement>('driver/client-process.ts', [
        kind,
        address,
        ...plan,
      ])) {
        const key = `${kind}/${one.workload}/${one.inFlight}`
        const known = best.get(key)
        best.set(key, known === undefined ? one : better(known, one))
      }
    }
  }
  return [...best.values()]
}

function better(a: Measurement, b: Measurement): Measurement {
  return a.perSecond >= b.perSecond ? a : b
}

const workloadNames: { readonly [workload: string]: string } = {
  page: 'rows of pages',
  batch: 'rows in batches of 100',
}

/** Lists the clients of each workload side by side, with their ratio to `cassandra-driver`. */
function table(measurements: readonly Measurement[]): string[] {
  const lines = [
    '| workload | in flight | client | per second | CPU µs each | × cassandra-driver |',
    '|---|--:|---|--:|--:|--:|',
  ]
  const groups = new Map<string, Measurement[]>()
  for (const one of measurements) {
    const key = `${one.workload}/${one.inFlight}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  for (const group of groups.values()) {
    const peer = group.find(({ client }) => client === 'cassandra-driver')
    for (const { workload, inFlight, client, perSecond, cpuUs } of group) {
      const name = workloadNames[workload] ?? workload
      const ratio = peer === undefined ? '' : (perSecond / peer.perSecond).toFixed(1)
      lines.push(
        `| ${name} | ${inFlight} | ${client} | ${perSecond.toLocaleString('en')} | ${cpuUs} | ${ratio} |`,
      )
    }
  }
  return lines
}

const smallPlan = [
  ...['insert:32', 'insert:256', 'insert:1024', 'select:32', 'select:256', 'select:1024'],
  'batch:16',
]

/** Measures on nodes that answer at once, which run on the other core. */
async function measureOnResponder(
  nodeCount: number,
  plan: readonly string[],
): Promise<Measurement[]> {
  const node = [process.execPath, '--import', 'tsx']
  const [execPath, ...execArgv] =
    process.platform === 'linux' && cpus().length > 1 ? ['taskset', '-c', '1', ...node] : node
  const file = join(folder, 'driver/responder.ts')
  const responder = fork(file, [String(nodeCount)], { execPath: execPath!, execArgv })
  try {
    const [port] = (await once(responder, 'message')) as [number]
    const addresses = Array.from({ length: nodeCount }, (_, i) => `127.0.0.${i + 1}:${port}`)
    return measureClients(addresses.join(','), plan, clients)
  } finally {
    responder.kill()
  }
}

const onResponder = await measureOnResponder(1, [...smallPlan, 'page:1'])
const onThreeNodes = await measureOnResponder(3, smallPlan)
if (values.cassandra !== undefined) await fill(values.cassandra)
const onCassandra =
  values.cassandra === undefined
    ? []
    : measureClients(values.cassandra, [...smallPlan, 'page:1'], clients)
const engine = runPinned<{ workload: string; inFlight: number; perSecond: number }>(
  'engine/engine-process.ts',
  [],
)

const report = [
  '# Measurements',
  '',
  `\`npm run bench\`, Node ${process.version}, ${cpus()[0]?.model.trim()}, one core for the client. Best windows of one run on a shared machine:`,
  'ratios hold elsewhere, absolute numbers do not.',
  '',
  '## Driver, on a responder that answers at once',
  '',
  ...table(onResponder),
  '',
  '## Driver, token-aware on three such nodes',
  '',
  ...table(onThreeNodes),
  '',
  ...(onCassandra.length === 0 ? [] : ['## Driver, on Cassandra 5', '', ...table(onCassandra), '']),
  '## Embedded engine through `Session`, driver and engine on one core',
  '',
  '| workload | in flight | per second |',
  '|---|--:|--:|',
  ...engine.map(
    ({ workload, inFlight, perSecond }) =>
      `| ${workload} | ${inFlight} | ${perSecond.toLocaleString('en')} |`,
  ),
  '',
].join('\n')
console.log(report)
if (values.write) {
  writeFileSync(join(folder, 'results.md'), report)
  const data = { node: process.version, onResponder, onThreeNodes, onCassandra, engine }
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(data, undefined, 2)}\n`)
}
