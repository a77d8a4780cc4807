/**
 * `npm run bench:patterns`: measures the rate limiter and the cache on the embedded engine, beside
 * packages on Redis in the same run. `-- --cassandra HOST:PORT` measures on a server too, `--write`
 * keeps the results in bench/patterns.md.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type ContactPoint, Session } from 'tsylla'
import { embedded } from 'tsylla/embedded'
import { Cache, createTables, RateLimiter } from 'tsylla/patterns'
import { bestWindow } from '../best-window.ts'
import { measurePeers } from './measure-peers.ts'
import { openPeers } from './peers.ts'
import { measureStampedes } from './stampede.ts'
import { hotKey, manyKeys, type Measure, memoryHit, misses, storeHit, value } from './workloads.ts'

const { values } = parseArgs({
  options: { write: { type: 'boolean', default: false }, cassandra: { type: 'string' } },
})

interface Line {
  readonly workload: string
  readonly what: string
  readonly perSecond: number
}

const windows = { count: 4, ms: 500 }
const lines: Line[] = []

const measure: Measure = async (workload, what, inFlight, operation) => {
  const { perSecond } = await bestWindow(operation, inFlight, windows)
  lines.push({ workload, what, perSecond: Math.round(perSecond) })
  console.error(`${workload} · ${what}: ${Math.round(perSecond).toLocaleString('en')}/s`)
}

async function measureOn(node: ContactPoint, where: string): Promise<void> {
  const keyspace = `bench_${process.pid}`
  const session = await Session.connect([node], { keyspace, createKeyspace: true })
  const rule = { limit: 1_000_000_000, per: '1d' } as const
  const exact = new RateLimiter(session, rule)
  const quorum = new RateLimiter(session, { ...rule, strategy: 'quorum' })
  const cache = new Cache(session)
  const remembering = new Cache(session, { memory: { ttl: '1h' } })
  const sharing = new Cache(session, { memory: { ttl: '1h' }, share: true })
  await createTables(session, [exact, quorum, remembering])
  await measure(hotKey, `tsylla exact, ${where}`, 256, () => exact.take('hot'))
  await measure(hotKey, `tsylla quorum, ${where}`, 256, () => quorum.take('hot'))
  await measure(manyKeys, `tsylla exact, ${where}`, 256, (i) => exact.take(`key ${i % 10_000}`))
  await cache.set('warm', value)
  await measure(storeHit, `tsylla, ${where}`, 256, () => cache.get('warm'))
  await measure(misses, `tsylla, one factory per cluster, ${where}`, 64, (i) =>
    cache.getOrSet(`miss ${i}`, () => value),
  )
  const alone = new Cache(session, { stampede: 'process' })
  await measure(misses, `tsylla, one factory per process, ${where}`, 64, (i) =>
    alone.getOrSet(`miss alone ${i}`, () => value),
  )
  if (where === 'engine') {
    const local = new RateLimiter(session, { ...rule, strategy: 'local' })
    await measure(hotKey, 'tsylla local', 256, () => local.take('hot'))
    await remembering.get('warm')
    await sharing.get('warm')
    await measure(memoryHit, 'tsylla, an object per caller', 1, () => remembering.get('warm'))
    await measure(memoryHit, 'tsylla, shared object', 1, () => sharing.get('warm'))
  }
  await session.execute(`DROP KEYSPACE ${keyspace}`)
  await session.close()
}

const db = await embedded()
await measureOn(db, 'engine')
if (values.cassandra !== undefined) await measureOn(values.cassandra, 'Cassandra 5, one node')
const peers = await openPeers()
if (peers !== undefined) await measurePeers(peers, measure)
const stampedes = await measureStampedes(db, peers)
peers?.close()
await db.close()

const workloads = [...new Set(lines.map(({ workload }) => workload))]
const report = [
  '# Measurements of patterns',
  '',
  `\`npm run bench:patterns\`, Node ${process.version}, ${cpus()[0]?.model.trim()}. Best windows of one run on a shared machine: ratios hold elsewhere,`,
  'absolute numbers do not. The engine runs in the process that is measured; Redis, PostgreSQL and Cassandra are servers on the same machine.',
  ...workloads.flatMap((workload) => [
    '',
    `## ${workload[0]!.toUpperCase()}${workload.slice(1)}`,
    '',
    '| what | per second |',
    '|---|--:|',
    ...lines
      .filter((line) => line.workload === workload)
      .map(({ what, perSecond }) => `| ${what} | ${perSecond.toLocaleString('en')} |`),
  ]),
  '',
  '## Calls of the factory when 4 processes × 64 callers miss one key',
  '',
  '| what | calls in 5 rounds |',
  '|---|--:|',
  ...stampedes.map(({ what, calls }) => `| ${what} | ${calls} |`),
  '',
].join('\n')
console.log(report)
if (values.write) {
  const folder = dirname(fileURLToPath(import.meta.url))
  writeFileSync(join(folder, '../patterns.md'), report)
}
