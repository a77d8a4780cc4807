import { beforeAll, expect, test } from 'vitest'
import { MetricsStore } from '../../src/patterns.ts'
import { WrappedExecutor } from '../../src/types/index.ts'
import { describePattern, FaultyExecutor } from './support.ts'

const hourMs = 3_600_000

describePattern('MetricsStore', (target) => {
  const now = Math.floor(Date.now() / hourMs) * hourMs

  beforeAll(() => new MetricsStore(target.session).createTables())

  test('points of one millisecond stand side by side', async () => {
    const metrics = new MetricsStore(target.session)
    const at = new Date(now)
    await metrics.record('same', 1, { host: 'a' }, at)
    await metrics.record('same', 2, { host: 'b' }, at)
    const points = await metrics.query('same', at, at).toArray()
    expect(points.map(({ value }) => value).sort((a, b) => a - b)).toEqual([1, 2])
    expect(points.map(({ ts }) => ts)).toEqual([at, at])
    expect(new Set(points.map(({ tags }) => tags.get('host')))).toEqual(new Set(['a', 'b']))
  })

  test('a range over many buckets comes in order, both ends included, page by page', async () => {
    const metrics = new MetricsStore(target.session, { bucketSeconds: 60, parallelBuckets: 3 })
    const count = 200
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        metrics.record('range', i, {}, new Date(now - (count - i) * 10_000)),
      ),
    )
    const from = new Date(now - 150 * 10_000)
    const to = new Date(now - 20 * 10_000)
    const values: number[] = []
    for await (const { value } of metrics.query('range', from, to)) values.push(value)
    expect(values).toEqual(Array.from({ length: 131 }, (_, i) => i + 50))
  })

  test('a query can be left early and run again', async () => {
    const query = new MetricsStore(target.session, { bucketSeconds: 60 }).query(
      'range',
      new Date(now - 200 * 10_000),
      new Date(now),
    )
    for await (const { value } of query) if (value === 3) break
    expect(await query.toArray()).toHaveLength(200)
  })

  test('the life of a point counts from its own time', async () => {
    const metrics = new MetricsStore(target.session, { retentionSeconds: 86_400 })
    await metrics.record('old', 1, {}, new Date(Date.now() - 80_000_000))
    const bucket = Math.floor((Date.now() - 80_000_000) / 86_400_000)
    const row = (
      await target.session.execute(
        'SELECT ttl(value) AS life FROM metrics WHERE name = ? AND bucket = ?',
        ['old', BigInt(bucket)],
      )
    ).firstRow()
    expect(row?.['life']).toBeLessThan(6_401)
    expect(row?.['life']).toBeGreaterThan(6_000)
    await expect(
      metrics.record('old', 1, {}, new Date(Date.now() - 87_000_000)),
    ).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })

  test('a range without an end asks for no buckets that can hold nothing', async () => {
    const metrics = new MetricsStore(target.session, { bucketSeconds: 3_600 })
    await metrics.record('open', 1)
    const points = await metrics.query('open', new Date(0), new Date(8.64e15)).toArray()
    expect(points).toHaveLength(1)
    await expect(
      metrics.record('open', 1, {}, new Date(Date.now() + 700_000_000)),
    ).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })

  test('tags that are null are none', async () => {
    const metrics = new MetricsStore(target.session)
    const at = new Date(now)
    await metrics.record('untagged', 1, null, at)
    await metrics.record('untagged', 2, undefined, at)
    await metrics.record('untagged', 3, new Map([['host', 'a']]), at)
    const points = await metrics.query('untagged', at, at).toArray()
    const tagsOf = new Map(points.map(({ value, tags }) => [value, [...tags]]))
    expect([1, 2, 3].map((value) => tagsOf.get(value))).toEqual([[], [], [['host', 'a']]])
    for (const wrong of ['host', 5, ['host']]) {
      await expect(metrics.record('m', 1, wrong as never)).rejects.toThrow(/tags/)
    }
  })

  test('a value that is not finite is refused, and nothing is stored', async () => {
    const metrics = new MetricsStore(target.session)
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      await expect(metrics.record('cpu', value)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: `value must be a finite number, not ${value}`,
      })
    }
    const all = await metrics.query('cpu', new Date(0), new Date(8.64e15)).toArray()
    expect(all).toEqual([])
  })

  test('a query that would read too many buckets is refused before anything is read', async () => {
    const faulty = new FaultyExecutor(target.session)
    const metrics = new MetricsStore(faulty, { bucketSeconds: 1, retentionSeconds: 86_400 })
    expect(() => metrics.query('cpu', new Date(0), new Date(8.64e15))).toThrow(
      /has 172801 buckets of 1 s, and a query reads at most 10000: query a narrower range/,
    )
    expect(faulty.requests).toEqual([])
    const from = new Date(now - 9_000_000)
    expect(await metrics.query('cpu', from, new Date(now - 8_990_000)).toArray()).toEqual([])
  })

  test('a query ends at its limit and by its signal', async () => {
    const metrics = new MetricsStore(target.session, { bucketSeconds: 60 })
    const from = new Date(now - 100 * 1_000)
    for (let i = 0; i < 5; i++) await metrics.record('stop', i, {}, new Date(+from + i * 20_000))
    const to = new Date(now)
    const first = await metrics.query('stop', from, to, { limit: 2 }).toArray()
    expect(first.map(({ value }) => value)).toEqual([0, 1])
    const controller = new AbortController()
    const values: number[] = []
    const query = metrics.query('stop', from, to, { signal: controller.signal })
    const reading = async (): Promise<void> => {
      for await (const { value } of query) {
        values.push(value)
        controller.abort()
      }
    }
    await expect(reading()).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    expect(values.length).toBeLessThan(5)
    expect(() => metrics.query('stop', from, to, { limit: 0 })).toThrow(/limit/)
    expect(() => metrics.query('stop', from, to, { limt: 1 } as never)).toThrow(
      /Did you mean "limit"/,
    )
  })

  test('requests have the time limit of the store', async () => {
    const limits: unknown[] = []
    const executor = new WrappedExecutor(
      target.session,
      (call, next) => {
        if (call.verb === 'executePrepared' || call.verb === 'page') {
          limits.push(call.options?.timeout)
        }
        return next(call)
      },
      { isolated: true },
    )
    const metrics = new MetricsStore(executor, { timeout: '3s' })
    await metrics.record('timed', 1)
    await metrics.query('timed', new Date(), new Date()).toArray()
    expect(limits).toHaveLength(2)
    for (const limit of limits) {
      // The time of the PREPARE is taken off.
      expect(limit).toBeGreaterThan(0)
      expect(limit).toBeLessThanOrEqual(3_000)
    }
    expect(() => new MetricsStore(executor, { timeout: 'soon' as never })).toThrow(/timeout/)
  })

  test('wrong arguments are named', async () => {
    const metrics = new MetricsStore(target.session)
    await expect(metrics.record('', 1)).rejects.toThrow(/metric/)
    await expect(metrics.record('m', 'x' as never)).rejects.toThrow(/value/)
    expect(() => metrics.query('m', new Date(2), new Date(1))).toThrow(/from/)
    expect(() => metrics.query('m', new Date(Number.NaN), new Date(1))).toThrow(/from/)
  })
})
