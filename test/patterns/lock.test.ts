import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Batch, Statement } from '../../src/index.ts'
import { type AcquireOptions, Lock, type LockEvent, type LockOptions } from '../../src/patterns.ts'
import { type Clock, systemClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from './support.ts'
import { collectReports, collectUnhandledRejections } from '../support/warnings.ts'

/** Dates go on while the machine is suspended; the monotonic clock stands still. */
class SuspendedClock extends VirtualClock {
  #suspendedMs = 0

  suspend(ms: number): void {
    this.#suspendedMs += ms
  }

  override nowMs(): number {
    return super.nowMs() + this.#suspendedMs
  }
}

describePattern('Lock', (target) => {
  let nameCount = 0
  const newName = (): string => `lock ${++nameCount}`

  async function open(options: LockOptions = {}): Promise<Lock> {
    const lock = new Lock(target.session, options)
    await lock.createTables()
    return lock
  }

  /** Two processes: their executors share nothing in this one. */
  async function openTwo<C extends Clock = VirtualClock>(
    clock: C = new VirtualClock() as Clock as C,
  ): Promise<{
    readonly clock: C
    readonly faulty: FaultyExecutor
    readonly a: Lock
    readonly b: Lock
  }> {
    const faulty = new FaultyExecutor(target.session)
    const a = new Lock(faulty, { clock })
    await a.createTables()
    const b = new Lock(new FaultyExecutor(target.session), { clock })
    return { clock, faulty, a, b }
  }

  test('one holder at a time, and the fence of the next is greater', async () => {
    const { a, b } = await openTwo()
    const name = newName()
    const first = await a.tryAcquire(name)
    expect(first?.isHeld).toBe(true)
    expect(await b.tryAcquire(name)).toBeUndefined()
    await first?.release()
    expect(first?.isHeld).toBe(false)
    const second = await b.tryAcquire(name)
    expect(second!.fence).toBeGreaterThan(first!.fence)
    await second?.release()
    expect(a.stats()).toMatchObject({ held: 0, lost: 0 })
  })

  test('a lease that is not extended ends before another may have it', async () => {
    const { clock, faulty, a, b } = await openTwo()
    const name = newName()
    const lease = await a.tryAcquire(name, { ttl: '10s' })
    faulty.writeFaults.push(...Array.from({ length: 1_000 }, () => new Error('no network')))
    clock.advance(9_400)
    expect(lease?.isHeld).toBe(true)
    expect(await b.tryAcquire(name)).toBeUndefined()
    clock.advance(200)
    expect(lease?.isHeld).toBe(false)
    expect(lease?.signal.reason).toMatchObject({ code: 'TSYLLA_LOCK_LOST', lockName: name })
    expect(await b.tryAcquire(name)).toBeUndefined()
    clock.advance(1_000)
    const next = await b.tryAcquire(name)
    expect(next!.fence).toBeGreaterThan(lease!.fence)
    await expect(lease!.extend()).rejects.toMatchObject({ code: 'TSYLLA_LOCK_LOST' })
    expect(a.stats()).toMatchObject({ held: 0, lost: 1 })
    await next?.release()
  })

  test('fences grow although the clock of a holder is years behind', async () => {
    const name = newName()
    const ahead = new Lock(new FaultyExecutor(target.session), { clock: new VirtualClock(2e12) })
    await ahead.createTables()
    const first = await ahead.tryAcquire(name)
    await first?.release()
    const behind = new Lock(new FaultyExecutor(target.session), { clock: new VirtualClock(1e12) })
    const second = await behind.tryAcquire(name)
    expect(second!.fence).toBeGreaterThan(first!.fence)
    await second?.release()
  })

  test('callers of one process get the lock in the order in which they came', async () => {
    const lock = await open()
    const name = newName()
    const order: number[] = []
    let inside = 0
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        lock.run(name, async () => {
          expect(++inside).toBe(1)
          await Promise.resolve()
          order.push(i)
          inside--
        }),
      ),
    )
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('run returns what the work returns, releases after a failure, and waits no longer than it may', async () => {
    const lock = await open()
    const other = new Lock(new FaultyExecutor(target.session))
    const name = newName()
    expect(await lock.run(name, () => 5)).toBe(5)
    await expect(
      lock.run(name, () => {
        throw new Error('work')
      }),
    ).rejects.toThrow('work')
    await lock.run(name, { note: 'import' }, async (lease) => {
      expect(lease.isHeld).toBe(true)
      await expect(other.run(name, { wait: 0 }, () => {})).rejects.toMatchObject({
        code: 'TSYLLA_LOCK_HELD',
        lockName: name,
        until: expect.any(Date),
      })
      const signal = AbortSignal.abort('enough')
      await expect(other.acquire(name, { signal })).rejects.toMatchObject({
        code: 'TSYLLA_ABORTED',
        cause: 'enough',
      })
    })
  })

  test('run reports a lease that ended before the work did', async () => {
    const { clock, faulty, a } = await openTwo()
    await expect(
      a.run(newName(), (lease) => {
        faulty.writeFaults.push(...Array.from({ length: 1_000 }, () => new Error('no network')))
        clock.advance(10_000)
        expect(lease.signal.aborted).toBe(true)
      }),
    ).rejects.toMatchObject({ code: 'TSYLLA_LOCK_LOST' })
  })

  test.each(['lost', 'late'] as const)(
    'an acquisition whose answer is lost is held all the same: %s',
    async (fault) => {
      const { faulty, a, b } = await openTwo(systemClock)
      const name = newName()
      faulty.writeFaults.push(fault)
      const lease = await a.tryAcquire(name)
      expect(await b.tryAcquire(name)).toBeUndefined()
      await faulty.deliver()
      await lease?.release()
      expect(await b.tryAcquire(name)).toBeDefined()
    },
  )

  test('a late plain write of a deposed holder never overrides that of a later one', async () => {
    const { a, b } = await openTwo()
    const { session } = target
    await session.execute('CREATE TABLE IF NOT EXISTS fenced (k text PRIMARY KEY, v int)')
    const name = newName()
    const insert = 'INSERT INTO fenced (k, v) VALUES (?, ?)'
    const first = (await a.tryAcquire(name))!
    // The write is on its way, and time is years ahead on the machine that sends it.
    const late = first.fenced
    await late.execute(insert, ['x', 1])
    await late.execute(insert, ['x', 2])
    const timestamps = await session.execute<{ t: bigint | number | string }>(
      'SELECT writetime(v) AS t FROM fenced WHERE k = ?',
      ['x'],
    )
    expect(BigInt(timestamps.singleRow().t)).toBe(first.fence + 1n)
    await first.release()
    const second = (await b.tryAcquire(name))!
    await second.fenced.execute(insert, ['x', 3])
    await session.execute('INSERT INTO fenced (k, v) VALUES (?, ?) USING TIMESTAMP ?', [
      'x',
      4,
      first.fence + 9_999n,
    ])
    const read = async (): Promise<number> =>
      (await session.execute<{ v: number }>('SELECT v FROM fenced')).singleRow().v
    expect(await read()).toBe(3)
    await expect(late.execute(insert, ['x', 5])).rejects.toMatchObject({ code: 'TSYLLA_LOCK_LOST' })
    expect(await read()).toBe(3)
    await second.release()
  })

  test('a holder that writes more than its fence has room for gets a higher one', async () => {
    const { a } = await openTwo()
    const lease = (await a.tryAcquire(newName()))!
    const { fence, fenced } = lease
    const select = "SELECT key FROM system.local WHERE key = 'x'"
    for (let i = 0; i <= 10_000; i += 100) {
      await Promise.all(Array.from({ length: 101 }, () => fenced.execute(select)))
    }
    expect(lease.fence).toBeGreaterThanOrEqual(fence + 10_000n)
    await lease.release()
  })

  test('acquisitions, releases and losses are published to subscribers of tsylla:lock', async () => {
    const { clock, a } = await openTwo()
    const name = newName()
    const seen: LockEvent[] = []
    const listener = (event: unknown): void => void seen.push(event as LockEvent)
    subscribe('tsylla:lock', listener)
    const first = (await a.tryAcquire(name))!
    await first.release()
    const second = (await a.tryAcquire(name, { ttl: '2s' }))!
    clock.advance(2_000)
    unsubscribe('tsylla:lock', listener)
    expect(seen).toEqual([
      { type: 'acquired', name, fence: first.fence },
      { type: 'released', name, fence: first.fence },
      { type: 'acquired', name, fence: second.fence },
      { type: 'lost', name, fence: second.fence },
    ])
  })

  test('extend reports a lease that ended while its answer was under way', async () => {
    const { clock, faulty, a, b } = await openTwo()
    const name = newName()
    const lease = await a.acquire(name, { ttl: '3s' })
    faulty.onRequest = () => clock.advance(3_000)
    await expect(lease.extend()).rejects.toMatchObject({ code: 'TSYLLA_LOCK_LOST' })
    faulty.onRequest = () => {}
    expect(lease.isHeld).toBe(false)
    // What was extended for nobody is free.
    await expect.poll(async () => (await b.tryAcquire(name)) !== undefined).toBe(true)
  })

  test('a leader whose work ends with the reason of its signal takes part again, and stops', async () => {
    const { clock, faulty, a } = await openTwo()
    const name = newName()
    let terms = 0
    const lost: unknown[] = []
    const election = a.leader(name, {
      onElected: async (_lease, signal) => {
        terms++
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        signal.throwIfAborted()
      },
      onLost: (reason) => {
        lost.push(reason)
        return Promise.reject(new Error('the listener is broken'))
      },
    })
    const [warnings, unhandled] = [collectReports(), collectUnhandledRejections()]
    await expect.poll(() => election.isLeader).toBe(true)
    clock.advance(60_000)
    await expect.poll(() => (faulty.isIdle && clock.advance(100), terms)).toBe(2)
    expect(lost).toMatchObject([{ code: 'TSYLLA_LOCK_LOST' }])
    await expect.poll(() => warnings).toEqual(['onLost of a leader election has failed'])
    expect(unhandled).toEqual([])
    await election.stop()
    expect(election.isLeader).toBe(false)
  })

  test('K2: a lease ends when its time has passed by dates, though the machine was suspended', async () => {
    const { a, b, faulty, clock } = await openTwo(new SuspendedClock())
    const name = newName()
    const lease = await a.acquire(name, { ttl: '10s' })
    faulty.writeFaults.push(...Array.from({ length: 100 }, () => new Error('no network')))
    clock.suspend(60_000)
    expect(lease.isHeld).toBe(false)
    expect(lease.signal.reason).toMatchObject({ code: 'TSYLLA_LOCK_LOST', outcome: 'unknown' })
    expect((await b.tryAcquire(name))?.isHeld).toBe(true)
  })

  test('an acquisition that is aborted while it is under way leaves the lock free', async () => {
    const { a, b, faulty } = await openTwo()
    const name = newName()
    const controller = new AbortController()
    faulty.onRequest = () => controller.abort('enough')
    await expect(a.acquire(name, { signal: controller.signal })).rejects.toMatchObject({
      code: 'TSYLLA_ABORTED',
    })
    await expect.poll(async () => (await b.tryAcquire(name)) !== undefined).toBe(true)
    expect(a.stats().held).toBe(0)
  })

  test('K3: statements with a timestamp of their own are not fenced, and refused', async () => {
    const { a } = await openTwo()
    await target.session.execute(
      'CREATE TABLE IF NOT EXISTS stamped (name text PRIMARY KEY, fence bigint)',
    )
    const lease = await a.acquire(newName())
    const { fenced } = lease
    const ofText = "UPDATE stamped USING TIMESTAMP 5 SET fence = 1 WHERE name = 'a'"
    const refused = { code: 'TSYLLA_CONFIG', message: expect.stringContaining('USING TIMESTAMP') }
    await expect(fenced.execute(ofText)).rejects.toMatchObject(refused)
    await expect(fenced.execute(new Statement(ofText))).rejects.toMatchObject(refused)
    await expect(fenced.prepare(ofText)).rejects.toMatchObject(refused)
    await expect(fenced.batch(new Batch().append(ofText))).rejects.toMatchObject(refused)
    const prepared = await target.session.prepare(ofText)
    await expect(fenced.executePrepared(prepared)).rejects.toMatchObject(refused)
    // The option of a statement gives way to the fence.
    const insert = "INSERT INTO stamped (name, fence) VALUES ('b', 1)"
    await fenced.execute(new Statement(insert).withTimestamp(5n))
    const select = "SELECT writetime(fence) AS us FROM stamped WHERE name = 'b'"
    const row = (await target.session.execute<{ us: bigint | string }>(select)).singleRow()
    expect(BigInt(row.us)).toBe(lease.fence)
    await lease.release()
  })

  test('run says that its work may have been done when the lease has ended', async () => {
    const { clock, a } = await openTwo()
    const run = a.run(newName(), () => clock.advance(60_000))
    await expect(run).rejects.toMatchObject({ code: 'TSYLLA_LOCK_LOST', outcome: 'unknown' })
  })

  test('leaving a block does not fail because the lease cannot be released', async () => {
    const { faulty, a } = await openTwo()
    const lease = await a.acquire(newName())
    faulty.writeFaults.push(...Array.from({ length: 10 }, () => new Error('no network')))
    await lease[Symbol.asyncDispose]()
    expect(lease.isHeld).toBe(false)
  })

  test('an aborted tryAcquire acquires nothing', async () => {
    const { a, b, faulty } = await openTwo()
    const name = newName()
    const controller = new AbortController()
    faulty.onRequest = () => controller.abort('enough')
    const aborted = { code: 'TSYLLA_ABORTED', cause: 'enough' }
    const options = { signal: controller.signal }
    await expect(a.tryAcquire(name, options)).rejects.toMatchObject(aborted)
    await expect.poll(async () => (await b.tryAcquire(name)) !== undefined).toBe(true)
    await expect(a.tryAcquire(newName(), options)).rejects.toMatchObject(aborted)
    await expect(a.tryAcquire(name, { wait: '1s' } as object)).rejects.toThrow(/no option "wait"/)
  })

  test('K4: an acquisition that arrives after its caller has failed holds nothing', async () => {
    const { a, b, faulty } = await openTwo(systemClock)
    for (const hasRow of [false, true]) {
      const name = newName()
      if (hasRow) await (await b.acquire(name)).release()
      const before = faulty.conditionalWriteCount
      faulty.writeFaults.push('late', new Error('no network'))
      await expect(a.tryAcquire(name)).rejects.toMatchObject({ outcome: 'unknown' })
      // What is on its way is given up by a write of its own.
      await expect.poll(() => faulty.isIdle && faulty.conditionalWriteCount).toBe(before + 3)
      await faulty.deliver()
      expect(await b.tryAcquire(name)).toBeDefined()
    }
  })

  test('callers of several objects on one table wait in one order, by one listener', async () => {
    const { a, faulty, clock } = await openTwo()
    const objects = [a, new Lock(faulty, { clock }), new Lock(faulty, { clock })]
    const name = newName()
    // The first use of an object prepares its statements.
    for (const one of objects) await (await one.acquire(name)).release()
    const held = await objects[1]!.tryAcquire(name)
    const { signal } = new AbortController()
    const order: number[] = []
    const runs = Array.from({ length: 12 }, (_, i) =>
      objects[i % 3]!.run(name, { signal }, () => void order.push(i)),
    )
    // The first one has asked; the others wait without requests of their own.
    const before = faulty.requests.length
    await expect.poll(() => faulty.requests.length > before && faulty.isIdle).toBe(true)
    expect(faulty.requests.length).toBe(before + 1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    // Time stands still: a release wakes the next caller, whatever object it waits by.
    await held?.release()
    await Promise.all(runs)
    expect(order).toEqual(Array.from({ length: 12 }, (_, i) => i))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('work that releases the lock itself has not lost it', async () => {
    const { a } = await openTwo()
    const run = a.run(newName(), async (lease) => await lease.release())
    expect(await run).toBe(true)
  })

  test('a leader that is stopped while it is elected does not lead, and the lock is free', async () => {
    const { a, b, faulty } = await openTwo()
    const name = newName()
    let terms = 0
    let stopping: Promise<void> | undefined
    faulty.onRequest = () => (stopping ??= election.stop())
    const election = a.leader(name, { onElected: async () => void terms++ })
    await expect.poll(() => stopping !== undefined).toBe(true)
    await stopping
    expect([terms, election.isLeader]).toEqual([0, false])
    await expect.poll(async () => (await b.tryAcquire(name)) !== undefined).toBe(true)
  })

  test('a leader whose work ends at once, or fails, takes part again a second later', async () => {
    const { clock, faulty, a, b } = await openTwo()
    const name = newName()
    const inner = await b.acquire(newName())
    const errors: unknown[] = []
    let terms = 0
    const election = a.leader(name, {
      onElected: async () => {
        if (terms++ > 0) await a.acquire(inner.name, { wait: 0 })
      },
      onError: (error) => void errors.push(error),
    })
    await expect.poll(() => terms).toBe(1)
    // It waits for the time, not for a number of requests.
    for (let second = 2; second < 5; second++) {
      await expect.poll(() => a.stats().held).toBe(0)
      expect(terms).toBe(second - 1)
      await expect.poll(() => (faulty.isIdle && clock.advance(1_000), terms)).toBe(second)
    }
    await election.stop()
    expect(errors).toMatchObject([{ code: 'TSYLLA_LOCK_HELD' }, { code: 'TSYLLA_LOCK_HELD' }, {}])
    terms = 1
    const failing = a.leader(name, {
      onElected: async () => {
        terms++
        await a.acquire(inner.name, { wait: 0 })
      },
    })
    await expect.poll(() => terms).toBe(2)
    await expect.poll(() => a.stats().held).toBe(0)
    await expect(failing.stop()).rejects.toMatchObject({ code: 'TSYLLA_LOCK_HELD' })
  })

  test('one leader at a time; the next takes over when it stops', async () => {
    const { a, b } = await openTwo()
    const name = newName()
    const terms: string[] = []
    const lead = (lock: Lock, who: string) =>
      lock.leader(name, {
        onElected: async (_lease, signal) => {
          terms.push(who)
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      })
    const first = lead(a, 'a')
    await expect.poll(() => first.isLeader).toBe(true)
    const second = lead(a, 'b')
    expect(second.isLeader).toBe(false)
    await first.stop()
    await expect.poll(() => second.isLeader).toBe(true)
    await second.stop()
    expect(terms).toEqual(['a', 'b'])
    expect(await b.tryAcquire(name)).toBeDefined()
  })

  test.each([
    [{ ttl: '1ms' }, /^ttl must be a time span from 100ms to 1d/],
    [{ ttl: '1s' }, /^ttl must be more than twice clockError/],
    [{ clockError: -1 }, /^clockError must be/],
    [{ serialConsistency: 'QUORUM' }, /^serialConsistency must be one of/],
    [{ tll: '5s' }, /no option "tll"\. Did you mean "ttl"/],
  ])('a wrong option is refused: %j', (options, message) => {
    expect(() => new Lock(target.session, options as LockOptions)).toThrow(message)
  })

  test.each([
    [{ wait: 'soon' }, /^wait must be a time span/],
    [{ note: '\ud800' }, /^note must be a text/],
    [{ ttl: '1s' }, /^ttl must be more than twice/],
  ])('a wrong option of a call is refused: %j', async (options, message) => {
    const { a } = await openTwo()
    await expect(a.acquire(newName(), options as AcquireOptions)).rejects.toThrow(message)
  })

  test.each(['', 'x'.repeat(8_193), 5, null])('a wrong name is refused: %s', async (name) => {
    const lock = await open()
    await expect(lock.tryAcquire(name as string)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })
})
