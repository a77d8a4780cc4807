/** `npm run cassandra -- start|stop|status`: a real Apache Cassandra 5 from Maven Central. */
import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { missingTools } from './cassandra/jars.ts'
import {
  answersOptions,
  isAlive,
  knownPids,
  startCassandra,
  stopProcesses,
} from './cassandra/launcher.ts'

const usage = `Usage: npm run cassandra -- start|stop|status [options]
  --nodes N   nodes of the cluster, on 127.0.0.1 … 127.0.0.N    (1)
  --port N    CQL port                                          (9042)
  --auth      require a login (cassandra / cassandra)
  --tls       require TLS; the path of the CA is printed
  --keep      start with the data of the last run`

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '.cassandra')

/** A folder in memory where the system has one. Its name differs between clones. */
function dataFolderOf(path: string): string {
  if (!existsSync('/dev/shm')) return join(path, 'data')
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 12)
  return `/dev/shm/tsylla-cassandra-${hash}`
}

async function start(values: StartValues): Promise<void> {
  const missing = missingTools()
  if (missing !== undefined) throw new Error(missing)
  const living = knownPids(folder).filter(({ pid }) => isAlive(pid))
  if (living.length > 0)
    throw new Error('Cassandra is running already: end it with `npm run cassandra -- stop`')
  const nodeCount = positiveInteger('--nodes', values.nodes)
  const dataFolder = dataFolderOf(folder)
  if (!values.keep) {
    rmSync(folder, { recursive: true, force: true })
    rmSync(dataFolder, { recursive: true, force: true })
  }
  const cluster = await startCassandra({
    folder,
    dataFolder,
    addresses: Array.from({ length: nodeCount }, (_, i) => `127.0.0.${i + 1}`),
    port: positiveInteger('--port', values.port),
    auth: values.auth,
    tls: values.tls,
    heap: nodeCount > 1 ? '512m' : '1g',
  })
  console.log(`Cassandra answers on ${cluster.contactPoints.join(', ')}`)
  if (cluster.caFile !== undefined) console.log(`CA: ${cluster.caFile}`)
}

interface StartValues {
  readonly nodes: string
  readonly port: string
  readonly auth: boolean
  readonly tls: boolean
  readonly keep: boolean
}

function positiveInteger(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} takes a positive integer, not ${text}`)
  return value
}

async function status(port: number): Promise<void> {
  const nodes = knownPids(folder)
  if (nodes.length === 0) console.log('Cassandra is not running')
  for (const { address, pid } of nodes) {
    const state = !isAlive(pid) ? 'dead' : (await answersOptions(address, port)) ? 'up' : 'no CQL'
    console.log(`${address}:${port} pid ${pid} ${state}`)
  }
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '1' },
      port: { type: 'string', default: '9042' },
      auth: { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  switch (positionals[0]) {
    case 'start':
      return await start(values)
    case 'stop':
      await stopProcesses(knownPids(folder).map(({ pid }) => pid))
      for (const { address } of knownPids(folder)) rmSync(join(folder, address, 'pid'))
      return
    case 'status':
      return await status(positiveInteger('--port', values.port))
    default:
      throw new Error(usage)
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
