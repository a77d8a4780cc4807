import { beforeAll, expect, test } from 'vitest'
import {
  ConcurrencyConflictError,
  NoNodeAvailableError,
  RequestTimeoutError,
  type Result,
  type Session,
} from '../../src/index.ts'
import { EventStore } from '../../src/patterns.ts'
import { LosingExecutor } from '../support/losing-executor.ts'
import { describeOnServers } from '../support/targets.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

async function versionsOf(store: EventStore, streamId: string): Promise<number[]> {
  return (await store.read(streamId).toArray()).map(({ version }) => version)
}

/** Applies a batch and loses the answer, or does not send it at all, as it is told. */
class FlakyExecutor extends LosingExecutor {
  readonly answers: ('lost' | 'no node')[] = []
  onBatch: () => void = () => {}
  batchCount = 0

  override async batch<C>(...parameters: Parameters<Session['batch']>): Promise<Result<C>> {
    this.batchCount++
    this.onBatch()
    const answer = this.answers.shift()
    if (answer === 'no node') throw new NoNodeAvailableError(new Map())
    const result = await super.batch<C>(...parameters)
    if (answer === 'lost') throw new RequestTimeoutError(1, 'unknown')
    return result
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describeOnServers('EventStore', (target) => {
  beforeAll(() => new EventStore(target.session).createTables())

  test('events are appended one by one or several at once, and read after a version', async () => {
    const store = new EventStore(target.session)
    expect(await store.append('s', 'created', { n: 1 })).toBe(1)
    const more = [
      { type: 'changed', data: { n: 2 } },
      { type: 'changed', data: null },
    ]
    expect(await store.append('s', more)).toBe(3)
    expect(await store.read('s', { fromVersion: 1 }).toArray()).toMatchObject([
      { version: 2, type: 'changed', data: { n: 2 } },
      { version: 3, type: 'changed', data: null },
    ])
    expect(await store.read('nobody').toArray()).toEqual([])
  })

  test('expectedVersion: 0 wants an empty stream; a conflict tells the actual version', async () => {
    const store = new EventStore(target.session)
    expect(await store.append('e', 'a', 1, { expectedVersion: 0 })).toBe(1)
    expect(await store.append('e', 'b', 2, { expectedVersion: 1 })).toBe(2)
    for (const expectedVersion of [0, 1, 5]) {
      const conflict = await store.append('e', 'c', 3, { expectedVersion }).catch((e: unknown) => e)
      expect(conflict).toBeInstanceOf(ConcurrencyConflictError)
      expect(conflict).toMatchObject({ actualVersion: 2, expectedVersion, outcome: 'not_applied' })
    }
    expect(await versionsOf(store, 'e')).toEqual([1, 2])
  })

  test('racing appends lose nothing, leave no gap and repeat nothing', async () => {
    const stores = await Promise.all(
      Array.from(
        { length: 4 },
        async () => new EventStore(await target.open(), { timeoutMs: 60_000 }),
      ),
    )
    const appended = await Promise.all(
      stores.flatMap((store, i) =>
        Array.from({ length: 8 }, (_, j) =>
          j % 2 === 0
            ? store.append('race', 'one', [i, j])
            : store.append('race', [
                { type: 'two', data: [i, j, 0] },
                { type: 'two', data: [i, j, 1] },
              ]),
        ),
      ),
    )
    expect(new Set(appended).size).toBe(32)
    const events = await stores[0]!.read('race').toArray()
    expect(events.map(({ version }) => version)).toEqual(upTo(48))
    expect(new Set(events.map(({ data }) => JSON.stringify(data))).size).toBe(48)
    for (const [i, event] of events.entries()) {
      const isFirstHalf = event.type === 'two' && (event.data as number[])[2] === 0
      if (isFirstHalf)
        expect(events[i + 1]?.data).toMatchObject([...(event.data as number[]).slice(0, 2), 1])
    }
  })

  test('of racing appends with one expected version exactly one gets it', async () => {
    const store = new EventStore(target.session)
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => store.append('first', 'x', i, { expectedVersion: 0 })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await versionsOf(store, 'first')).toEqual([1])
  })

  test('an append whose answer is lost is found again, never a conflict with itself', async () => {
    const losing = new LosingExecutor(target.session, 2)
    const store = new EventStore(losing, { timeoutMs: 30_000 })
    for (let i = 0; i < 8; i++) {
      expect(await store.append('lost', 'x', i, { expectedVersion: i })).toBe(i + 1)
    }
    for (let i = 8; i < 12; i++) expect(await store.append('lost', 'x', i)).toBe(i + 1)
    expect(losing.lostCount).toBeGreaterThan(4)
    const events = await store.read('lost').toArray()
    expect(events.map(({ data }) => data)).toEqual(upTo(12).map((n) => n - 1))
  })

  test('an append whose answer is lost is not called unapplied because nothing answers later', async () => {
    const flaky = new FlakyExecutor(target.session)
    const store = new EventStore(flaky, { timeoutMs: 30_000 })
    flaky.answers.push('lost', 'no node')
    expect(await store.append('flaky', 'x', 1)).toBe(1)
    expect(await versionsOf(store, 'flaky')).toEqual([1])
    const hasty = new EventStore(flaky, { timeoutMs: 50 })
    flaky.answers.push('lost', ...Array.from({ length: 50 }, () => 'no node' as const))
    await expect(hasty.append('flaky', 'x', 2)).rejects.toMatchObject({ outcome: 'unknown' })
    flaky.answers.length = 0
    expect(await versionsOf(store, 'flaky')).toEqual([1, 2])
  })

  test('an append whose time is over before its turn is not sent', async () => {
    const clock = new VirtualClock()
    const flaky = new FlakyExecutor(target.session)
    const store = new EventStore(flaky, { timeoutMs: 1_000, clock })
    flaky.onBatch = () => clock.advance(2_000)
    const first = store.append('late', 'x', 1)
    const second = expect(store.append('late', 'x', 2)).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'not_applied',
    })
    expect(await first).toBe(1)
    await second
    expect(flaky.batchCount).toBe(1)
  })

  test('long streams are read page by page', async () => {
    const store = new EventStore(target.session)
    for (let i = 0; i < 6; i++) {
      await store.append(
        'long',
        Array.from({ length: 1_000 }, (_, j) => ({ type: 't', data: i * 1_000 + j })),
      )
    }
    let count = 0
    for await (const event of store.read<number>('long')) expect(event.data).toBe(count++)
    expect(count).toBe(6_000)
  })

  test('wrong arguments are named', async () => {
    const store = new EventStore(target.session)
    await expect(store.append('', 'x', 1)).rejects.toThrow(/streamId/)
    await expect(store.append('s', '', 1)).rejects.toThrow(/type/)
    await expect(store.append('s', 'x', undefined)).rejects.toThrow(/JSON/)
    await expect(store.append('s', 'x', 1n)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    await expect(store.append('s', [null as never])).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    for (const options of [{ timeoutMs: 0 }, { timeoutMs: Number.NaN }, { appendCountMax: 1e6 }]) {
      expect(() => new EventStore(target.session, options)).toThrow(/whole number/)
    }
    await expect(store.append('s', [])).rejects.toThrow(/1 … 1000 events/)
    await expect(store.append('s', 'x', 1, { expectedVersion: -1 })).rejects.toThrow(
      /expectedVersion/,
    )
    expect(() => store.read('s', { fromVersion: 0.5 })).toThrow(/fromVersion/)
  })
})
