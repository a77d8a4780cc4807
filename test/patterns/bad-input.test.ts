import { beforeAll, describe, expect, test } from 'vitest'
import {
  Cache,
  createTables,
  EventStore,
  Lock,
  MetricsStore,
  RateLimiter,
  Semaphore,
  SessionManager,
} from '../../src/patterns.ts'
import { describeOnServers, type Target } from '../support/targets.ts'
import { FaultyExecutor } from './support.ts'

const texts = {
  'an empty text': '',
  'a text of 64 KiB': 'x'.repeat(65_536),
  'the first half of a surrogate pair': 'key \ud83d',
  'the second half of a surrogate pair': '\ude00 key',
  'a number': 5,
  null: null,
  undefined: undefined,
} as const

/** Opens every pattern on one executor, which keeps what it was asked. */
function open(target: Target) {
  const faulty = new FaultyExecutor(target.session)
  const rule = { limit: 5, per: '1d' } as const
  return {
    faulty,
    exact: new RateLimiter(faulty, { ...rule, table: 'bad_exact' }),
    quorum: new RateLimiter(faulty, { ...rule, strategy: 'quorum', table: 'bad_quorum' }),
    local: new RateLimiter(faulty, { ...rule, strategy: 'local', table: 'bad_local' }),
    cache: new Cache(faulty, { table: 'bad_cache' }),
    lock: new Lock(faulty, { table: 'bad_locks' }),
    semaphore: new Semaphore(faulty, { limit: 1, table: 'bad_semaphores' }),
    events: new EventStore(faulty, { table: 'bad_events' }),
    metrics: new MetricsStore(faulty, { table: 'bad_metrics' }),
    sessions: new SessionManager(faulty, { table: 'bad_sessions' }),
  }
}
type Patterns = ReturnType<typeof open>

/** Every call that takes a key, by what its error calls the key. */
const calls: readonly (readonly [string, (patterns: Patterns, key: string) => unknown])[] = [
  ['key', ({ exact }, key) => exact.take(key)],
  ['key', ({ exact }, key) => exact.check(key, 1, 60)],
  ['key', ({ exact }, key) => exact.peek(key)],
  ['key', ({ exact }, key) => exact.penalty(key)],
  ['key', ({ exact }, key) => exact.block(key, '1s')],
  ['key', ({ exact }, key) => exact.reset(key)],
  ['key', ({ exact }, key) => exact.waitFor(key)],
  ['key', ({ quorum }, key) => quorum.take(key)],
  ['key', ({ local }, key) => local.take(key)],
  ['key', ({ cache }, key) => cache.get(key)],
  ['key', ({ cache }, key) => cache.lookup(key)],
  ['key', ({ cache }, key) => cache.has(key)],
  ['key', ({ cache }, key) => cache.set(key, 1)],
  ['key', ({ cache }, key) => cache.setIfAbsent(key, 1)],
  ['key', ({ cache }, key) => cache.compareAndSet(key, 1, 2)],
  ['key', ({ cache }, key) => cache.expire(key, '1m')],
  ['key', ({ cache }, key) => cache.delete(key)],
  ['key', ({ cache }, key) => cache.getOrSet(key, () => 1)],
  ['key', ({ cache }, key) => cache.getMany(['good', key])],
  ['key', ({ cache }, key) => cache.setMany(new Map([['good', 1]]).set(key, 2))],
  ['A namespace', async ({ cache }, key) => await cache.namespace(key).set('a', 1)],
  ['tags', ({ cache }, key) => cache.invalidateTags(['good', key])],
  ['tags', ({ cache }, key) => cache.set('a', 1, { tags: [key] })],
  ['The name of a lock', ({ lock }, name) => lock.acquire(name)],
  ['The name of a lock', ({ lock }, name) => lock.tryAcquire(name)],
  ['The name of a semaphore', ({ semaphore }, name) => semaphore.acquire(name)],
  ['The name of a semaphore', ({ semaphore }, name) => semaphore.count(name)],
  ['streamId', ({ events }, id) => events.append(id, 'type', {})],
  ['streamId', async ({ events }, id) => await events.read(id).toArray()],
  ['The type of an event', ({ events }, type) => events.append('s', [{ type, data: {} }])],
  ['metric', ({ metrics }, metric) => metrics.record(metric, 1)],
  ['metric', async ({ metrics }, name) => metrics.query(name, new Date(), new Date())],
  ['userId', ({ sessions }, user) => sessions.createSession(user, '')],
  ['userId', ({ sessions }, user) => sessions.revokeAll(user)],
  ['userId', async ({ sessions }, user) => await sessions.listSessions(user).toArray()],
]

describeOnServers('keys that are none', (target) => {
  let patterns: Patterns

  beforeAll(async () => {
    patterns = open(target)
    const { faulty, ...owners } = patterns
    await createTables(faulty, Object.values(owners))
  })

  describe.each(Object.entries(texts))('%s', (_, key) => {
    test.each(calls)('%s %s', async (name, call) => {
      const { faulty } = patterns
      const before = faulty.requests.length
      const attempt = async (): Promise<unknown> => await call(patterns, key as string)
      await expect(attempt()).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        outcome: 'not_applied',
        message: expect.stringContaining(name) as string,
      })
      expect(faulty.requests.slice(before)).toEqual([])
    })
  })

  test.each(['\0', ' ', '*', "'; --", '😀', 'x'.repeat(8_000), '__proto__', 'é', 'e\u0301'])(
    'any other text is a key of its own: %j',
    async (key) => {
      const { exact, quorum, cache, lock, semaphore, events, metrics } = patterns
      expect(await exact.take(key)).toMatchObject({ ok: true, remaining: 4 })
      expect(await quorum.take(key)).toMatchObject({ ok: true, remaining: 4 })
      await cache.set(key, key)
      expect(await cache.get(key)).toBe(key)
      // Released at the end: other tests would see how they are extended.
      await using lease = await lock.tryAcquire(key)
      expect(lease?.isHeld).toBe(true)
      await using permit = await semaphore.tryAcquire(key)
      expect(permit?.isHeld).toBe(true)
      expect(await events.append(key, key, key)).toBe(1)
      await metrics.record(key, 1, { [key]: key })
      const [point] = await metrics.query(key, new Date(0), new Date()).toArray()
      expect([...(point?.tags ?? [])]).toEqual([[key, key]])
    },
  )
})

const noNumbers = [-1, Number.NaN, Number.POSITIVE_INFINITY, 1.5, '1', null, true] as const
const noSpans = [-1, Number.NaN, 1.5, '', '5', '5 m', '-5m', 'NaNs', '1e9s', null] as const
/** In milliseconds or seconds from now: later than 2038. */
const tooFar = 3e12

type NumberCall = (patterns: Patterns, value: never) => unknown

/** Calls that take a number, and what they refuse besides {@link noNumbers}. */
const numberCalls: readonly (readonly [string, NumberCall, ...unknown[]])[] = [
  ['limit', ({ faulty }, limit) => new RateLimiter(faulty, { limit, per: '1s' })],
  ['limit', ({ exact }, limit) => exact.take('key', { limit })],
  ['limit', ({ faulty }, limit) => new Semaphore(faulty, { limit }), 0, tooFar],
  ['windowSeconds', ({ exact }, seconds) => exact.check('key', 1, seconds), 0, tooFar],
  ['cost', ({ exact }, cost) => exact.take('key', { cost }), 0],
  ['cost', ({ quorum }, cost) => quorum.take('key', { cost }), 0],
  ['cost', ({ local }, cost) => local.penalty('key', { cost }), 0],
  ['ttlSeconds', ({ faulty }, ttlSeconds) => new Cache(faulty, { ttlSeconds }), 0, tooFar],
  ['ttlSeconds', ({ cache }, ttlSeconds) => cache.set('key', 1, { ttlSeconds }), 0, tooFar],
  [
    'retentionSeconds',
    ({ faulty }, retentionSeconds) => new MetricsStore(faulty, { retentionSeconds }),
    ...[0, tooFar],
  ],
  ['bucketSeconds', ({ faulty }, bucketSeconds) => new MetricsStore(faulty, { bucketSeconds }), 0],
  ['limit', ({ metrics }, limit) => metrics.query('m', new Date(), new Date(), { limit }), 0],
  [
    'expectedVersion',
    ({ events }, version) => {
      return events.append('s', 't', 1, { expectedVersion: version })
    },
  ],
]

/** Calls that take a time span, and what they refuse besides {@link noSpans}. */
const spanCalls: readonly (readonly [string, NumberCall, ...unknown[]])[] = [
  ['per', ({ faulty }, per) => new RateLimiter(faulty, { limit: 1, per }), 0, tooFar],
  ['per', ({ exact }, per) => exact.take('key', { limit: 1, per }), 0, tooFar],
  ['timeout', ({ faulty }, timeout) => new RateLimiter(faulty, { limit: 1, timeout }), 0, tooFar],
  ['duration', ({ exact }, duration) => exact.block('key', duration), tooFar],
  ['ttl', ({ faulty }, ttl) => new Cache(faulty, { ttl }), 0, tooFar],
  ['ttl', ({ cache }, ttl) => cache.set('key', 1, { ttl }), 0, tooFar],
  ['ttl', ({ cache }, ttl) => cache.getOrSet('key', () => 1, { ttl }), 0, tooFar],
  ['ttl', ({ cache }, ttl) => cache.expire('key', ttl), 0, tooFar],
  ['ttl', ({ faulty }, ttl) => new Lock(faulty, { ttl }), 0, tooFar],
  ['ttl', ({ lock }, ttl) => lock.acquire('name', { ttl }), 0, tooFar],
  ['ttl', ({ faulty }, ttl) => new Semaphore(faulty, { limit: 1, ttl }), 0, tooFar],
  ['timeout', ({ faulty }, timeout) => new EventStore(faulty, { timeout }), 0, tooFar],
  ['retention', ({ faulty }, retention) => new MetricsStore(faulty, { retention }), 0, tooFar],
  ['bucket', ({ faulty }, bucket) => new MetricsStore(faulty, { bucket }), 0, tooFar],
  ['idle', ({ faulty }, idle) => new SessionManager(faulty, { idle }), 0, tooFar],
  ['absolute', ({ faulty }, absolute) => new SessionManager(faulty, { absolute }), 0, tooFar],
]

describeOnServers('numbers and time spans that are none', (target) => {
  let patterns: Patterns

  beforeAll(() => {
    patterns = open(target)
  })

  async function expectRefused(name: string, attempt: () => unknown): Promise<void> {
    const { faulty } = patterns
    const before = faulty.requests.length
    const run = async (): Promise<unknown> => await attempt()
    await expect(run()).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      outcome: 'not_applied',
      message: expect.stringContaining(name) as string,
    })
    expect(faulty.requests.slice(before)).toEqual([])
  }

  const cases = [
    ...numberCalls.map(([name, call, ...others]) => ({
      name,
      call,
      refused: [...noNumbers, ...others],
    })),
    ...spanCalls.map(([name, call, ...others]) => ({
      name,
      call,
      refused: [...noSpans, ...others],
    })),
  ]
  describe.each(cases)('$name $call', ({ name, call, refused }) => {
    test.each(refused)('%s', (value) => expectRefused(name, () => call(patterns, value as never)))
  })

  test.each([
    () => new MetricsStore(patterns.faulty, { retention: '1d', retentionSeconds: 5 }),
    () => new MetricsStore(patterns.faulty, { bucket: '1d', bucketSeconds: 5 }),
    () => new EventStore(patterns.faulty, { timeout: '1s', timeoutMs: 5 }),
  ])('two options that set the same: %s', (create) => {
    return expectRefused('pass one of them', create)
  })

  test('a time span may be written in both ways', () => {
    const { faulty } = patterns
    const ofTexts = new MetricsStore(faulty, { retention: '7d', bucket: '12h' })
    const ofSeconds = new MetricsStore(faulty, { retentionSeconds: 604_800, bucketSeconds: 43_200 })
    expect(ofTexts.tables()).toEqual(ofSeconds.tables())
    expect(() => new EventStore(faulty, { timeout: '2s' })).not.toThrow()
    expect(() => new EventStore(faulty, { timeout: undefined, timeoutMs: 5 })).not.toThrow()
  })
})

describeOnServers('rows that no pattern has written', (target) => {
  const unreadable = { code: 'TSYLLA_DECODE', message: expect.stringContaining('Delete the row') }

  test('are reported with what to do, and onError decides about limits', async () => {
    const { session } = target
    const { exact, lock, semaphore, sessions } = open(target)
    const allowing = new RateLimiter(session, {
      ...{ limit: 5, per: '1d', table: 'bad_exact', onError: 'allow' },
    })
    await createTables(session, [exact, lock, semaphore, sessions])
    const op = '00000000-0000-4000-8000-000000000000'
    for (const [table, key] of [
      ['bad_exact_keys', 'key'],
      ['bad_locks', 'name'],
      ['bad_semaphores', 'name'],
    ] as const) {
      await session.execute(`INSERT INTO ${table} (${key}, op) VALUES ('no columns', ?)`, [op])
      await session.execute(`UPDATE ${table} SET op = null WHERE ${key} = 'no op'`)
    }
    await session.execute("INSERT INTO bad_exact_keys (key) VALUES ('no op')")
    await session.execute("INSERT INTO bad_locks (name, fence) VALUES ('no op', 5)")
    for (const name of ['no columns', 'no op']) {
      await expect(exact.take(name)).rejects.toMatchObject(unreadable)
      expect(await allowing.take(name)).toMatchObject({ ok: true, degraded: true })
      await expect(lock.tryAcquire(name)).rejects.toMatchObject(unreadable)
    }
    await expect(semaphore.tryAcquire('no columns')).rejects.toMatchObject(unreadable)
    const token = await sessions.createSession('ada', '')
    const { id } = (await session.execute('SELECT id FROM bad_sessions_state')).singleRow()
    await session.execute('UPDATE bad_sessions_state SET epoch = null WHERE id = ?', [id])
    await expect(sessions.validateSession(token)).rejects.toMatchObject(unreadable)
    await expect(sessions.rotateSession(token)).rejects.toMatchObject(unreadable)
  })
})
