/** One process of several whose callers miss one key at the same time. */
import { Session } from 'tsylla'
import { Cache } from 'tsylla/patterns'
import { loadFrom } from './peers.ts'

const [kind = '', address = '', folder = ''] = process.argv.slice(2)
const callerCount = 64
const factoryMs = 50

type GetOrSet = (key: string, factory: () => Promise<number>) => Promise<unknown>

async function openTsylla(): Promise<GetOrSet> {
  const session = await Session.connect([address], { keyspace: 'stampede' })
  const cache = new Cache(session, { stampede: kind === 'process' ? 'process' : 'cluster' })
  await cache.get('warm')
  return async (key, factory) => await cache.getOrSet(`${kind} ${key}`, factory)
}

async function openBento(): Promise<GetOrSet> {
  const { BentoCache, bentostore } = await loadFrom<{
    BentoCache: new (
      options: object,
    ) => {
      getOrSet(options: { key: string; factory: () => Promise<number> }): Promise<unknown>
    }
    bentostore: () => { useL2Layer(layer: unknown): unknown }
  }>(folder, 'bentocache')
  const { redisDriver } = await loadFrom<{ redisDriver: (options: object) => unknown }>(
    folder,
    'bentocache/drivers/redis',
  )
  const layer = redisDriver({ connection: { host: '127.0.0.1', port: Number(address) } })
  const cache = new BentoCache({ default: 'a', stores: { a: bentostore().useL2Layer(layer) } })
  return async (key, factory) => await cache.getOrSet({ key, factory })
}

/** Keyv has no getOrSet: its callers get, make and set. */
async function openKeyv(): Promise<GetOrSet> {
  const { Keyv } = await loadFrom<{
    Keyv: new (
      store: unknown,
    ) => { get(key: string): Promise<unknown>; set(key: string, value: unknown): Promise<unknown> }
  }>(folder, 'keyv')
  const keyvRedis = await loadFrom<{ default: new (url: string) => unknown }>(folder, '@keyv/redis')
  const keyv = new Keyv(new keyvRedis.default(`redis://127.0.0.1:${address}`))
  await keyv.get('warm')
  return async (key, factory) => {
    const known = await keyv.get(key)
    if (known !== undefined) return known
    const made = await factory()
    await keyv.set(key, made)
    return made
  }
}

const getOrSet = await (kind === 'bento' ? openBento : kind === 'keyv' ? openKeyv : openTsylla)()
process.on('message', (round: number) => {
  let calls = 0
  const factory = async (): Promise<number> => {
    calls++
    await new Promise((resolve) => setTimeout(resolve, factoryMs))
    return calls
  }
  const callers = Array.from({ length: callerCount }, () => getOrSet(`round ${round}`, factory))
  void Promise.all(callers).then(() => process.send?.(calls))
})
process.send?.(0)
