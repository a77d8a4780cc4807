import { beforeAll, expect, test } from 'vitest'
import { RateLimiter, type RateLimiterOptions } from '../../../src/patterns.ts'
import { createRandom } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, type Fault, FaultyExecutor } from '../support.ts'

describePattern('RateLimiter without Paxos', (target) => {
  const quorum: RateLimiterOptions = { limit: 20, per: '1h', strategy: 'quorum' }
  const local: RateLimiterOptions = { limit: 20, per: '1h', strategy: 'local' }

  beforeAll(() => new RateLimiter(target.session, quorum).createTables())

  test('quorum: one caller after another, exactly the limit is admitted', async () => {
    const limiter = new RateLimiter(target.session, quorum)
    const taken: number[] = []
    for (let i = 0; i < 25; i++) {
      const { ok, remaining } = await limiter.take('sequential')
      if (ok) taken.push(remaining)
    }
    expect(taken).toEqual(Array.from({ length: 20 }, (_, i) => 19 - i))
    expect(await limiter.peek('sequential')).toMatchObject({ ok: false, remaining: 0 })
  })

  test('quorum: what can never fit is refused without a write that others would see', async () => {
    const [hog, other] = [new FaultyExecutor(target.session), new FaultyExecutor(target.session)]
    const [greedy, modest] = [new RateLimiter(hog, quorum), new RateLimiter(other, quorum)]
    expect(await greedy.take('hog', { cost: 21 })).toMatchObject({ ok: false, remaining: 20 })
    expect(hog.writeCount).toBe(0)
    expect(await modest.take('hog', { cost: 15 })).toMatchObject({ ok: true, remaining: 5 })
    // The first request writes, because nothing is known of the others yet.
    expect(await greedy.take('hog', { cost: 6 })).toMatchObject({ ok: false, remaining: 5 })
    await expect.poll(() => hog.writeCount).toBe(2)
    for (let i = 0; i < 5; i++) {
      expect(await greedy.take('hog', { cost: 6 })).toMatchObject({ ok: false, remaining: 5 })
    }
    expect(hog.writeCount).toBe(2)
    expect(await modest.take('hog', { cost: 5 })).toMatchObject({ ok: true, remaining: 0 })
  })

  test('quorum: what does not fit keeps what fits from nothing', async () => {
    const counting = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(counting, quorum)
    const costs = [21, 5, 1_000, 16, 15]
    const all = await Promise.all(costs.map((cost) => limiter.take('mixed', { cost })))
    expect(all.map(({ ok }) => ok)).toEqual([false, true, false, false, true])
    const penalty = await limiter.penalty('mixed', { cost: 100 })
    expect(penalty).toMatchObject({ ok: false, remaining: 0 })
  })

  test('quorum: a cell that no limiter has written is an error, not a count', async () => {
    const clock = new VirtualClock(3_600_000 * 500_000)
    const limiter = new RateLimiter(target.session, { ...quorum, clock })
    await target.session.execute(
      "INSERT INTO rate_limits_cells (key, window_ms, window, process) VALUES ('foreign', 3600000, 500000, uuid())",
    )
    await expect(limiter.take('foreign')).rejects.toMatchObject({ code: 'TSYLLA_DECODE' })
    await expect(limiter.peek('foreign')).rejects.toMatchObject({ code: 'TSYLLA_DECODE' })
  })

  test('quorum: callers that ask at the same time share a write and a read', async () => {
    const counting = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(counting, quorum)
    const all = await Promise.all(Array.from({ length: 50 }, () => limiter.check('shared')))
    expect(all.filter(Boolean)).toHaveLength(20)
    // A reservation, a read, and the surplus that is taken back.
    await expect.poll(() => counting.requests.length).toBe(3)
    // What is exhausted is refused from memory.
    expect(await limiter.check('shared')).toBe(false)
    expect(counting.requests).toHaveLength(3)
  })

  test('quorum: never more than the limit over processes, whatever becomes of writes', async () => {
    const random = createRandom(7)
    for (let round = 0; round < 10; round++) {
      const processes = Array.from({ length: 4 }, () => new FaultyExecutor(target.session))
      for (const one of processes) {
        const fates: readonly Fault[] = ['lost', 'late']
        for (let i = 0; i < 3; i++) {
          if (random() < 0.5) one.writeFaults.push(fates[Math.floor(random() * 2)]!)
        }
      }
      const limiters = processes.map((one) => new RateLimiter(one, { ...quorum, timeoutMs: 5_000 }))
      const results = await Promise.allSettled(
        limiters.flatMap((limiter) =>
          Array.from({ length: 10 }, () => limiter.take(`faults ${round}`, { cost: 2 })),
        ),
      )
      await Promise.all(processes.map((one) => one.deliver()))
      const admitted =
        results.filter((one) => one.status === 'fulfilled' && one.value.ok).length * 2
      expect(admitted).toBeLessThanOrEqual(20)
      // What the cells say covers what was admitted, also after late writes have arrived.
      const { remaining } = await new RateLimiter(target.session, quorum).peek(`faults ${round}`)
      expect(20 - remaining).toBeGreaterThanOrEqual(admitted)
    }
  })

  test('quorum: a write that arrives late does not take back what was counted after it', async () => {
    // Nor when servers stamp what they write.
    const faulty = new FaultyExecutor(await target.open((builder) => builder.timestamps('server')))
    const limiter = new RateLimiter(faulty, quorum)
    faulty.writeFaults.push('late')
    expect(await limiter.take('late cell', { cost: 5 })).toMatchObject({ ok: true })
    expect(await limiter.take('late cell', { cost: 10 })).toMatchObject({ ok: true })
    await faulty.deliver()
    const other = new RateLimiter(new FaultyExecutor(target.session), quorum)
    expect(await other.take('late cell', { cost: 6 })).toMatchObject({ ok: false, remaining: 5 })
  })

  test('quorum: units of a write whose fate stays unknown count as used', async () => {
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { ...quorum, timeoutMs: 200 })
    expect(await limiter.check('unknown')).toBe(true)
    faulty.writeFaults.push(...Array.from({ length: 100 }, () => 'lost' as const))
    await expect(limiter.take('unknown', { cost: 5 })).rejects.toMatchObject({ outcome: 'unknown' })
    faulty.writeFaults.length = 0
    expect(await limiter.take('unknown')).toMatchObject({ ok: true, remaining: 13 })
  })

  test('quorum: reads and writes are at the level of the limiter', async () => {
    const counting = new FaultyExecutor(target.session)
    await new RateLimiter(counting, { ...quorum, consistency: 'QUORUM' }).check('level')
    expect(counting.requests.map(({ options }) => options.consistency)).toEqual([
      'QUORUM',
      'QUORUM',
    ])
  })

  test('quorum: a refund is given back', async () => {
    const limiter = new RateLimiter(target.session, quorum)
    const decision = await limiter.take('refund', { cost: 20 })
    expect(await limiter.check('refund')).toBe(false)
    await limiter.refund(decision)
    expect(await limiter.take('refund', { cost: 20 })).toMatchObject({ ok: true, remaining: 0 })
  })

  test('quorum: what is given back is free for other processes', async () => {
    const [a, b] = [1, 2].map(() => new RateLimiter(new FaultyExecutor(target.session), quorum))
    const decision = await a!.take('given back', { cost: 20 })
    await a!.refund(decision)
    await expect.poll(async () => (await b!.peek('given back')).remaining).toBe(20)
    expect(await b!.check('given back')).toBe(true)
  })

  test('local: peek finds what take would', async () => {
    const limiter = new RateLimiter(new FaultyExecutor(target.session), local)
    await limiter.take('peek', { cost: 15 })
    expect(await limiter.peek('peek')).toMatchObject({ ok: true, remaining: 5 })
    expect(await limiter.peek('peek', { cost: 6 })).toMatchObject({ ok: false })
  })

  test('local: decisions need no request, and processes learn of each other', async () => {
    const clock = new VirtualClock(Date.now())
    const [a, b] = [new FaultyExecutor(target.session), new FaultyExecutor(target.session)]
    const [first, second] = [
      new RateLimiter(a, { ...local, clock }),
      new RateLimiter(b, { ...local, clock }),
    ]
    expect(await first.take('local', { cost: 15 })).toMatchObject({ ok: true, remaining: 5 })
    expect(await second.take('local', { cost: 3 })).toMatchObject({ ok: true, remaining: 17 })
    expect([a.requests.length, b.requests.length]).toEqual([0, 0])
    const fits = async (): Promise<boolean> => {
      clock.advance(1_000)
      const decision = await second.take('local', { cost: 6 })
      if (decision.ok) await second.refund(decision)
      return decision.ok
    }
    expect(await fits()).toBe(true)
    await expect.poll(fits, { interval: 5 }).toBe(false)
    expect(await second.take('local')).toMatchObject({ ok: true, remaining: 1 })
  })

  test('local: what is admitted while counts are exchanged is exchanged too, and what failed is not repeated', async () => {
    const clock = new VirtualClock(Date.now())
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { ...local, clock })
    await limiter.take('meanwhile')
    let during: Promise<unknown> | undefined
    faulty.onRequest = () => (during ??= limiter.take('meanwhile', { cost: 2 }))
    clock.advance(1_000)
    const fromTable = async (): Promise<number> => {
      clock.advance(1_000)
      const reader = new RateLimiter(new FaultyExecutor(target.session), local)
      return (await reader.peek('meanwhile')).remaining
    }
    await expect.poll(fromTable, { interval: 5 }).toBe(17)
    await expect.poll(() => faulty.requests.length).toBe(4)
    faulty.writeFaults.push(new Error('no network'))
    await limiter.take('meanwhile, failing')
    clock.advance(1_000)
    await expect.poll(() => faulty.requests.length).toBe(5)
    await expect.poll(() => faulty.isIdle).toBe(true)
    expect(clock.pendingCount).toBe(0)
  })

  test('local: a process that only refuses writes nothing', async () => {
    const clock = new VirtualClock(Date.now())
    const counting = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(counting, { ...local, limit: 1, clock })
    const exchange = async (count: number): Promise<void> => {
      clock.advance(1_000)
      await expect.poll(() => counting.requests.length).toBe(count)
    }
    await limiter.take('refusing')
    await exchange(2)
    expect(counting.writeCount).toBe(1)
    for (let i = 1; i <= 3; i++) {
      await expect.poll(async () => (await limiter.check('refusing'), clock.pendingCount)).toBe(1)
      await exchange(2 + i)
    }
    expect(counting.writeCount).toBe(1)
  })

  test('local: keys that begin together are exchanged at different times, a few at once', async () => {
    const clock = new VirtualClock(Date.now())
    const counting = new FaultyExecutor(target.session)
    counting.clock = clock
    const options = { ...local, clock, random: createRandom(3) }
    const limiter = new RateLimiter(counting, options)
    for (let i = 0; i < 200; i++) await limiter.take(`burst ${i}`)
    counting.writeFaults.push(...Array.from({ length: 64 }, () => 'silent' as const))
    clock.advance(500)
    // No answer comes until the timeout, and the others wait.
    await expect.poll(() => counting.writeCount).toBe(64)
    await limiter.peek('another')
    expect(counting.writeCount).toBe(64)
    const firstDueCount = 200 - (clock.pendingCount - 64)
    expect(firstDueCount).toBeGreaterThan(70)
    expect(firstDueCount).toBeLessThan(130)
    clock.advance(10_000)
    await expect.poll(() => counting.writeCount, { timeout: 10_000 }).toBe(200)
  })

  test('local: without a database decisions are made all the same', async () => {
    const session = await target.open()
    await session.close()
    const limiter = new RateLimiter(session, local)
    const all = await Promise.all(Array.from({ length: 30 }, () => limiter.check('alone')))
    expect(all.filter(Boolean)).toHaveLength(20)
    await limiter.refund(await limiter.penalty('alone', { cost: 5 }))
  })

  test.each([quorum, local])('what needs a common count is refused: %j', async (options) => {
    const limiter = new RateLimiter(target.session, options)
    await expect(limiter.block('k', '1m')).rejects.toThrow(/block needs the strategy exact/)
    await expect(limiter.reset('k')).rejects.toThrow(/reset needs the strategy exact/)
  })
})
