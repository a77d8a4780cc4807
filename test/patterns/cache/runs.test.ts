import { beforeAll, expect, test } from 'vitest'
import { Cache, type CacheOptions, type FactoryContext } from '../../../src/patterns.ts'
import { createDeferred } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'
import { openCache } from './support.ts'

/** A factory that says when it is called, and returns what it is told to. */
function gate<T>(): {
  readonly started: Promise<FactoryContext>
  readonly release: (value: T) => void
  readonly fail: (error: unknown) => void
  readonly factory: (context: FactoryContext) => Promise<T>
} {
  const started = createDeferred<FactoryContext>()
  const result = createDeferred<T>()
  return {
    started: started.promise,
    release: (value) => result.resolve(value),
    fail: (error) => result.reject(error),
    factory: (context) => {
      started.resolve(context)
      return result.promise
    },
  }
}

describePattern('Cache: running factories', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  const open = (options?: CacheOptions): Cache => openCache(target, options)

  test.each(['process', 'cluster'] as const)(
    '%s: a forced refresh waits for its factory, and does not hide that it fails',
    async (stampede) => {
      const cache = open({ stampede })
      const key = `forced ${stampede}`
      await cache.set(key, 'old')
      const refresh = { forceRefresh: true, timeout: '5s' } as const
      expect(await cache.getOrSet(key, async () => 'new', { forceRefresh: true })).toBe('new')
      expect(await cache.getOrSet(key, async () => 'newer', refresh)).toBe('newer')
      expect(await cache.get(key)).toBe('newer')
      const failing = async (): Promise<never> => {
        throw new Error('no source')
      }
      for (const options of [refresh, { forceRefresh: true }]) {
        await expect(cache.getOrSet(key, failing, options)).rejects.toThrow('no source')
      }
    },
  )

  test('a value in its grace stands in for the factory of a forced refresh that fails', async () => {
    const clock = new VirtualClock(Date.now())
    const cache = open({ clock, ttl: '1m', grace: '1h' })
    await cache.set('forced grace', 'old')
    clock.advance(60_000)
    const force = { forceRefresh: true }
    const failing = (): never => {
      throw new Error('no source')
    }
    expect(await cache.getOrSet('forced grace', failing, force)).toBe('old')
    expect(await cache.getOrSet('forced grace', () => 'new', force)).toBe('new')
  })

  test.each(['process', 'cluster'] as const)(
    '%s: a forced refresh joins no factory that began before it',
    async (stampede) => {
      const cache = open({ stampede })
      const key = `forced join ${stampede}`
      const slow = gate<string>()
      const before = cache.getOrSet(key, slow.factory)
      const joined = cache.getOrSet(key, () => 'not called')
      const { signal } = await slow.started
      expect(await cache.getOrSet(key, () => 'new', { forceRefresh: true })).toBe('new')
      expect(signal.aborted).toBe(true)
      slow.release('old')
      expect(await before).toBe('old')
      expect(await joined).toBe('old')
      expect(await cache.get(key)).toBe('new')
    },
  )

  test('a forced refresh does not take what another process began before it', async () => {
    const [a, b] = [open(), open()]
    const slow = gate<string>()
    const before = a.getOrSet('forced other', slow.factory)
    await slow.started
    const refreshed = b.getOrSet('forced other', () => 'new', { forceRefresh: true })
    slow.release('old')
    expect(await before).toBe('old')
    expect(await refreshed).toBe('new')
    expect(await a.get('forced other')).toBe('new')
  })

  test('forced refreshes of the same moment share one call of the factory', async () => {
    const cache = open()
    let calls = 0
    const factory = async (): Promise<number> => ++calls
    const all = [1, 2, 3].map(() => cache.getOrSet('forced many', factory, { forceRefresh: true }))
    expect(await Promise.all(all)).toEqual([1, 1, 1])
  })

  test('an invalidation ends the running factories that it concerns, and no others', async () => {
    const cache = open()
    const [a, b] = [cache.namespace('a'), cache.namespace('b')]
    const gates = [gate<string>(), gate<string>(), gate<string>()] as const
    const runs = [
      a.getOrSet('k', gates[0].factory),
      b.getOrSet('k', gates[1].factory),
      a.getOrSet('tagged', gates[2].factory, { tags: ['t'] }),
    ]
    const contexts = await Promise.all(gates.map(({ started }) => started))
    await b.clear()
    await cache.invalidateTags(['t', 'unrelated'])
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([false, true, true])
    for (const { release } of gates) release('made')
    expect(await Promise.all(runs)).toEqual(['made', 'made', 'made'])
    expect(await a.get('k')).toBe('made')
    expect(await b.lookup('k')).toEqual({ hit: false })
    expect(await a.lookup('tagged')).toEqual({ hit: false })
  })

  test('unrelated invalidations do not disturb the callers of a factory', async () => {
    const cache = open()
    let calls = 0
    const callers = Array.from({ length: 40 }, () =>
      cache.getOrSet('undisturbed', async () => {
        for (let i = 0; i < 30; i++) await cache.invalidateTags(['unrelated'])
        return ++calls
      }),
    )
    expect(new Set(await Promise.all(callers))).toEqual(new Set([1]))
    expect(await cache.get('undisturbed')).toBe(1)
  })

  test.each(['delete', 'invalidateTags'] as const)(
    '%s: callers that came before it have the value of the factory they wait for',
    async (method) => {
      const cache = open()
      const key = `before ${method}`
      for (let round = 0; round < 25; round++) {
        const slow = gate<number>()
        const options = { tags: [key] }
        const callers = [1, 2, 3].map(() => cache.getOrSet(key, slow.factory, options))
        await slow.started
        await (method === 'delete' ? cache.delete(key) : cache.invalidateTags([key]))
        const late = cache.getOrSet(key, () => -1, options)
        slow.release(round)
        expect(await Promise.all(callers)).toEqual([round, round, round])
        expect(await late).toBe(-1)
        await cache.delete(key)
      }
    },
  )

  test('callers do not give up because their key is deleted often', async () => {
    const [cache, other] = [open(), open()]
    const gates: ReturnType<typeof gate<number>>[] = []
    const factory = (context: FactoryContext): Promise<number> => {
      gates.push(gate<number>())
      return gates.at(-1)!.factory(context)
    }
    const callers = Array.from({ length: 25 }, () => cache.getOrSet('often', factory))
    for (let round = 0; round < callers.length; round++) {
      await expect.poll(() => gates.length, { interval: 2 }).toBe(round + 1)
      // One caller has its value, the others join the factory of the next one.
      await other.delete('often')
      gates[round]!.release(round)
    }
    const values = await Promise.all(callers)
    expect(values.toSorted((a, b) => a - b)).toEqual(callers.map((_, i) => i))
  })

  test('a caller that joined a factory that became late makes the value', async () => {
    const clock = new VirtualClock(Date.now())
    const executor = new FaultyExecutor(target.session)
    const cache = new Cache(executor, { clock })
    const slow = gate<string>()
    const first = cache.getOrSet('late', slow.factory, { hardTimeout: '1s' })
    await slow.started
    const failure = expect(first).rejects.toMatchObject({ code: 'TSYLLA_FACTORY_TIMEOUT' })
    let made: string | undefined
    void cache.getOrSet('late', () => 'made', { hardTimeout: '1h' }).then((value) => (made = value))
    await expect.poll(() => cache.stats().misses).toBe(2)
    clock.advance(1_000)
    await failure
    await expect
      .poll(() => (executor.isIdle && clock.advance(20), made), { interval: 5 })
      .toBe('made')
  })

  test.each(['process', 'cluster'] as const)(
    '%s: the signal of a factory aborts when its key is deleted; a call that it ends begins again',
    async (stampede) => {
      const cache = open({ stampede })
      const key = `signal ${stampede}`
      let calls = 0
      const started = createDeferred<AbortSignal>()
      const factory = ({ signal }: FactoryContext): Promise<number> | number => {
        if (++calls > 1) return calls
        started.resolve(signal)
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      }
      const running = cache.getOrSet(key, factory)
      const signal = await started.promise
      const deleting = cache.delete(key)
      await expect.poll(() => signal.aborted).toBe(true)
      await deleting
      expect(await running).toBe(2)
      expect(await cache.get(key)).toBe(2)
    },
  )

  test('what replaces nothing leaves a running factory alone', async () => {
    const cache = open()
    const slow = gate<string>()
    const running = cache.getOrSet('left alone', slow.factory)
    await slow.started
    const results = [cache.expire('left alone', '10m'), cache.setIfAbsent('left alone', 'set')]
    slow.release('made')
    expect(await running).toBe('made')
    // Both find what the factory made.
    expect(await Promise.all(results)).toEqual([true, false])
    expect(await cache.get('left alone')).toBe('made')

    const process = open({ stampede: 'process' })
    const next = gate<string>()
    const making = process.getOrSet('no entry', next.factory)
    const { signal } = await next.started
    expect(await process.expire('no entry', '10m')).toBe(false)
    expect(signal.aborted).toBe(false)
    next.release('made')
    await making
    expect(await process.get('no entry')).toBe('made')
  })

  test('a factory that would wait for its own key is refused at once', async () => {
    const cache = open()
    for (const wait of [
      () => cache.setIfAbsent('own', 1),
      () => cache.compareAndSet('own', 1, 2),
      () => cache.expire('own', '1m'),
    ]) {
      await expect(cache.getOrSet('own', wait)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: expect.stringContaining('own key'),
      })
    }
  })
})
