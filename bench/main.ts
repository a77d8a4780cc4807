/**
 * `npm run bench`: compares the driver with `cassandra-driver`, `@lambda-group/scylladb`, the Rust
 * driver (where there is cargo) and a bare client, on nodes that answer at once, and measures the
 * embedded engine. Ratios compare clients of one run; absolute numbers depend on the machine.
 * `-- --cassandra HOST:PORT` measures on a real server too, `--before FOLDER` measures another
 * built checkout in the same run, `--only PART` measures one part,
 * `--clients A,B` these only, `--write` keeps the results in
 * bench/results.md and bench/results.json.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ProtocolVersion } from '../src/protocol/index.ts'
import type { Failure, Measurement } from './driver/client-process.ts'
import { fill } from './driver/fill.ts'
import type { ProfiledFunction } from './driver/profile-process.ts'
import { buildRust, openResponder, pinned, type Responder } from './driver/open-responder.ts'
import { installPeers } from './driver/peer-clients.ts'
import { writeReport } from './report.ts'
import type { EngineMeasurement, Results } from './results.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const { values: flags } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    cassandra: { type: 'string' },
    before: { type: 'string' },
    only: { type: 'string' },
    clients: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
})

const rust = buildRust()
const hasAddon = installPeers()
const before = flags.before === undefined ? [] : [`prepared@${flags.before}`]
const peers = ['cassandra-driver', ...(hasAddon ? ['addon'] : []), ...(rust ? ['rust'] : [])]
const all = ['bare', 'prepared', 'text', ...before, ...peers]
const chosen = flags.clients?.split(',')
const clients =
  chosen === undefined ? all : all.filter((one) => chosen.includes(one.split('@')[0]!))

/** Runs a process on the first core; the responder has the other one. */
function runPinned<T>(command: readonly string[], env: NodeJS.ProcessEnv = {}): T[] {
  const [program, ...args] = pinned(0, command)
  const run = spawnSync(program!, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (run.status !== 0) {
    throw new Error(`${command.join(' ')} failed:\n${run.stderr || String(run.signal)}`)
  }
  return run.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

function script(file: string): string[] {
  return [process.execPath, '--import', 'tsx', join(folder, file)]
}

const failures = new Map<string, Failure>()

interface Target {
  readonly addresses: readonly string[]
  readonly responder?: Responder
}

function measure(
  kind: string,
  { addresses, responder }: Target,
  plan: readonly string[],
): (Measurement | Failure)[] {
  const env: NodeJS.ProcessEnv = {}
  if (responder !== undefined) env['RESPONDER_PID'] = String(responder.pid)
  if (responder?.caPath !== undefined) env['RESPONDER_CA'] = responder.caPath
  const command =
    kind === 'rust'
      ? [join(rust!, 'client'), addresses[0]!]
      : [...script('driver/client-process.ts'), kind, addresses.join(',')]
  return runPinned<Measurement | Failure>([...command, ...plan], env)
}

/**
 * Measures the clients in turns, so that a busy moment of the machine affects all of them. The best
 * values of each client count.
 */
function measureClients(
  target: Target,
  plan: readonly string[],
  kinds: readonly string[],
): Measurement[] {
  const best = new Map<string, Measurement>()
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const kind of kinds) {
      for (const one of measure(kind, target, plan)) {
        if ('failure' in one) {
          failures.set(`${one.client}/${one.workload}`, one)
          continue
        }
        const key = `${kind}/${one.workload}/${one.inFlight}`
        const known = best.get(key)
        best.set(key, known === undefined ? one : better(known, one))
      }
    }
  }
  return [...best.values()]
}

function better(a: Measurement, b: Measurement): Measurement {
  const faster = a.perSecond >= b.perSecond ? a : b
  return {
    ...faster,
    cpuUs: Math.min(a.cpuUs, b.cpuUs),
    p50Us: Math.min(a.p50Us, b.p50Us),
    p99Us: Math.min(a.p99Us, b.p99Us),
    rssMb: Math.max(a.rssMb, b.rssMb),
  }
}

async function onResponder<T>(
  nodeCount: number,
  version: ProtocolVersion,
  run: (target: Target) => T[],
): Promise<T[]> {
  const responder = await openResponder(rust, nodeCount, version)
  try {
    return run({ addresses: responder.addresses, responder })
  } finally {
    responder.close()
  }
}

const small = [1, 32, 256, 1_024].flatMap((count) => [`insert:${count}`, `select:${count}`])
const plan = [...small, 'batch:1', 'batch:16', 'page:1', 'columns:1']
const optionPlan = ['insert:256', 'select:256']
const shortPlan = ['insert:1', 'insert:256', 'select:256', 'batch:16', 'page:1']

/** What an option costs. Protocol v5 needs nodes that speak it. */
async function measureOptions(): Promise<Measurement[]> {
  const plain = ['prepared', 'als', 'metrics', ...(rust ? ['tls', 'lz4', 'rust'] : [])]
  const onV4 = await onResponder(1, ProtocolVersion.V4, (target) =>
    measureClients(target, optionPlan, plain),
  )
  if (rust === undefined) return onV4
  const onV5 = await onResponder(1, ProtocolVersion.V5, (target) =>
    measureClients(target, optionPlan, ['v5']),
  )
  return [...onV4, ...onV5]
}

async function measureOnCassandra(address: string): Promise<Measurement[]> {
  await fill(address)
  return measureClients({ addresses: [address] }, shortPlan, clients)
}

const parts = {
  onResponder: () =>
    onResponder(1, ProtocolVersion.V4, (target) => measureClients(target, plan, clients)),
  options: measureOptions,
  onThreeNodes: () =>
    onResponder(3, ProtocolVersion.V4, (target) => measureClients(target, shortPlan, clients)),
  onCassandra: async () =>
    flags.cassandra === undefined ? [] : await measureOnCassandra(flags.cassandra),
}

/** Where the CPU time of an insert goes. */
async function profile(): Promise<ProfiledFunction[]> {
  return await onResponder(1, ProtocolVersion.V4, ({ addresses }) =>
    runPinned<ProfiledFunction>([...script('driver/profile-process.ts'), addresses[0]!]),
  )
}

async function part(name: keyof typeof parts): Promise<Measurement[]> {
  return flags.only === undefined || flags.only === name ? await parts[name]() : []
}

const results: Results = {
  node: process.version,
  cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
  responder: rust === undefined ? 'JavaScript' : 'Rust',
  onResponder: await part('onResponder'),
  options: await part('options'),
  onThreeNodes: await part('onThreeNodes'),
  onCassandra: await part('onCassandra'),
  profile: flags.only === undefined || flags.only === 'profile' ? await profile() : [],
  failures: [...failures.values()],
  engine:
    flags.only === undefined
      ? runPinned<EngineMeasurement>(script('engine/engine-process.ts'))
      : [],
}
for (const { client, workload, failure } of failures.values()) {
  if (/tsylla|bare/.test(client)) throw new Error(`${client} fails at ${workload}: ${failure}`)
}
const report = writeReport(results)
console.log(report)
if (flags.write) {
  writeFileSync(join(folder, 'results.md'), report)
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`)
}
