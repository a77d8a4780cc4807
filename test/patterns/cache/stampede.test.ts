import { beforeAll, expect, test } from 'vitest'
import { ConnectionError, NoNodeAvailableError, wrapExecutor } from '../../../src/index.ts'
import { Cache, type CacheOptions } from '../../../src/patterns.ts'
import { createDeferred, createRandom, sleep, systemClock } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('Cache over processes', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  /** A cache of another process: its executor shares nothing in this one. */
  function open(options: CacheOptions = {}): Cache {
    return new Cache(new FaultyExecutor(target.session), options)
  }

  test('C1: the factory is called once for all callers of all processes', async () => {
    for (let round = 0; round < 5; round++) {
      const caches = Array.from({ length: 4 }, () => open())
      let calls = 0
      const values = await Promise.all(
        caches.flatMap((cache) =>
          Array.from({ length: 16 }, () =>
            cache.getOrSet(`once ${round}`, async () => {
              await sleep(systemClock, 5)
              return { call: ++calls }
            }),
          ),
        ),
      )
      expect(calls).toBe(1)
      expect(values).toEqual(values.map(() => ({ call: 1 })))
      expect(new Set(values).size).toBe(values.length)
    }
  })

  test('C1: after a process that crashed, another makes the value when its lease is over', async () => {
    const clock = new VirtualClock(Date.now())
    const never = createDeferred<string>()
    const started = createDeferred<void>()
    const crashing = new FaultyExecutor(target.session)
    void new Cache(crashing, { clock: new VirtualClock(Date.now()) })
      .getOrSet('crash', () => {
        started.resolve()
        return never.promise
      })
      .catch(() => {})
    await started.promise
    let calls = 0
    let value: string | undefined
    const faulty = new FaultyExecutor(target.session)
    const waiting = new Cache(faulty, { clock }).getOrSet('crash', () => `made ${++calls}`)
    void waiting.then((made) => (value = made))
    await expect
      .poll(() => (faulty.isIdle && clock.advance(50), value), { interval: 1, timeout: 20_000 })
      .toBe('made 1')
  })

  test('C1: a factory that fails leaves the right to the next process at once', async () => {
    const [a, b] = [open(), open()]
    const started = createDeferred<void>()
    const failing = a.getOrSet('fails', async () => {
      started.resolve()
      await sleep(systemClock, 20)
      throw new Error('no source')
    })
    const both = await Promise.allSettled([
      failing,
      started.promise.then(() => b.getOrSet('fails', () => 'made')),
    ])
    expect(both).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 'made' }])
  })

  test('C1: once also when answers about the lease are lost', async () => {
    const faulty = new FaultyExecutor(target.session)
    const [a, b] = [new Cache(faulty, { hardTimeout: '20s' }), open()]
    await a.get('warm')
    let lostCount = 0
    faulty.onRequest = (text) => {
      if (/cache_leases.* IF /.test(text) && lostCount++ < 4) faulty.writeFaults.push('lost')
    }
    let calls = 0
    const factory = (): string => `made ${++calls}`
    const values = await Promise.all([a.getOrSet('lost', factory), b.getOrSet('lost', factory)])
    expect([calls, values]).toEqual([1, ['made 1', 'made 1']])
    expect(lostCount).toBeGreaterThan(0)
  })

  test('C1: a lease whose answer took most of its time lasts while the factory runs', async () => {
    const clock = new VirtualClock(Date.now())
    const [faulty, other] = [1, 2].map(() => new FaultyExecutor(target.session)) as [
      FaultyExecutor,
      FaultyExecutor,
    ]
    faulty.clock = clock
    let silentCount = 0
    faulty.onRequest = (text) => {
      if (/cache_leases.* IF /.test(text) && silentCount++ === 0) faulty.writeFaults.push('silent')
    }
    const options = { clock, leaseTtl: '3s' } as const
    const [a, b] = [new Cache(faulty, options), new Cache(other, options)]
    const advanceUntil = async (isDone: () => boolean): Promise<void> => {
      for (; !isDone(); await sleep(systemClock, 4)) {
        if (faulty.isIdle && other.isIdle) clock.advance(20)
      }
    }
    let [startedMs, isOver] = [0, false]
    const release = createDeferred<string>()
    const slow = a.getOrSet('late lease', () => {
      startedMs = clock.monotonicMs()
      return release.promise
    })
    await advanceUntil(() => startedMs > 0)
    // The lease is over by its first time, but not by the one from which it was asked for again.
    await advanceUntil(() => clock.monotonicMs() > startedMs + 1_500)
    const waiting = b.getOrSet('late lease', () => 'made by b').finally(() => (isOver = true))
    await advanceUntil(() => clock.monotonicMs() > startedMs + 2_500)
    release.resolve('made by a')
    await advanceUntil(() => isOver)
    expect(await Promise.all([slow, waiting])).toEqual(['made by a', 'made by a'])
  })

  test('C1: a database that is gone for a while fails no caller that may wait', async () => {
    const faulty = new FaultyExecutor(target.session)
    const cache = new Cache(faulty, { hardTimeout: '20s' })
    await cache.get('warm')
    let failures = 0
    faulty.onRequest = (text) => {
      if (/cache_leases.* IF /.test(text) && failures++ < 3) {
        faulty.writeFaults.push(
          new NoNodeAvailableError(
            new Map([['a', new ConnectionError('a', 'refused', 'not_applied')]]),
          ),
        )
      }
    }
    expect(await cache.getOrSet('gone', () => 'made')).toBe('made')
    expect(failures).toBeGreaterThan(3)
  })

  test('reads and writes are at a quorum, whatever the level of the session', async () => {
    const session = await target.open((builder) => builder.consistency('ONE'))
    const counting = new FaultyExecutor(session)
    const cache = new Cache(counting)
    await cache.set('level', 1)
    await cache.get('level')
    await cache.delete('level')
    const levels = counting.requests
      .filter(({ text }) => !text.includes('cache_leases'))
      .map(({ options }) => options.consistency)
    expect(new Set(levels)).toEqual(new Set(['LOCAL_QUORUM']))
  })

  test('C2: what a factory makes that began before a deletion is never found after it', async () => {
    const [a, b, c] = [open(), open(), open()]
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const slow = a.getOrSet('deleted', () => {
      started.resolve()
      return release.promise
    })
    await started.promise
    await b.delete('deleted')
    // A caller of the process whose factory is running must not receive its value either.
    const late = a.getOrSet('deleted', () => 'new')
    release.resolve('old')
    expect(await slow).toBe('old')
    expect(await late).toBe('new')
    expect(await c.get('deleted')).toBe('new')
  })

  test('C1: a lease that arrives after its caller has failed keeps no other process waiting', async () => {
    const faulty = new FaultyExecutor(target.session)
    const a = new Cache(faulty)
    for (const hasRow of [false, true]) {
      const key = `abandoned ${hasRow}`
      if (hasRow) await open().getOrSet(key, () => 'before')
      await open().delete(key)
      const before = faulty.conditionalWriteCount
      // The acquisition is kept back, and the network fails before anything can be asked again.
      faulty.onRequest = (text) => {
        if (!text.includes(' cache_leases ') || text.startsWith('SELECT')) return
        faulty.onRequest = () => {}
        faulty.writeFaults.push('late')
        faulty.readFaults.push(new Error('no network'))
      }
      await expect(a.getOrSet(key, () => 'never', { hardTimeout: 1 })).rejects.toThrow()
      await expect
        .poll(() => (faulty.isIdle ? faulty.conditionalWriteCount : 0))
        .toBeGreaterThan(before + 1)
      await faulty.deliver()
      expect(await open().getOrSet(key, () => 'made', { hardTimeout: '1s' })).toBe('made')
    }
  })

  test('C2: a late write of a factory loses against the deletion that overtook it', async () => {
    const faulty = new FaultyExecutor(target.session)
    const [a, b] = [new Cache(faulty), open()]
    faulty.onRequest = (text) => {
      if (text.startsWith('INSERT INTO cache ')) faulty.writeFaults.push('late')
    }
    await a.getOrSet('late', () => 'old').catch(() => {})
    await b.delete('late')
    await faulty.deliver()
    expect(await b.lookup('late')).toEqual({ hit: false })
    expect(await b.getOrSet('late', () => 'new')).toBe('new')
  })

  test('C2: random readers, factories and deletions never show a value of before', async () => {
    const random = createRandom(11)
    const caches = Array.from({ length: 3 }, () => open())
    let version = 0
    let deleted = 0
    const wrong: string[] = []
    const reader = async (cache: Cache): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const floor = deleted
        const found = await cache.getOrSet('model', async () => {
          const began = version
          if (random() < 0.5) await sleep(systemClock, Math.floor(random() * 4))
          return began
        })
        if (found < floor) wrong.push(`${found} after the deletion of ${floor}`)
      }
    }
    const writer = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const next = ++version
        await caches[i % 3]!.delete('model')
        deleted = next
        await sleep(systemClock, Math.floor(random() * 4))
      }
    }
    await Promise.all([writer(), ...caches.map(reader), ...caches.map(reader)])
    expect(wrong).toEqual([])
  })

  test('a value that was set by a clock that is ahead does not hide what is made after its deletion', async () => {
    const ahead = open({ clock: new VirtualClock(Date.now() + 3_600_000) })
    const cache = open()
    await ahead.set('ahead', 'old')
    await cache.delete('ahead')
    expect(await cache.lookup('ahead')).toEqual({ hit: false })
    expect(await cache.getOrSet('ahead', () => 'new')).toBe('new')
    expect(await cache.get('ahead')).toBe('new')
  })

  test('C2: a life that is changed while its key is deleted does not bring it back', async () => {
    const reading = new FaultyExecutor(target.session)
    const [cache, other] = [new Cache(reading), open()]
    await cache.set('expiring', 'old')
    await cache.get('expiring')
    // The deletion comes between the read of the value and its write.
    let deleting: Promise<void> | undefined
    reading.onRequest = (text) => {
      if (text.startsWith('INSERT INTO cache ')) deleting ??= other.delete('expiring')
    }
    await cache.expire('expiring', '1h').catch(() => {})
    await deleting
    expect(await other.lookup('expiring')).toEqual({ hit: false })
  })

  test('C2: what is being deleted cannot be replaced by what depends on it', async () => {
    for (const method of ['expire', 'compareAndSet'] as const) {
      const [key, other] = [`deleting ${method}`, open()]
      await other.set(key, 'old')
      let isReplaced: boolean | undefined
      // The right was taken, and the value is not deleted yet.
      const slow = wrapExecutor(
        target.session,
        async (call, run) => {
          const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
          if (text.startsWith('DELETE FROM cache ')) {
            isReplaced =
              method === 'expire'
                ? await other.expire(key, '1h')
                : await other.compareAndSet(key, 'old', 'new')
          }
          return await run(call)
        },
        { isolated: true },
      )
      await new Cache(slow).delete(key)
      expect(isReplaced).toBe(false)
      expect(await other.lookup(key)).toEqual({ hit: false })
    }
  })

  test('C4: bytes that cannot be read are no value to who waits for one', async () => {
    const [a, b] = [open(), open()]
    const garble = async (): Promise<void> => {
      const insert = 'INSERT INTO cache (key, value) VALUES (?, ?) USING TIMESTAMP ?'
      const stamp = BigInt(Date.now() + 60_000) * 1_000n
      await target.session.execute(insert, ['garbled', Buffer.from([2, 1]), stamp])
    }
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const slow = a.getOrSet('garbled', () => {
      started.resolve()
      return release.promise
    })
    await started.promise
    const waiting = b.getOrSet('garbled', () => 'made by b')
    await garble()
    release.resolve('made by a')
    expect(await slow).toBe('made by a')
    expect(await waiting).toBe('made by b')
    expect(await a.get('garbled')).toBe('made by b')
    await b.delete('garbled')
    await garble()
    expect(await a.setIfAbsent('garbled', 'set')).toBe(true)
    expect(await b.get('garbled')).toBe('set')
  })

  test('setIfAbsent: one of many processes stores, and the others learn it', async () => {
    const stored = await Promise.all(
      Array.from({ length: 8 }, (_, i) => open().setIfAbsent('absent', i)),
    )
    expect(stored.filter(Boolean)).toHaveLength(1)
    expect(await open().get('absent')).toBe(stored.indexOf(true))
  })

  test('setIfAbsent: a process whose turn was taken does not claim to have stored', async () => {
    const next = open({ clock: new VirtualClock(Date.now() + 60_000) })
    let writes = 0
    const slow = wrapExecutor(
      target.session,
      async (call, run) => {
        const isWrite =
          call.verb === 'executePrepared' &&
          call.prepared.getStatement().startsWith('INSERT INTO cache ')
        // The turn of the other process comes while this one stands still.
        if (isWrite && writes++ === 0) expect(await next.setIfAbsent('turn', 'next')).toBe(true)
        return await run(call)
      },
      { isolated: true },
    )
    await expect(new Cache(slow).setIfAbsent('turn', 'slow')).rejects.toMatchObject({
      // It may be stored, for a moment.
      ...{ code: 'TSYLLA_LOCK_LOST', outcome: 'unknown' },
    })
    expect(await open().get('turn')).toBe('next')
  })

  test('compareAndSet: concurrent increments lose nothing', async () => {
    await open().set('counter', 0)
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const cache = open()
        for (let i = 0; i < 5; i++) {
          for (;;) {
            const before = await cache.get<number>('counter')
            if (await cache.compareAndSet('counter', before, before! + 1)) break
          }
        }
      }),
    )
    expect(await open().get('counter')).toBe(20)
    expect(await open().compareAndSet('counter', 19, 0)).toBe(false)
    expect(await open().compareAndSet('nothing', undefined, 0)).toBe(false)
  })

  test('process: no conditional write is sent, and each process calls its factory', async () => {
    const executors = [1, 2].map(() => new FaultyExecutor(target.session))
    let calls = 0
    for (const executor of executors) {
      const cache = new Cache(executor, { stampede: 'process' })
      await cache.getOrSet('no lease', async () => ++calls)
      await cache.delete('no lease')
      expect(executor.conditionalWriteCount).toBe(0)
      await expect(cache.setIfAbsent('no lease', 1)).rejects.toThrow(/needs stampede: 'cluster'/)
    }
    expect(calls).toBe(2)
  })
})
