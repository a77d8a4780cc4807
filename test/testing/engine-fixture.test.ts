import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { createTables, Lock, RateLimiter } from '../../src/patterns.ts'
import { engineFixture, ManualClock, SkewedClock } from '../../src/testing.ts'

let setUpCount = 0
const fixture = engineFixture({
  now: new Date('2026-01-01T00:00:00Z'),
  async setUp(session, clock) {
    setUpCount++
    await createTables(session, [new RateLimiter(session), new Lock(session)])
    await session.execute('CREATE TABLE t (id int PRIMARY KEY)')
    await session.execute('INSERT INTO t (id) VALUES (0)')
    clock.advance('1s')
  },
})

afterAll(() => fixture.close())
afterEach(() => {
  vi.useRealTimers()
})

describe('a fixture', () => {
  test('sets up once, and every test has a copy and a time of its own', async () => {
    await using first = await fixture.open()
    await using second = await fixture.open()
    expect(setUpCount).toBe(1)
    await first.session.execute('INSERT INTO t (id) VALUES (1)')
    const countOf = async ({ session }: typeof first): Promise<number> =>
      (await session.execute('SELECT id FROM t')).length
    expect([await countOf(first), await countOf(second)]).toEqual([2, 1])
    first.clock.advance('1h')
    expect(first.clock.nowMs() - second.clock.nowMs()).toBe(3_600_000)
    expect(second.clock.nowMs()).toBe(Date.parse('2026-01-01T00:00:01Z'))
  })

  test('rows expire by a call, also under the fake timers of test runners', async () => {
    vi.useFakeTimers()
    await using db = await fixture.open()
    await db.session.execute('INSERT INTO t (id) VALUES (1) USING TTL 60')
    const isThere = async (): Promise<boolean> =>
      (await db.session.execute('SELECT id FROM t WHERE id = 1')).length === 1
    db.clock.advance('59s')
    expect(await isThere()).toBe(true)
    db.clock.advance('1s')
    expect(await isThere()).toBe(false)
  })

  test('windows of a limiter and leases of a lock end by a call', async () => {
    await using db = await fixture.open()
    const limiter = new RateLimiter(db.session, { limit: 1, per: '1m' })
    expect([await limiter.check('k'), await limiter.check('k')]).toEqual([true, false])
    db.clock.advance('1m')
    expect(await limiter.check('k')).toBe(true)
    const lock = new Lock(db.session, { ttl: '10s' })
    const lease = await lock.acquire('job')
    // It is extended, as requests are answered between the timers.
    await db.clock.run('1m')
    expect(lease.isHeld).toBe(true)
    // All timers run at once, before any answer: as if the process had hung.
    db.clock.advance('1m')
    expect(lease.isHeld).toBe(false)
  })

  test('that could not be set up says why', async () => {
    await using broken = engineFixture({ setUp: (session) => session.execute('NO') as never })
    await expect(broken.open()).rejects.toMatchObject({ code: 'TSYLLA_SERVER_SYNTAX' })
  })

  test('closes what is open', async () => {
    const own = engineFixture()
    const db = await own.open()
    await own.close()
    await expect(db.session.execute('SELECT key FROM system.local')).rejects.toMatchObject({
      outcome: 'not_applied',
    })
    await db.close()
  })
})

describe('a fixture that is being closed', () => {
  test('opens nothing, and closes what is being opened', async () => {
    const own = engineFixture()
    const opening = own.open()
    const closing = own.close()
    await expect(own.open()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await Promise.all([closing, own.close()])
    const { session } = await opening
    await expect(session.execute('SELECT key FROM system.local')).rejects.toMatchObject({
      outcome: 'not_applied',
    })
    await using reopened = await own.open()
    expect(await reopened.session.execute('SELECT key FROM system.local')).toHaveLength(1)
    await own.close()
  })

  test('options that are none are refused', () => {
    expect(() => engineFixture({ setup: () => {} } as never)).toThrow(/Did you mean "setUp"/)
    expect(() => engineFixture({ setUp: 'CREATE' as never })).toThrow(/setUp must be a function/)
  })
})

describe('a manual clock', () => {
  test('never goes back, also when timers move time themselves', async () => {
    const clock = new ManualClock(0)
    clock.schedule(10, () => clock.advance('1h'))
    clock.advance(20)
    expect(clock.monotonicMs()).toBe(3_600_010)
    const running = clock.run('1m')
    clock.advance('1h')
    await running
    expect(clock.monotonicMs()).toBe(7_200_010)
  })

  test('moves on when a timer throws, calls the others, and then throws that', async () => {
    const clock = new ManualClock(0)
    const seen: number[] = []
    const fail = (): never => {
      seen.push(clock.nowMs())
      throw new Error(`at ${clock.nowMs()}`)
    }
    clock.schedule(10, fail)
    clock.schedule(20, () => seen.push(clock.nowMs()))
    expect(() => clock.advance(100)).toThrow('at 10')
    expect([clock.nowMs(), seen]).toEqual([100, [10, 20]])
    clock.schedule(10, fail)
    clock.schedule(20, fail)
    await expect(clock.run(50)).rejects.toMatchObject({
      ...{ name: 'AggregateError', errors: [{ message: 'at 110' }, { message: 'at 120' }] },
    })
    expect(clock.nowMs()).toBe(150)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), '2026' as never])(
    'does not begin at %s',
    (now) => {
      expect(() => new ManualClock(now)).toThrow(/now must be a valid Date/)
    },
  )

  test('calls timers in the order of time while it advances', () => {
    const clock = new ManualClock(1_000)
    const seen: string[] = []
    clock.schedule(20, () => seen.push(`b ${clock.nowMs()}`))
    clock.schedule(10, () => {
      seen.push(`a ${clock.nowMs()}`)
      clock.schedule(5, () => seen.push(`c ${clock.nowMs()}`))
    })
    clock.schedule(20, () => seen.push(`d ${clock.nowMs()}`))
    const cancelled = clock.schedule(1, () => seen.push('never'))
    cancelled.cancel()
    clock.schedule(31, () => seen.push('later'))
    clock.advance(30)
    expect(seen).toEqual(['a 1010', 'c 1015', 'b 1020', 'd 1020'])
    expect([clock.nowMs(), clock.monotonicMs(), clock.pendingCount]).toEqual([1_030, 1_030, 1])
    expect(() => clock.advance(-1)).toThrow(/span/)
  })

  test('lets what timers cause happen before the next one, when it runs', async () => {
    const clock = new ManualClock(0)
    const seen: number[] = []
    const tick = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(clock.nowMs())
      if (seen.length < 3) clock.schedule(10, () => void tick())
    }
    clock.schedule(10, () => void tick())
    await clock.run('1s')
    expect([seen, clock.nowMs()]).toEqual([[10, 20, 30], 1_000])
  })
})

test('a skewed clock has a wrong date and right intervals', () => {
  const base = new ManualClock(10_000)
  const clock = new SkewedClock(-4_000, base)
  let isCalled = false
  clock.schedule(100, () => (isCalled = true))
  expect([clock.nowMs(), clock.monotonicMs()]).toEqual([6_000, 10_000])
  clock.offsetMs = 500
  base.advance(100)
  expect([clock.nowMs(), isCalled]).toEqual([10_600, true])
})
