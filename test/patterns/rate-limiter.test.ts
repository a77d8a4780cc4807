import { beforeAll, expect, test } from 'vitest'
import { RateLimiter } from '../../src/patterns.ts'
import { describeOnServers } from '../support/targets.ts'
import { LosingExecutor } from '../support/losing-executor.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describeOnServers('RateLimiter', (target) => {
  beforeAll(() => new RateLimiter(target.session).createTables())

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

  test('callers that ask at the same time share a write', async () => {
    const counting = new LosingExecutor(target.session)
    const limiter = new RateLimiter(counting)
    await Promise.all(Array.from({ length: 50 }, () => limiter.check('combined', 1_000, 3_600)))
    expect(counting.executeCount).toBeLessThanOrEqual(2)
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

  test('take tells what is left and when it begins anew; windows are apart', async () => {
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
    const rows = await target.session.execute('SELECT ttl(used) AS life FROM rate_limits')
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
  })
})
