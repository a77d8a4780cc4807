import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import cassandra from 'cassandra-driver'
import { cacheFolder } from './open-responder.ts'
import {
  batchRowCount,
  type BenchClient,
  type BenchRow,
  insertTime,
  insertValues,
  name,
  readRow,
  selectIdCount,
  statements,
} from './workload.ts'

export async function openCassandraDriver(address: string): Promise<BenchClient> {
  const client = new cassandra.Client({
    contactPoints: [address],
    localDataCenter: address.endsWith(':9042') ? 'datacenter1' : 'dc1',
    encoding: { useBigIntAsLong: true },
    pooling: { maxRequestsPerConnection: 2048 },
  })
  await client.connect()
  const options = { prepare: true, fetchSize: 5_000 }
  return {
    name: 'cassandra-driver',
    insert: (i) => client.execute(statements.insert.text, insertValues(i), options),
    async select(i) {
      const values = [BigInt(i % selectIdCount)]
      const result = await client.execute(statements.select.text, values, options)
      return readRow(result.first() as unknown as BenchRow)
    },
    async page() {
      const result = await client.execute(statements.page.text, [-1n], options)
      let count = 0
      for (const row of result.rows as unknown as BenchRow[]) if (readRow(row) && row.ref) count++
      return count
    },
    batch(i) {
      const query = statements.insert.text
      const queries = []
      for (let row = 0; row < batchRowCount; row++) {
        queries.push({ query, params: [BigInt(i), name, row, 1.5, insertTime] })
      }
      return client.batch(queries, { prepare: true, logged: false })
    },
    close: () => client.shutdown(),
  }
}

const peersFolder = dirname(fileURLToPath(new URL('../peers/package.json', import.meta.url)))
const peers = join(cacheFolder, 'peers')

/** Installs the peers that nothing but the benchmark needs. @returns whether they are there */
export function installPeers(): boolean {
  if (existsSync(join(peers, 'node_modules/@lambda-group/scylladb'))) return true
  mkdirSync(peers, { recursive: true })
  copyFileSync(join(peersFolder, 'package.json'), join(peers, 'package.json'))
  const options = ['--no-audit', '--no-fund', '--no-package-lock']
  return spawnSync('npm', ['install', ...options], { cwd: peers }).status === 0
}

/** The part of `@lambda-group/scylladb` that is used, an addon with the Rust driver inside. */
interface Addon {
  Cluster: new (config: { nodes: string[] }) => { connect(): Promise<AddonSession> }
  BatchStatement: new () => { appendStatement(statement: AddonStatement): void }
  Double: new (value: number) => object
}
type AddonStatement = object
interface AddonSession {
  prepare(text: string): Promise<AddonStatement>
  execute(statement: AddonStatement, values: unknown[]): Promise<object[] | Error>
  batch(batch: object, values: unknown[][]): Promise<object | Error>
}

/**
 * It has no `timestamp`, so it reads and writes one column less than the others. It returns errors
 * in place of results, and has no way to close.
 */
export async function openScyllaAddon(address: string): Promise<BenchClient> {
  const load = createRequire(join(peers, 'package.json'))
  const { BatchStatement, Cluster, Double } = load('@lambda-group/scylladb') as Addon
  const session = await new Cluster({ nodes: [address] }).connect()
  const insert = await session.prepare(statements.insertShort.text)
  const select = await session.prepare(statements.readShort.text)
  const batch = new BatchStatement()
  for (let i = 0; i < batchRowCount; i++) batch.appendStatement(insert)
  const valuesOf = (id: bigint, count: number): unknown[] => [id, name, count, new Double(1.5)]
  return {
    name: '@lambda-group/scylladb, without timestamps',
    insert: async (i) => succeeded(await session.execute(insert, valuesOf(BigInt(i), i & 0xffff))),
    async select(i) {
      const rows = succeeded(await session.execute(select, [BigInt(i % selectIdCount)]))
      const row = rows[0] as unknown as Omit<BenchRow, 'ref'>
      return readRow({ ...row, at: insertTime })
    },
    async batch(i) {
      const values = []
      for (let row = 0; row < batchRowCount; row++) values.push(valuesOf(BigInt(i), row))
      return succeeded(await session.batch(batch, values))
    },
    close: async () => {},
  }
}

function succeeded<T>(result: T | Error): T {
  if (result instanceof Error) throw result
  return result
}
