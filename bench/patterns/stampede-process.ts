/** One process of several whose callers miss one key at the same time. */
import { Session } from 'tsylla'
import { Cache } from 'tsylla/patterns'
import { loadFrom } from './peers.ts'

const [kind = '', address = '', folder = ''] = process.argv.slice(2)
const callerCount = 64
const factoryMs = 50

async function open(): Promise<(key: string, factory: () => Promise<number>) => Promise<unknown>> {
  if (kind !== 'bento') {
    const session = await Session.connect([address], { keyspace: 'stampede' })
    const stampede = kind === 'process' ? 'process' : 'cluster'
    const cache = new Cache(session, { stampede })
    await cache.get('warm')
    return async (key, factory) => await cache.getOrSet(`${kind} ${key}`, factory)
  }
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

const getOrSet = await open()
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
