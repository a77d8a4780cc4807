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
import { openPeers, type Peers } from './peers.ts'
import { measureStampedes } from './stampede.ts'

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

async function measure(
  workload: string,
  what: string,
  inFlight: number,
  operation: (i: number) => unknown,
): Promise<void> {
  const { perSecond } = await bestWindow(operation, inFlight, windows)
  lines.push({ workload, what, perSecond: Math.round(perSecond) })
  console.error(`${workload} · ${what}: ${Math.round(perSecond).toLocaleString('en')}/s`)
}

const hotKey = 'decisions per second on one key, 256 callers'
const manyKeys = 'decisions per second on 10,000 keys, 256 callers'
const memoryHit = 'hits per second in memory, one caller'
const storeHit = 'hits per second in the second tier, 256 callers'
const misses = 'misses per second, 64 callers'
const value = { id: 42, name: 'a name of 20 letters', tags: ['a', 'b'], price: 9.5 }

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

interface Redis {
  quit(): Promise<unknown>
}
interface Get {
  get(key: string | { key: string }): Promise<unknown>
}
interface Bento extends Get {
  getOrSet(options: { key: string; factory: () => unknown }): Promise<unknown>
  set(options: { key: string; value: unknown }): Promise<unknown>
  disconnectAll(): Promise<unknown>
}
type BentoStore = { useL1Layer(layer: unknown): BentoStore; useL2Layer(layer: unknown): BentoStore }

async function measurePeers({ load, redisPort }: Peers): Promise<void> {
  const { Redis } = await load<{ Redis: new (port: number) => Redis }>('ioredis')
  const flexible = await load<{
    RateLimiterRedis: new (options: object) => { consume(key: string): Promise<unknown> }
  }>('rate-limiter-flexible')
  const redis = new Redis(redisPort)
  const limiter = new flexible.RateLimiterRedis({
    storeClient: redis,
    points: 1_000_000_000,
    duration: 86_400,
  })
  await measure(hotKey, 'rate-limiter-flexible on Redis', 256, () => limiter.consume('hot'))
  await measure(manyKeys, 'rate-limiter-flexible on Redis', 256, (i) =>
    limiter.consume(`key ${i % 10_000}`),
  )
  await redis.quit()

  const bento = await load<{
    BentoCache: new (options: object) => Bento
    bentostore: () => BentoStore
  }>('bentocache')
  const memory = await load<{ memoryDriver: (options: object) => unknown }>(
    'bentocache/drivers/memory',
  )
  const remote = await load<{ redisDriver: (options: object) => unknown }>(
    'bentocache/drivers/redis',
  )
  const l2 = remote.redisDriver({ connection: { host: '127.0.0.1', port: redisPort } })
  const l1 = memory.memoryDriver({ maxItems: 10_000 })
  const bentoCache = new bento.BentoCache({
    default: 'remote',
    stores: {
      remote: bento.bentostore().useL2Layer(l2),
    },
  })
  const bentoMemory = new bento.BentoCache({
    default: 'memory',
    stores: { memory: bento.bentostore().useL1Layer(l1) },
  })
  await bentoCache.set({ key: 'warm', value })
  await bentoMemory.set({ key: 'warm', value })
  await measure(memoryHit, 'BentoCache', 1, () => bentoMemory.get({ key: 'warm' }))
  await measure(storeHit, 'BentoCache on Redis', 256, () => bentoCache.get({ key: 'warm' }))
  await measure(misses, 'BentoCache on Redis', 64, (i) =>
    bentoCache.getOrSet({ key: `miss ${i}`, factory: () => value }),
  )
  await bentoCache.disconnectAll()
  await bentoMemory.disconnectAll()

  const { Keyv } = await load<{
    Keyv: new (
      store: unknown,
    ) => Get & {
      set(key: string, value: unknown): Promise<unknown>
      disconnect(): Promise<void>
    }
  }>('keyv')
  const keyvRedis = await load<{ default: new (url: string) => unknown }>('@keyv/redis')
  const keyv = new Keyv(new keyvRedis.default(`redis://127.0.0.1:${redisPort}`))
  await keyv.set('warm', value)
  await measure(storeHit, 'Keyv on Redis', 256, () => keyv.get('warm'))
  await keyv.disconnect()
}

const db = await embedded()
await measureOn(db, 'engine')
if (values.cassandra !== undefined) await measureOn(values.cassandra, 'Cassandra 5, one node')
const peers = await openPeers()
if (peers !== undefined) await measurePeers(peers)
const stampedes = await measureStampedes(db, peers)
peers?.close()
await db.close()

const workloads = [...new Set(lines.map(({ workload }) => workload))]
const report = [
  '# Measurements of patterns',
  '',
  `\`npm run bench:patterns\`, Node ${process.version}, ${cpus()[0]?.model.trim()}. Best windows of one run on a shared machine: ratios hold elsewhere,`,
  'absolute numbers do not. The engine runs in the process that is measured; Redis and Cassandra run beside it.',
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
