import * as flexible from 'rate-limiter-flexible'
import { beforeAll, expect, test } from 'vitest'
import { flexibleRateLimiter } from '../../src/adapters/rate-limiter-flexible.ts'
import { LosingExecutor } from '../support/losing-executor.ts'
import { describeOnServers } from '../support/targets.ts'

const RateLimiterTsylla = flexibleRateLimiter(flexible)
type Limiter = InstanceType<typeof RateLimiterTsylla>
type Options = Partial<flexible.IRateLimiterStoreOptions>

describeOnServers('rate-limiter-flexible', (target) => {
  const limiterWith = (options: Options): Limiter =>
    new RateLimiterTsylla({ storeClient: target.session, points: 2, duration: 3_600, ...options })
  const memoryWith = (options: Options): flexible.RateLimiterMemory =>
    new flexible.RateLimiterMemory({ points: 2, duration: 3_600, ...options })

  beforeAll(() => limiterWith({}).createTables())

  type Step = (limiter: flexible.RateLimiterAbstract) => Promise<unknown>
  /** What became of the steps; times are rounded to minutes. */
  async function run(limiter: flexible.RateLimiterAbstract, steps: Step[]): Promise<unknown[]> {
    const results: unknown[] = []
    for (const step of steps) {
      const outcome = await step(limiter).then(
        (value) => ['resolved', value] as const,
        (reason: unknown) => ['rejected', reason] as const,
      )
      const [kind, value] = outcome
      if (!(value instanceof flexible.RateLimiterRes)) results.push(outcome)
      else {
        const { msBeforeNext, remainingPoints, consumedPoints } = value
        results.push([kind, remainingPoints, consumedPoints, Math.round(msBeforeNext / 60_000)])
      }
    }
    return results
  }

  const consume: Step = (limiter) => limiter.consume('k')
  const get: Step = (limiter) => limiter.get('k')
  const scripts: Record<string, { options?: Options; steps: Step[] }> = {
    'consume until it is refused': { steps: [get, consume, get, consume, consume, get, consume] },
    'consume several points': {
      steps: [(limiter) => limiter.consume('k', 2), consume, (limiter) => limiter.consume('k', 5)],
    },
    'penalty and reward': {
      steps: [
        (limiter) => limiter.penalty('k', 2),
        consume,
        (limiter) => limiter.reward('k', 2),
        consume,
        (limiter) => limiter.reward('other'),
      ],
    },
    delete: {
      steps: [(limiter) => limiter.delete('k'), consume, (limiter) => limiter.delete('k'), get],
    },
    'block and its end': {
      steps: [
        (limiter) => limiter.block('k', 600),
        consume,
        get,
        (limiter) => limiter.delete('k'),
        consume,
      ],
    },
    'block for ever': { steps: [(limiter) => limiter.block('k', 0), consume] },
    set: {
      steps: [
        (limiter) => limiter.set('k', 1, 600),
        get,
        consume,
        consume,
        (limiter) => limiter.set('k', 0, 0),
        consume,
      ],
    },
    blockDuration: {
      options: { blockDuration: 7_200 },
      steps: [consume, consume, consume, consume, get],
    },
    customDuration: {
      steps: [(limiter) => limiter.consume('k', 1, { customDuration: 600 }), consume, consume],
    },
    'a limit of 0': { options: { points: 0 }, steps: [consume] },
    'no prefix': { options: { keyPrefix: '' }, steps: [consume, get] },
  }

  test.each(Object.entries(scripts))(
    'does what its limiter in memory does: %s',
    async (name, { options, steps }) => {
      const own = { keyPrefix: name, ...options }
      const inMemory = await run(memoryWith(own), steps)
      expect(await run(limiterWith(own), steps)).toEqual(inMemory)
    },
  )

  test('says which call was the first of a duration', async () => {
    const limiter = limiterWith({ keyPrefix: 'first' })
    expect((await limiter.consume('k')).isFirstInDuration).toBe(true)
    expect((await limiter.consume('k')).isFirstInDuration).toBe(false)
    expect((await limiter.get('k'))?.isFirstInDuration).toBe(false)
  })

  test('exactly the points are admitted over several processes', async () => {
    const limiters = [target.session, await target.open(), await target.open()].map((storeClient) =>
      limiterWith({ storeClient, points: 10, keyPrefix: 'shared' }),
    )
    const answers = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) => limiters[i % 3]!.consume('k')),
    )
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    expect((await limiters[0]!.get('k'))?.consumedPoints).toBe(30)
  })

  test('calls that wait for one key share conditional writes', async () => {
    const counting = new LosingExecutor(target.session)
    const limiter = limiterWith({ storeClient: counting, points: 1_000, keyPrefix: 'hot' })
    await Promise.all(Array.from({ length: 300 }, () => limiter.consume('k')))
    expect((await limiter.get('k'))?.consumedPoints).toBe(300)
    expect(counting.executeCount).toBeLessThanOrEqual(3)
  })

  test('a call whose answer is lost is counted once', async () => {
    const losing = new LosingExecutor(target.session, 2)
    const limiter = limiterWith({ storeClient: losing, points: 100, keyPrefix: 'lost' })
    for (let i = 0; i < 20; i++) await limiter.consume('k')
    expect(losing.lostCount).toBe(10)
    expect((await limiter.get('k'))?.consumedPoints).toBe(20)
  })

  test.each(['x; DROP TABLE y', 'Upper', ''])('the table name %j is refused', (tableName) => {
    expect(() => limiterWith({ tableName })).toThrow('A table name is')
  })

  test('points are back after the duration', async () => {
    const limiter = limiterWith({ points: 1, duration: 0.2, keyPrefix: 'short' })
    await limiter.consume('k')
    const refused = await limiter.consume('k').catch((reason: flexible.RateLimiterRes) => reason)
    expect(refused.msBeforeNext).toBeLessThanOrEqual(200)
    await expect
      .poll(
        async () =>
          await limiter.consume('k').then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      )
      .toBe(true)
  })

  test('its options for stores work: blocks in memory and an insurance', async () => {
    const session = await target.open()
    const limiter = limiterWith({
      ...{ storeClient: session, keyPrefix: 'insured', inMemoryBlockOnConsumed: 3 },
      insuranceLimiter: memoryWith({ points: 1 }),
    })
    for (let i = 0; i < 2; i++) await limiter.consume('k')
    await expect(limiter.consume('k')).rejects.toMatchObject({ consumedPoints: 3 })
    await session.close()
    await expect(limiter.consume('k')).rejects.toMatchObject({ consumedPoints: 0 })
    expect((await limiter.consume('other')).remainingPoints).toBe(0)
    await expect(limiter.consume('other')).rejects.toBeInstanceOf(flexible.RateLimiterRes)
  })

  test('a failure of the database rejects with its error', async () => {
    const session = await target.open()
    const limiter = limiterWith({ storeClient: session })
    await session.close()
    await expect(limiter.consume('k')).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })
})
