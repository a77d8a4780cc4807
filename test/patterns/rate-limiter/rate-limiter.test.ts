import { getEventListeners } from 'node:events'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, expect, test } from 'vitest'
import { ClosedError, NoNodeAvailableError } from '../../../src/index.ts'
import { RateLimiter, type RateLimiterOptions } from '../../../src/patterns.ts'
import { LosingExecutor } from '../../support/losing-executor.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('RateLimiter', (target) => {
  beforeAll(() => new RateLimiter(target.session).createTables())

  /** The ids of the rules that a row counts. */
  const countsOf = async (key: string): Promise<readonly string[]> => {
    const text = 'SELECT counts FROM rate_limits_keys WHERE key = ?'
    const row = (await target.session.execute(text, [key])).singleRow()
    return Array.from((row['counts'] as ReadonlyMap<string, unknown>).keys()).sort()
  }

  test('exactly the limit is admitted, however many ask at once', async () => {
    const limiter = new RateLimiter(target.session)
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => limiter.check('many', 37, 3_600)),
    )
    expect(answers.filter(Boolean)).toHaveLength(37)
    expect(await limiter.check('many', 37, 3_600)).toBe(false)
  })

  test('exactly the limit is admitted over several processes', async () => {
    const limiters = await Promise.all(
      Array.from({ length: 4 }, async () => new RateLimiter(await target.open())),
    )
    const answers = await Promise.all(
      limiters.flatMap((limiter) =>
        Array.from({ length: 16 }, () => limiter.check('shared', 20, 3_600)),
      ),
    )
    expect(answers.filter(Boolean)).toHaveLength(20)
  })

  test.each(['fixed', 'sliding', 'gcra'] as const)(
    '%s: penalties of any size are counted, also with a limit of 0',
    async (algorithm) => {
      const limiter = new RateLimiter(target.session, { limit: 0, per: '366d', algorithm })
      const larger = new RateLimiter(target.session, { limit: 5, per: '366d', algorithm })
      const cost = Number.MAX_SAFE_INTEGER
      for (const one of [limiter, larger, larger]) {
        expect(await one.penalty(`penalty ${algorithm}`, { cost })).toMatchObject({ remaining: 0 })
      }
      expect(await larger.take(`penalty ${algorithm}`)).toMatchObject({ ok: false, remaining: 0 })
    },
  )

  test('callers that ask at the same time share a write', async () => {
    const counting = new LosingExecutor(target.session)
    const limiter = new RateLimiter(counting)
    await Promise.all(Array.from({ length: 50 }, () => limiter.check('combined', 1_000, 3_600)))
    expect(counting.executeCount).toBeLessThanOrEqual(2)
  })

  test('limiters of one process on one table share their writes too', async () => {
    const counting = new FaultyExecutor(target.session)
    const limiters = Array.from({ length: 5 }, () => new RateLimiter(counting))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => limiters[i % 5]!.check('together', 13, 3_600)),
    )
    expect(answers.filter(Boolean)).toHaveLength(13)
    expect(counting.writeCount).toBeLessThanOrEqual(2)
  })

  test('one after another, every check costs one write, and none when the window is full', async () => {
    const counting = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(counting)
    for (let i = 1; i <= 5; i++) {
      expect(await limiter.check('sequential', 5, 3_600)).toBe(true)
      expect([counting.writeCount, counting.requests.length]).toEqual([i, i])
    }
    for (let i = 0; i < 5; i++) expect(await limiter.check('sequential', 5, 3_600)).toBe(false)
    expect(counting.requests).toHaveLength(5)
    // The next window is another one.
    const clock = new VirtualClock(Date.now() + 7_200_000)
    expect(await new RateLimiter(counting, { clock }).check('sequential', 5, 3_600)).toBe(true)
  })

  test('what is known of a window costs nothing when another process has counted on', async () => {
    const [mine, other] = [new FaultyExecutor(target.session), await target.open()]
    const limiter = new RateLimiter(mine)
    expect(await limiter.check('stale', 4, 3_600)).toBe(true)
    for (let i = 0; i < 2; i++)
      expect(await new RateLimiter(other).check('stale', 4, 3_600)).toBe(true)
    expect(await limiter.take('stale', { limit: 4, windowSeconds: 3_600, cost: 2 })).toMatchObject({
      ok: false,
      remaining: 1,
    })
    expect(await limiter.check('stale', 4, 3_600)).toBe(true)
    expect(await limiter.check('stale', 4, 3_600)).toBe(false)
  })

  test('never more than the limit when answers are lost, and what is lost counts as used', async () => {
    const losing = new LosingExecutor(target.session, 3)
    const limiter = new RateLimiter(losing, { timeoutMs: 20_000 })
    let admitted = 0
    for (let round = 0; round < 12; round++) {
      const answers = await Promise.allSettled(
        Array.from({ length: 3 }, () => limiter.check('lossy', 20, 3_600)),
      )
      admitted += answers.filter((a) => a.status === 'fulfilled' && a.value).length
    }
    expect(losing.lostCount).toBeGreaterThan(0)
    expect(admitted).toBe(20)
  })

  test('a write that was lost is never called unapplied because another one failed', async () => {
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { timeoutMs: 1_000 })
    const noNode = (): Error => new NoNodeAvailableError(new Map())
    faulty.writeFaults.push('late', ...Array.from({ length: 1_000 }, noNode))
    await expect(limiter.check('late', 5, 3_600)).rejects.toMatchObject({ outcome: 'unknown' })
    await faulty.deliver()
    faulty.writeFaults.length = 0
    const other = await target.open()
    const { remaining } = await new RateLimiter(other).take('late', {
      limit: 5,
      windowSeconds: 3_600,
    })
    expect(remaining).toBe(3)
  })

  test('a write that was lost counts once, whether it was applied or comes too late', async () => {
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { timeoutMs: 20_000 })
    const take = { limit: 10, windowSeconds: 3_600 }
    for (const [i, fault] of (['lost', 'late', 'late', 'lost'] as const).entries()) {
      faulty.writeFaults.push(fault)
      expect((await limiter.take('once', take)).remaining).toBe(9 - i)
      await faulty.deliver()
    }
    expect((await new RateLimiter(await target.open()).take('once', take)).remaining).toBe(5)
  })

  test('a decision that waits for a lost write ends when the session is closed', async () => {
    const clock = new VirtualClock(Date.now())
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { clock })
    faulty.writeFaults.push('lost')
    faulty.readFaults.push(new ClosedError('session'))
    const closed = { code: 'TSYLLA_CLOSED', outcome: 'unknown' }
    const deciding = expect(limiter.check('closed', 5, 3_600)).rejects.toMatchObject(closed)
    // The deadline of the caller and the pause before the next attempt.
    while (faulty.writeCount < 1 || clock.pendingCount !== 2) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    clock.advance(250)
    await deciding
    expect(clock.pendingCount).toBe(0)
  })

  test('writes and reads are at one serial level, that of the limiter', async () => {
    for (const level of [undefined, 'SERIAL', 'LOCAL_SERIAL'] as const) {
      const session = await target.open((builder) => builder.serialConsistency('SERIAL'))
      const faulty = new FaultyExecutor(session)
      const options = level === undefined ? {} : { serialConsistency: level }
      faulty.writeFaults.push('lost')
      await new RateLimiter(faulty, options).check(`level-${level}`, 5, 3_600)
      const levels = faulty.requests.map(({ text, options: sent }) =>
        text.startsWith('SELECT') ? sent.consistency : sent.serialConsistency,
      )
      expect(levels).toEqual(Array.from(levels, () => level ?? 'LOCAL_SERIAL'))
      expect(levels.length).toBeGreaterThan(1)
    }
  })

  test('a request above the limit reports the remaining units too', async () => {
    const used = { limit: 10, windowSeconds: 3_600, cost: 10 }
    expect(await new RateLimiter(target.session).take('left', used)).toMatchObject({ ok: true })
    const other = new RateLimiter(await target.open())
    const asked = { limit: 10, windowSeconds: 3_600, cost: 11 }
    expect(await other.take('left', asked)).toMatchObject({ ok: false, remaining: 0 })
    expect(await other.take('left-new', asked)).toMatchObject({ ok: false, remaining: 10 })
  })

  test('take reports the remaining units and the time of the reset; windows are independent', async () => {
    const clock = new VirtualClock(Math.floor(Date.now() / 60_000) * 60_000)
    const limiter = new RateLimiter(target.session, { clock })
    const first = await limiter.take('take', { limit: 5, cost: 3 })
    expect(first).toMatchObject({ ok: true, remaining: 2, limit: 5, retryAfterMs: 0 })
    expect(await limiter.take('take', { limit: 5, cost: 3 })).toMatchObject({
      ok: false,
      remaining: 2,
      retryAfterMs: 60_000,
    })
    expect((await limiter.take('take', { limit: 5, cost: 2 })).remaining).toBe(0)
    clock.advance(60_000)
    expect(await limiter.check('take', 5)).toBe(true)
  })

  test('windows expire', async () => {
    const rows = await target.session.execute('SELECT ttl(past_at) AS life FROM rate_limits_keys')
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(row['life']).toBeGreaterThan(0)
  })

  test('a database that fails throws, or what onError says', async () => {
    const session = await target.open()
    await session.close()
    await expect(new RateLimiter(session).check('x', 1)).rejects.toMatchObject({
      code: 'TSYLLA_CLOSED',
    })
    expect(await new RateLimiter(session, { onError: 'allow' }).check('x', 1)).toBe(true)
    expect(await new RateLimiter(session, { onError: 'deny' }).check('x', 1)).toBe(false)
  })

  test('wrong arguments are named, also where errors are swallowed', async () => {
    const limiter = new RateLimiter(target.session, { onError: 'allow' })
    await expect(limiter.check('', 1)).rejects.toThrow(/key/)
    await expect(limiter.check('k', -1)).rejects.toThrow(/limit/)
    await expect(limiter.check('k', 1, 0)).rejects.toThrow(/windowSeconds/)
    await expect(limiter.take('k', { limit: 1, cost: 0 })).rejects.toThrow(/cost/)
    expect(await limiter.check('zero', 0)).toBe(false)
    await expect(limiter.check('\ud800', 1)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    await expect(limiter.take('k', undefined as never)).rejects.toThrow(/limit is missing/)
    await expect(limiter.take('k', null as never)).rejects.toThrow(/options of take/)
    await expect(limiter.take('k', { limit: 1, costs: 2 } as never)).rejects.toThrow(/"costs"/)
    const options = { serialConsistency: 'ONE' as never }
    expect(() => new RateLimiter(target.session, options)).toThrow(
      /serialConsistency must be one of/,
    )
  })

  test('the rules of the limiter are those of calls without a limit', async () => {
    const limiter = new RateLimiter(target.session, { limit: 3, per: '1h' })
    expect(await limiter.take('ruled', { cost: 2 })).toMatchObject({
      ...{ ok: true, limit: 3, remaining: 1, windowMs: 3_600_000, degraded: false, blocked: false },
    })
    expect(await limiter.check('ruled')).toBe(true)
    expect(await limiter.check('ruled')).toBe(false)
    expect(await limiter.peek('ruled')).toMatchObject({ ok: false, remaining: 0 })
    expect(limiter.stats()).toMatchObject({ admitted: 2, refused: 1, degraded: 0, failed: 0 })
  })

  test('several rules admit all or nothing, in one write', async () => {
    const counting = new FaultyExecutor(target.session)
    const clock = new VirtualClock(Math.floor(Date.now() / 86_400_000) * 86_400_000)
    const rules = [
      { limit: 2, per: '1s' },
      { limit: 3, per: '1d' },
    ] as const
    const limiter = new RateLimiter(counting, { rules, clock })
    expect((await limiter.take('several')).rules).toMatchObject([
      { ok: true, limit: 2, remaining: 1, windowMs: 1_000 },
      { ok: true, limit: 3, remaining: 2, windowMs: 86_400_000 },
    ])
    expect(await limiter.check('several')).toBe(true)
    expect(await limiter.take('several')).toMatchObject({
      ok: false,
      limit: 2,
      retryAfterMs: 1_000,
    })
    expect(counting.writeCount).toBe(2)
    clock.advance(1_000)
    expect(await limiter.check('several')).toBe(true)
    expect(await limiter.take('several')).toMatchObject({
      ...{ ok: false, limit: 3, remaining: 0, retryAfterMs: 86_399_000 },
    })
    clock.advance(86_400_000)
    expect(await limiter.take('several')).toMatchObject({ ok: true, limit: 2, remaining: 1 })
  })

  test('a refund is given back once, and not to a later window', async () => {
    const clock = new VirtualClock(Math.floor(Date.now() / 60_000) * 60_000)
    const limiter = new RateLimiter(target.session, { limit: 2, clock })
    const first = await limiter.take('refund', { cost: 2 })
    expect(await limiter.check('refund')).toBe(false)
    await limiter.refund(first)
    expect(await limiter.peek('refund')).toMatchObject({ ok: true, remaining: 2 })
    await expect(limiter.refund(first)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    const second = await limiter.take('refund', { cost: 2 })
    clock.advance(60_000)
    expect(await limiter.check('refund')).toBe(true)
    await limiter.refund(second)
    expect((await limiter.peek('refund')).remaining).toBe(1)
    await limiter.refund(await limiter.take('refund', { cost: 2 }))
    expect((await limiter.peek('refund')).remaining).toBe(1)
  })

  test('a refund whose answer is lost is never given back twice', async () => {
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { limit: 10, per: '1h' })
    const decision = await limiter.take('refund lost', { cost: 3 })
    await limiter.take('refund lost', { cost: 3 })
    faulty.writeFaults.push('lost')
    await limiter.refund(decision)
    expect((await limiter.peek('refund lost')).remaining).toBe(7)
  })

  test('a refund that was not applied can be repeated', async () => {
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { limit: 10, per: '1h', timeout: '200ms' })
    const decision = await limiter.take('refund again', { cost: 3 })
    faulty.writeFaults.push(
      ...Array.from({ length: 50 }, () => new NoNodeAvailableError(new Map())),
    )
    await expect(limiter.refund(decision)).rejects.toMatchObject({ outcome: 'not_applied' })
    faulty.writeFaults.length = 0
    expect(limiter.stats().refunded).toBe(0)
    await limiter.refund(decision)
    expect((await limiter.peek('refund again')).remaining).toBe(10)
    await expect(limiter.refund(decision)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    expect(limiter.stats().refunded).toBe(1)
  })

  test('units that were counted in the window of a clock ahead are given back', async () => {
    const clock = new VirtualClock(Math.floor(Date.now() / 60_000) * 60_000)
    const ahead = new VirtualClock(clock.nowMs() + 61_000)
    await new RateLimiter(target.session, { limit: 10, clock: ahead }).take('ahead')
    const limiter = new RateLimiter(target.session, { limit: 10, clock })
    await limiter.refund(await limiter.take('ahead'))
    expect((await limiter.peek('ahead')).remaining).toBe(9)
  })

  test('gcra: another limit is no other bucket, and the row holds one', async () => {
    const clock = new VirtualClock(Date.now())
    const limiter = new RateLimiter(target.session, { limit: 100, algorithm: 'gcra', clock })
    let admitted = 0
    for (let i = 0; i < 100; i++) {
      const { ok } = await limiter.take('adaptive', { limit: 100 + i, per: '1h', cost: 100 })
      if (ok) admitted += 100
    }
    expect(admitted).toBe(100)
    expect(await limiter.peek('adaptive', { limit: 150, per: '1h' })).toMatchObject({
      ...{ ok: true, remaining: 50 },
    })
    expect(await countsOf('adaptive')).toEqual(['gcra/3600000'])
  })

  test('gcra: units that earlier versions counted per limit stay used', async () => {
    const clock = new VirtualClock(Date.now())
    const nowUs = clock.nowMs() * 1_000
    const usedUs = 1_800_000_000
    await target.session.execute(
      `INSERT INTO rate_limits_keys (key, counts, blocked_until, past_at, op) VALUES ('earlier', {'gcra/3600000/10': [${nowUs + usedUs}, 0], 'gcra/3600000/20': [${nowUs + usedUs}, 0], 'gcra/60000/5': [${nowUs}, 0]}, 0, ${clock.nowMs() + 3_600_000}, uuid()) IF NOT EXISTS`,
    )
    const limiter = new RateLimiter(target.session, {
      ...{ limit: 30, per: '1h', algorithm: 'gcra', clock },
    })
    // Half of 10 and half of 20.
    expect(await limiter.peek('earlier')).toMatchObject({ ok: true, remaining: 15 })
    expect(await limiter.take('earlier', { cost: 15 })).toMatchObject({ ok: true, remaining: 0 })
    expect(await countsOf('earlier')).toEqual(['gcra/3600000', 'gcra/60000/5'])
  })

  test('rules whose windows have ended are dropped, and a row holds 64 at most', async () => {
    const clock = new VirtualClock(Date.now())
    const limiter = new RateLimiter(target.session, { clock })
    await limiter.take('rules', { limit: 9, per: '1d' })
    for (let i = 1; i < 64; i++) await limiter.take('rules', { limit: 9, windowSeconds: i })
    await expect(limiter.take('rules', { limit: 9, per: '2d' })).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONFIG', message: expect.stringMatching(/at most 64 different windows/) },
    })
    expect(await limiter.take('rules', { limit: 9, per: '1d' })).toMatchObject({ remaining: 7 })
    // A minute longer than the longest of the others, for clocks that are behind.
    clock.advance(124_000)
    expect(await limiter.take('rules', { limit: 9, per: '2d' })).toMatchObject({ ok: true })
    expect(await countsOf('rules')).toEqual(['fixed/172800000', 'fixed/86400000'])
  })

  test('the end of a block that is not there writes nothing', async () => {
    const counting = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(counting, { limit: 1 })
    await limiter.block('never blocked', 0)
    expect(counting.writeCount).toBe(0)
  })

  test('a penalty counts beyond the limit, block refuses, and reset forgets both', async () => {
    const clock = new VirtualClock()
    const limiter = new RateLimiter(target.session, { limit: 5, per: '1h', clock })
    expect(await limiter.penalty('penalty', { cost: 7 })).toMatchObject({ ok: false, remaining: 0 })
    await limiter.reset('penalty')
    expect(await limiter.take('penalty')).toMatchObject({ ok: true, remaining: 4 })
    await limiter.block('penalty', '10m')
    expect(await limiter.take('penalty')).toMatchObject({
      ...{ ok: false, blocked: true, remaining: 0, retryAfterMs: 600_000 },
    })
    clock.advance(600_000)
    expect(await limiter.take('penalty')).toMatchObject({ ok: true, blocked: false, remaining: 3 })
    await limiter.block('penalty', '10m')
    await limiter.block('penalty', 0)
    expect(await limiter.check('penalty')).toBe(true)
    await limiter.block('penalty', '30d')
    const rows = await target.session.execute(
      "SELECT ttl(past_at) AS life FROM rate_limits_keys WHERE key = 'penalty'",
    )
    expect(rows.singleRow()['life']).toBeGreaterThan(29 * 86_400)
    await limiter.reset('penalty')
    expect(await limiter.check('penalty')).toBe(true)
  })

  test('what replaces a row lives as long as the row, so that no node that missed it revives the row', async () => {
    const limiter = new RateLimiter(target.session, { limit: 1, per: '30d', algorithm: 'gcra' })
    await limiter.take('revived')
    await limiter.block('revived', '300d')
    const ttl = async (): Promise<number> => {
      const text = "SELECT TTL(op) AS ttl FROM rate_limits_keys WHERE key = 'revived'"
      return (await target.session.execute<{ ttl: number }>(text)).singleRow().ttl
    }
    const before = await ttl()
    for (const replace of [() => limiter.block('revived', 0), () => limiter.reset('revived')]) {
      await replace()
      expect(await ttl()).toBeGreaterThan(before - 86_400)
    }
    expect(await limiter.check('revived')).toBe(true)
  })

  test('a reset by another process is noticed after a second', async () => {
    const clock = new VirtualClock()
    const options = { limit: 1, per: '1h', clock } as const
    const counting = new FaultyExecutor(target.session)
    const mine = new RateLimiter(counting, options)
    expect(await mine.check('reset')).toBe(true)
    expect(await mine.check('reset')).toBe(false)
    await new RateLimiter(await target.open(), options).reset('reset')
    const before = counting.requests.length
    for (let i = 0; i < 10; i++) expect(await mine.check('reset')).toBe(false)
    expect(counting.requests).toHaveLength(before)
    clock.advance(1_000)
    expect(await mine.check('reset')).toBe(true)
  })

  test.each(['sliding', 'gcra'] as const)(
    'around the end of a window no more than the limit is admitted: %s',
    async (algorithm) => {
      const clock = new VirtualClock(Math.floor(Date.now() / 60_000) * 60_000 + 59_000)
      const limiter = new RateLimiter(target.session, { limit: 10, algorithm, clock })
      const admit = async (): Promise<number> => {
        const all = Array.from({ length: 30 }, () => limiter.check(`boundary ${algorithm}`))
        return (await Promise.all(all)).filter(Boolean).length
      }
      expect(await admit()).toBe(10)
      clock.advance(2_000)
      expect(await admit()).toBe(0)
      clock.advance(31_000)
      expect(await admit()).toBe(algorithm === 'sliding' ? 0 : 5)
    },
  )

  test('waitFor takes units in the order of the callers, as soon as they are free', async () => {
    const clock = new VirtualClock()
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { limit: 2, per: '2s', algorithm: 'gcra', clock })
    const admitted: number[] = []
    const waiting = [0, 1, 2, 3].map(async (i) => {
      await limiter.waitFor('wait', { timeout: '5s' })
      admitted.push(i)
    })
    const late = expect(limiter.waitFor('wait', { timeout: '2500ms' })).rejects.toMatchObject({
      code: 'TSYLLA_RATE_LIMITED',
    })
    await expect
      .poll(() => (faulty.isIdle && clock.advance(50), admitted.length), { interval: 1 })
      .toBe(4)
    expect(admitted).toEqual([0, 1, 2, 3])
    await Promise.all(waiting)
    await late
    await expect(limiter.waitFor('wait', { timeout: 10 })).rejects.toMatchObject({
      code: 'TSYLLA_RATE_LIMITED',
      retryAfterMs: expect.any(Number),
    })
    const signal = AbortSignal.abort('enough')
    await expect(limiter.waitFor('wait', { signal })).rejects.toMatchObject({ cause: 'enough' })
  })

  test('waitFor ends at once when its signal aborts, or when the units never fit', async () => {
    const clock = new VirtualClock()
    const limiter = new RateLimiter(target.session, { limit: 1, per: '1h', clock })
    await limiter.take('ends')
    const ends = { timeout: '2h' } as const
    const stop = new AbortController()
    const [first, second] = [1, 2].map(() =>
      limiter.waitFor('ends', { ...ends, signal: stop.signal }),
    )
    const queued = new AbortController()
    const third = limiter.waitFor('ends', { ...ends, signal: queued.signal })
    queued.abort('enough')
    await expect(third).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', cause: 'enough' })
    stop.abort('enough')
    await expect(first).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await expect(second).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    for (const algorithm of ['fixed', 'sliding', 'gcra'] as const) {
      const other = new RateLimiter(target.session, { limit: 2, algorithm, clock })
      await expect(other.waitFor('never', { ...ends, cost: 3 })).rejects.toMatchObject({
        ...{ code: 'TSYLLA_RATE_LIMITED', retryAfterMs: Number.POSITIVE_INFINITY },
        message: expect.stringMatching(/never admits as many units/),
      })
    }
  })

  test('callers that wait with one signal share a listener, and leave none', async () => {
    const clock = new VirtualClock()
    const limiter = new RateLimiter(target.session, { limit: 1, per: '1h', clock })
    const keys = Array.from({ length: 20 }, (_, i) => `listener ${i % 5}`)
    for (const key of new Set(keys)) await limiter.take(key)
    const stop = new AbortController()
    const options = { timeout: '2h', signal: stop.signal } as const
    const all = keys.map((key) => limiter.waitFor(key, options).catch((error: unknown) => error))
    // One sleeps for each key, and each caller has a time limit.
    await expect.poll(() => clock.pendingCount).toBe(20)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
    stop.abort('enough')
    for (const error of await Promise.all(all)) expect(error).toMatchObject({ cause: 'enough' })
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
  })

  test('without a database, onError local counts in the memory of the process', async () => {
    const session = await target.open()
    await session.close()
    const limiter = new RateLimiter(session, { limit: 3, per: '1h', onError: 'local' })
    const taken = await Promise.all(Array.from({ length: 5 }, () => limiter.take('memory')))
    expect(taken.filter(({ ok }) => ok)).toHaveLength(3)
    expect(taken[0]).toMatchObject({ ok: true, remaining: 2, degraded: true })
    await limiter.peek('memory')
    expect(limiter.stats()).toMatchObject({ admitted: 3, refused: 2, degraded: 5 })
  })

  test('everything that is done is published to subscribers of tsylla:rate-limit', async () => {
    const seen: unknown[] = []
    const listener = (event: unknown): void => void seen.push(event)
    const faulty = new FaultyExecutor(target.session)
    const limiter = new RateLimiter(faulty, { limit: 5 })
    subscribe('tsylla:rate-limit', listener)
    const decision = await limiter.take('seen', { cost: 2 })
    const refused = await limiter.take('seen', { cost: 6 })
    const penalty = await limiter.penalty('seen')
    await limiter.peek('seen')
    await limiter.refund(decision)
    await limiter.block('seen', '1m')
    await limiter.reset('seen')
    faulty.writeFaults.push(new ClosedError('session'))
    await expect(limiter.take('seen')).rejects.toThrow()
    unsubscribe('tsylla:rate-limit', listener)
    expect(seen).toEqual([
      { type: 'admitted', key: 'seen', cost: 2, decision },
      { type: 'refused', key: 'seen', cost: 6, decision: refused },
      { type: 'penalized', key: 'seen', cost: 1, decision: penalty },
      { type: 'refunded', key: 'seen', cost: 2, decision },
      { type: 'blocked', key: 'seen', durationMs: 60_000 },
      { type: 'reset', key: 'seen' },
      { type: 'failed', key: 'seen', cost: 1 },
    ])
    expect(limiter.stats()).toMatchObject({
      ...{ admitted: 1, refused: 1, penalized: 1, refunded: 1, degraded: 0, failed: 1 },
    })
  })

  test.each([
    [{ limit: 1, rules: [{ limit: 1 }] }, /belong into rules/],
    [{ rules: [] }, /rules must be a list of 1 to 16/],
    [{ rules: [{ limit: 1 }, { limit: 2 }] }, /same window and algorithm/],
    [{ limit: 1, burst: 2 }, /burst is an option of gcra/],
    [{ limit: 1, algorithm: 'bucket' }, /algorithm must be one of fixed, sliding, gcra/],
    [{ limit: 2_000_000, per: '1s', algorithm: 'gcra' }, /at most one unit per microsecond/],
    [{ limit: 1.5 }, /limit must be an integer/],
    [{ limit: 1, per: '100ms' }, /per must be a time span from 1s/],
    [{ limit: 1, strategy: 'quorum', algorithm: 'gcra' }, /strategy quorum counts one rule/],
    [{ strategy: 'quorum', algorithm: 'sliding' }, /need the strategy exact/],
    [
      { strategy: 'local', rules: [{ limit: 1 }, { limit: 1, per: '1h' }] },
      /need the strategy exact/,
    ],
    [{ algorithm: 'gcra', burst: 0 }, /burst must be an integer from 1/],
    [{ per: 'soon' }, /per must be a time span/],
    [{ timeout: '1s', timeoutMs: 5 }, /pass one of them/],
    [{ table: 'x'.repeat(43) }, /at most 42 characters/],
    [{ consistency: 'ONE' }, /consistency must be one of/],
    [{ onError: 'ignore' }, /onError must be one of/],
  ])('a wrong option is refused: %j', (options, message) => {
    expect(() => new RateLimiter(target.session, options as RateLimiterOptions)).toThrow(message)
  })
})
