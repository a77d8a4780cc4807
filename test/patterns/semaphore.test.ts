import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { Semaphore, type SemaphoreEvent, type SemaphoreOptions } from '../../src/patterns.ts'
import { createRandom, sleep, systemClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from './support.ts'

describePattern('Semaphore', (target) => {
  let nameCount = 0
  const newName = (): string => `semaphore ${++nameCount}`

  /** A semaphore of another process: its executor shares nothing in this one. */
  async function open(options: Partial<SemaphoreOptions> = {}): Promise<{
    readonly semaphore: Semaphore
    readonly faulty: FaultyExecutor
  }> {
    const faulty = new FaultyExecutor(target.session)
    const semaphore = new Semaphore(faulty, { limit: 2, ...options })
    await semaphore.createTables()
    return { semaphore, faulty }
  }

  test('as many permits are held as there are, over all processes', async () => {
    const name = newName()
    const [a, b] = [(await open()).semaphore, (await open()).semaphore]
    const [first, second] = [await a.tryAcquire(name), await b.tryAcquire(name)]
    expect([first?.isHeld, second?.isHeld]).toEqual([true, true])
    expect([await a.tryAcquire(name), await b.tryAcquire(name)]).toEqual([undefined, undefined])
    await expect(a.acquire(name, { wait: 0 })).rejects.toMatchObject({
      code: 'TSYLLA_LOCK_HELD',
      lockName: name,
    })
    expect(await a.count(name)).toBe(2)
    expect([await first?.release(), await first?.release()]).toEqual([true, false])
    const third = await b.acquire(name)
    expect([a.stats().held, b.stats().held]).toEqual([0, 2])
    await third.release()
    await second?.release()
    expect(await b.count(name)).toBe(0)
  })

  test('L5: never more holders than the limit, with lost answers', async () => {
    const name = newName()
    const random = createRandom(3)
    let holders = 0
    let most = 0
    let done = 0
    const processes = await Promise.all(Array.from({ length: 3 }, () => open({ limit: 3 })))
    for (const { faulty } of processes) {
      faulty.onRequest = (text) => {
        if (!text.startsWith('SELECT') && random() < 0.2) faulty.writeFaults.push('lost')
      }
    }
    await Promise.all(
      processes.flatMap(({ semaphore }) =>
        Array.from({ length: 6 }, async () => {
          await semaphore.run(name, { wait: '20s' }, async () => {
            most = Math.max(most, ++holders)
            await sleep(systemClock, 1)
            holders--
            done++
          })
        }),
      ),
    )
    expect([done, holders]).toEqual([18, 0])
    expect(most).toBeLessThanOrEqual(3)
  })

  test('L5: the permits of a process that died are free after their time, not before', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const dead = await open({ limit: 1, ttl: '10s', clock })
    const permit = (await dead.semaphore.tryAcquire(name))!
    dead.faulty.writeFaults.push(...Array.from({ length: 1_000 }, () => new Error('no network')))
    const { semaphore } = await open({ limit: 1, ttl: '10s', clock })
    clock.advance(9_400)
    expect([permit.isHeld, await semaphore.tryAcquire(name)]).toEqual([true, undefined])
    clock.advance(200)
    expect(permit.isHeld).toBe(false)
    expect(permit.signal.reason).toMatchObject({ code: 'TSYLLA_LOCK_LOST' })
    expect(await semaphore.tryAcquire(name)).toBeUndefined()
    clock.advance(1_000)
    expect((await semaphore.tryAcquire(name))?.isHeld).toBe(true)
  })

  test('an acquisition whose answer takes longer than the permit lasts returns none', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const { semaphore, faulty } = await open({ limit: 1, ttl: '3s', clock })
    faulty.onRequest = () => clock.advance(2_600)
    expect(await semaphore.tryAcquire(name)).toBeUndefined()
    faulty.onRequest = () => {}
    expect(semaphore.stats().held).toBe(0)
    // What was acquired too late is free.
    await expect.poll(async () => await semaphore.count(name)).toBe(0)
  })

  test('permits that are acquired, released and lost are published to tsylla:semaphore', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const { semaphore, faulty } = await open({ limit: 1, ttl: '3s', clock })
    const seen: SemaphoreEvent[] = []
    const listener = (event: unknown): void => void seen.push(event as SemaphoreEvent)
    subscribe('tsylla:semaphore', listener)
    await (await semaphore.acquire(name)).release()
    const second = await semaphore.acquire(name)
    faulty.writeFaults.push(...Array.from({ length: 1_000 }, () => new Error('no network')))
    clock.advance(3_000)
    unsubscribe('tsylla:semaphore', listener)
    expect(second.isHeld).toBe(false)
    expect(semaphore.stats()).toMatchObject({ held: 0, lost: 1 })
    expect(seen.map(({ type }) => type)).toEqual(['acquired', 'released', 'acquired', 'lost'])
    expect(seen.every((event) => event.name === name)).toBe(true)
  })

  test('K4: an acquisition that arrives after its caller has failed holds nothing', async () => {
    const name = newName()
    const { semaphore, faulty } = await open({ limit: 1 })
    faulty.writeFaults.push('late', new Error('no network'))
    await expect(semaphore.tryAcquire(name)).rejects.toMatchObject({ outcome: 'unknown' })
    // What was given up is on its way; the next request comes after it.
    expect(await semaphore.count(name)).toBe(0)
    await faulty.deliver()
    expect(await semaphore.count(name)).toBe(0)
  })

  test('run waits by default, as that of a lock does, and releases when its work has ended', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const { semaphore, faulty } = await open({ limit: 1, clock })
    const [first] = [await semaphore.acquire(name)]
    const second = new Semaphore(faulty, { limit: 1, clock })
    const running = second.run(name, async (permit) => (await permit.extend(), permit.isHeld))
    await expect.poll(() => faulty.isIdle && clock.pendingCount).toBe(3)
    await first.release()
    expect(await running).toBe(true)
    expect([first.isHeld, await semaphore.count(name)]).toEqual([false, 0])
    await expect(second.run(name, undefined as never)).rejects.toThrow(/needs a function/)
  })

  test('a permit is extended while it is held', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const { semaphore, faulty } = await open({ limit: 1, ttl: '3s', clock })
    const permit = (await semaphore.tryAcquire(name))!
    for (let second = 0; second < 10; second++) {
      const before = faulty.conditionalWriteCount
      clock.advance(1_000)
      await expect.poll(() => faulty.conditionalWriteCount).toBeGreaterThan(before)
      // The answer of the extension is processed before time goes on.
      expect(await semaphore.count(name)).toBe(1)
    }
    expect(permit.isHeld).toBe(true)
    await permit.release()
  })

  test('a permit that ends while its extension is under way is free at once', async () => {
    const name = newName()
    const clock = new VirtualClock(Date.now())
    const { semaphore, faulty } = await open({ limit: 1, ttl: '30s', timeout: '1m', clock })
    const permit = (await semaphore.tryAcquire(name))!
    faulty.onRequest = () => {
      faulty.onRequest = () => {}
      clock.advance(20_000)
    }
    clock.advance(10_000)
    await expect.poll(() => permit.isHeld).toBe(false)
    const other = (await open({ limit: 1, ttl: '30s', clock })).semaphore
    await expect.poll(async () => (await other.tryAcquire(name)) !== undefined).toBe(true)
  })

  test.each([
    [{ limit: 1_001 }, /limit must be an integer from 1 to 1000/],
    [{ limit: 0 }, /limit must be an integer from 1/],
    [{ limit: 1, ttl: '500ms' }, /more than twice clockError/],
    [{ limit: 1, permits: 5 }, /no option "permits"/],
    [{}, /limit must be an integer/],
  ])('a wrong option is refused: %j', (options, message) => {
    expect(() => new Semaphore(target.session, options as SemaphoreOptions)).toThrow(message)
  })
})
