/** Measures packages on Redis and PostgreSQL. The project does not have their types. */
import type { Peers } from './peers.ts'
import { hotKey, manyKeys, type Measure, memoryHit, misses, storeHit, value } from './workloads.ts'

interface FlexibleLimiter {
  consume(key: string): Promise<unknown>
}
type FlexibleClass = new (options: object, onReady?: (error?: Error) => void) => FlexibleLimiter

interface Bento {
  get(options: { key: string }): Promise<unknown>
  getOrSet(options: { key: string; factory: () => unknown }): Promise<unknown>
  set(options: { key: string; value: unknown }): Promise<unknown>
  disconnectAll(): Promise<unknown>
}
type BentoStore = { useL1Layer(layer: unknown): BentoStore; useL2Layer(layer: unknown): BentoStore }

interface KeyvCache {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  disconnect(): Promise<void>
}

/** As much as is never used up. */
const rule = { points: 1_000_000_000, duration: 86_400 }

export async function measurePeers(peers: Peers, measure: Measure): Promise<void> {
  await measureLimiters(peers, measure)
  await measureBento(peers, measure)
  await measureKeyv(peers, measure)
}

async function measureLimiters(
  { load, redisPort, postgresPort }: Peers,
  measure: Measure,
): Promise<void> {
  const flexible = await load<{
    RateLimiterRedis: FlexibleClass
    RateLimiterPostgres: FlexibleClass
  }>('rate-limiter-flexible')
  const onKeys = async (limiter: FlexibleLimiter, what: string): Promise<void> => {
    await measure(hotKey, what, 256, () => limiter.consume('hot'))
    await measure(manyKeys, what, 256, (i) => limiter.consume(`key ${i % 10_000}`))
  }
  const { Redis } = await load<{ Redis: new (port: number) => { quit(): Promise<unknown> } }>(
    'ioredis',
  )
  const redis = new Redis(redisPort)
  const onRedis = new flexible.RateLimiterRedis({ storeClient: redis, ...rule })
  await onKeys(onRedis, 'rate-limiter-flexible on Redis')
  await redis.quit()
  if (postgresPort === undefined) return

  const { default: pg } = await load<{
    default: { Pool: new (options: object) => { end(): Promise<void> } }
  }>('pg')
  const pool = new pg.Pool({
    ...{ host: '127.0.0.1', port: postgresPort, user: 'bench', database: 'postgres', max: 10 },
  })
  const onPostgres = await new Promise<FlexibleLimiter>((resolve, reject) => {
    const limiter: FlexibleLimiter = new flexible.RateLimiterPostgres(
      { storeClient: pool, tableName: 'limits', ...rule },
      (error) => (error === undefined ? resolve(limiter) : reject(error)),
    )
  })
  await onKeys(onPostgres, 'rate-limiter-flexible on PostgreSQL')
  await pool.end()
}

async function measureBento({ load, redisPort }: Peers, measure: Measure): Promise<void> {
  const { BentoCache, bentostore } = await load<{
    BentoCache: new (options: object) => Bento
    bentostore: () => BentoStore
  }>('bentocache')
  const { memoryDriver } = await load<{ memoryDriver: (options: object) => unknown }>(
    'bentocache/drivers/memory',
  )
  const { redisDriver } = await load<{ redisDriver: (options: object) => unknown }>(
    'bentocache/drivers/redis',
  )
  const open = (store: BentoStore): Bento =>
    new BentoCache({ default: 'only', stores: { only: store } })
  const connection = { host: '127.0.0.1', port: redisPort }
  const remote = open(bentostore().useL2Layer(redisDriver({ connection })))
  const memory = open(bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })))
  await remote.set({ key: 'warm', value })
  await memory.set({ key: 'warm', value })
  await measure(memoryHit, 'BentoCache', 1, () => memory.get({ key: 'warm' }))
  await measure(storeHit, 'BentoCache on Redis', 256, () => remote.get({ key: 'warm' }))
  await measure(misses, 'BentoCache on Redis', 64, (i) =>
    remote.getOrSet({ key: `miss ${i}`, factory: () => value }),
  )
  await remote.disconnectAll()
  await memory.disconnectAll()
}

async function measureKeyv({ load, redisPort }: Peers, measure: Measure): Promise<void> {
  const { Keyv } = await load<{ Keyv: new (store?: unknown) => KeyvCache }>('keyv')
  const keyvRedis = await load<{ default: new (url: string) => unknown }>('@keyv/redis')
  const keyv = new Keyv(new keyvRedis.default(`redis://127.0.0.1:${redisPort}`))
  const memory = new Keyv()
  await keyv.set('warm', value)
  await memory.set('warm', value)
  await measure(memoryHit, 'Keyv', 1, () => memory.get('warm'))
  await measure(storeHit, 'Keyv on Redis', 256, () => keyv.get('warm'))
  await measure(misses, 'Keyv on Redis, get and set', 64, async (i) => {
    if ((await keyv.get(`miss ${i}`)) === undefined) await keyv.set(`miss ${i}`, value)
  })
  await keyv.disconnect()
}
