import { beforeAll, expect, test } from 'vitest'
import {
  ClosedError,
  ConcurrencyConflictError,
  NoNodeAvailableError,
  ServerError,
  ServerErrorCode,
} from '../../src/index.ts'
import { EventStore } from '../../src/patterns.ts'
import { LosingExecutor } from '../support/losing-executor.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from './support.ts'

async function versionsOf(store: EventStore, streamId: string): Promise<number[]> {
  return (await store.read(streamId).toArray()).map(({ version }) => version)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describePattern('EventStore', (target) => {
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
      { version: 2, type: 'changed', data: { n: 2 }, ts: expect.any(Date) },
      { version: 3, type: 'changed', data: null },
    ])
    expect(await store.read('nobody').toArray()).toEqual([])
  })

  test('expectedVersion: 0 requires an empty stream; a conflict reports the actual version', async () => {
    const store = new EventStore(target.session)
    expect(await store.append('e', 'a', 1, { expectedVersion: 0 })).toBe(1)
    expect(await store.append('e', 'b', 2, { expectedVersion: 1 })).toBe(2)
    for (const expectedVersion of [0, 1, 5]) {
      const conflict = await store.append('e', 'c', 3, { expectedVersion }).catch((e: unknown) => e)
      expect(conflict).toBeInstanceOf(ConcurrencyConflictError)
      expect(conflict).toMatchObject({ actualVersion: 2, expectedVersion, outcome: 'not_applied' })
      expect(conflict).toMatchObject({
        streamId: 'e',
        message: `The stream is at version 2, expected ${expectedVersion}`,
      })
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
    const flaky = new FaultyExecutor(target.session)
    const noNode = (): Error => new NoNodeAvailableError(new Map())
    const store = new EventStore(flaky, { timeoutMs: 30_000 })
    flaky.writeFaults.push('lost', noNode())
    expect(await store.append('flaky', 'x', 1)).toBe(1)
    expect(await versionsOf(store, 'flaky')).toEqual([1])
    const hasty = new EventStore(flaky, { timeoutMs: 1_000 })
    flaky.writeFaults.push('lost', ...Array.from({ length: 1_000 }, noNode))
    await expect(hasty.append('flaky', 'x', 2)).rejects.toMatchObject({ outcome: 'unknown' })
    flaky.writeFaults.length = 0
    expect(await versionsOf(store, 'flaky')).toEqual([1, 2])
  })

  test('an append that waits for a lost batch ends when no try can mend what failed', async () => {
    const errors = [
      new ClosedError('session'),
      new ServerError(ServerErrorCode.UNAUTHORIZED, ''),
      new ServerError(ServerErrorCode.INVALID, ''),
    ]
    for (const [i, error] of errors.entries()) {
      const clock = new VirtualClock(Date.now())
      const faulty = new FaultyExecutor(target.session)
      const store = new EventStore(faulty, { clock })
      faulty.writeFaults.push('lost', error)
      const appending = expect(store.append(`ends-${i}`, 'x', 1)).rejects.toMatchObject({
        code: error.code,
        outcome: 'unknown',
      })
      await until(() => faulty.writeCount === 1 && clock.pendingCount === 1)
      clock.advance(250)
      await appending
      expect([faulty.writeCount, clock.pendingCount]).toEqual([2, 0])
    }
  })

  test('batches and reads are at one serial level, that of the store', async () => {
    for (const level of [undefined, 'SERIAL', 'LOCAL_SERIAL'] as const) {
      const session = await target.open((builder) => builder.serialConsistency('SERIAL'))
      const faulty = new FaultyExecutor(session)
      const options = level === undefined ? {} : { serialConsistency: level }
      const store = new EventStore(faulty, options)
      faulty.writeFaults.push('lost')
      await store.append(`level-${level}`, 'x', 1, { expectedVersion: 0 })
      const levels = faulty.requests.map(({ text, options: sent }) =>
        text === 'BATCH' ? sent.serialConsistency : sent.consistency,
      )
      expect(levels).toEqual(Array.from({ length: 3 }, () => level ?? 'LOCAL_SERIAL'))
    }
  })

  test('stores of one process on one table take turns on a stream', async () => {
    const counting = new FaultyExecutor(target.session)
    const stores = Array.from({ length: 4 }, () => new EventStore(counting))
    await Promise.all(stores.map((store, i) => store.append('turns', 'x', i)))
    expect(counting.writeCount).toBe(4)
  })

  test('timeoutMs covers the PREPARE, which goes on for others', async () => {
    const clock = new VirtualClock()
    const faulty = new FaultyExecutor(target.session)
    faulty.clock = clock
    faulty.prepareFaults.push('silent')
    const store = new EventStore(faulty, { timeoutMs: 500, clock })
    const appending = expect(store.append('prepare', 'x', 1)).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'not_applied',
      timeoutMs: 500,
    })
    await until(() => clock.pendingCount === 2)
    clock.advance(500)
    await appending
    // The PREPARE itself ends later, and the next append sends a new one.
    clock.advance(30_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await store.append('prepare', 'x', 1)).toBe(1)
  })

  test('one answer that never comes costs a part of the time: the append is looked up', async () => {
    for (const [i, timeoutMs] of [10_000, 1_000].entries()) {
      const clock = new VirtualClock(Date.now())
      const startMs = clock.monotonicMs()
      const faulty = new FaultyExecutor(target.session)
      faulty.clock = clock
      const store = new EventStore(faulty, { timeoutMs, clock })
      await store.append(`silent-${i}`, 'x', 1)
      faulty.writeFaults.push('silent')
      faulty.readFaults.push('silent')
      const appending = store.append(`silent-${i}`, 'x', 2)
      // Each step that waits is let pass: the batch, a pause, the batch, the look-up, a pause, …
      let version: number | undefined
      void appending.then((result) => (version = result))
      while (version === undefined) {
        await until(() => clock.pendingCount > 0 || version !== undefined)
        clock.advance(1)
      }
      expect(version).toBe(2)
      expect(await versionsOf(store, `silent-${i}`)).toEqual([1, 2])
      expect(clock.monotonicMs() - startMs).toBeLessThan(timeoutMs)
    }
  })

  test('an append is repeated by its commit id and place, as often as one likes', async () => {
    const store = new EventStore(target.session)
    const commitId = '6BA7B810-9DAD-41D1-80B4-00C04FD430C8'
    const events = [
      { type: 'a', data: 1 },
      { type: 'b', data: 2 },
    ]
    const options = { expectedVersion: 0, commitId }
    expect(await store.append('commit', events, options)).toBe(2)
    expect(await store.append('commit', events, options)).toBe(2)
    expect(await store.append('commit', 'c', 3)).toBe(3)
    const restarted = new EventStore(await target.open())
    expect(await restarted.append('commit', events, options)).toBe(2)
    expect(await store.append('commit', 'd', 4)).toBe(4)
    expect(await versionsOf(store, 'commit')).toEqual([1, 2, 3, 4])
    const other = { expectedVersion: 0, commitId: '6ba7b810-9dad-41d1-80b4-00c04fd430c9' }
    await expect(store.append('commit', events, other)).rejects.toMatchObject({
      code: 'TSYLLA_CONCURRENCY_CONFLICT',
      actualVersion: 4,
    })
    await expect(store.append('commit', 'x', 1, { commitId })).rejects.toThrow(
      /commitId needs expectedVersion/,
    )
    await expect(
      store.append('commit', 'x', 1, { expectedVersion: 4, commitId: 'x' }),
    ).rejects.toThrow(/commitId must be the text of a UUID/)
  })

  test('an append whose time is over before its turn is not sent', async () => {
    const clock = new VirtualClock()
    const flaky = new FaultyExecutor(target.session)
    const store = new EventStore(flaky, { timeoutMs: 1_000, clock })
    flaky.onRequest = (text) => {
      if (text === 'BATCH') clock.advance(2_000)
    }
    const first = store.append('late', 'x', 1)
    const second = expect(store.append('late', 'x', 2)).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'not_applied',
    })
    expect(await first).toBe(1)
    await second
    expect(flaky.writeCount).toBe(1)
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

  test('data comes back as it was, dates as ISO text', async () => {
    const store = new EventStore(target.session)
    const data = {
      text: '\u2028"\\\ud800',
      numbers: [0, -0, 1e21, -1.5e-7, 2 ** 53],
      nothing: null,
      nested: { __proto__: null, list: [[], {}, [[1]]] },
      ['__proto__']: { own: true },
      at: new Date(0),
      left: undefined,
    }
    await store.append('data', 'x', data)
    const [event] = await store.read<Record<string, unknown>>('data').toArray()
    const { left, ...rest } = data
    expect(left).toBeUndefined()
    expect(event?.data).toStrictEqual({
      ...rest,
      nested: { list: [[], {}, [[1]]] },
      at: '1970-01-01T00:00:00.000Z',
    })
  })

  test('data that JSON would change is refused before anything is sent', async () => {
    class Money {
      readonly cents = 5
    }
    const circle: { self?: unknown } = {}
    circle.self = circle
    const cases: [unknown, string, RegExp][] = [
      [new Map([['a', 1]]), '', /JSON has no map/],
      [{ tags: new Set([1]) }, '.tags', /JSON has no set/],
      [new Uint8Array(2), '', /JSON has no bytes/],
      [Buffer.from('x'), '', /JSON has no bytes/],
      [new Float64Array(2), '', /instance of Float64Array/],
      [[Number.NaN], '[0]', /JSON has no NaN/],
      [{ a: [1, Number.POSITIVE_INFINITY] }, '.a[1]', /JSON has no Infinity/],
      [[undefined], '[0]', /JSON has no undefined/],
      [undefined, '', /JSON has no undefined/],
      [{ f: () => 1 }, '.f', /JSON has no function/],
      [[Symbol('x')], '[0]', /JSON has no symbol/],
      [{ [Symbol('x')]: 1 }, '', /symbols/],
      [{ n: 1n }, '.n', /JSON has no bigint/],
      [{ price: new Money() }, '.price', /instance of Money/],
      [{ toJSON: () => 5 }, '.toJSON', /function/],
      [new Date(Number.NaN), '', /invalid Date/],
      [circle, '.self', /contains itself/],
      [Object.assign([1], { x: 2 }), '', /properties/],
    ]
    const counting = new FaultyExecutor(target.session)
    const store = new EventStore(counting)
    for (const [data, path, message] of cases) {
      const events = [
        { type: 'fine', data: 1 },
        { type: 'secret', data },
      ]
      const error = await store.append('refused', events).catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: expect.stringMatching(message),
        path: `events[1].data${path}`,
      })
      expect((error as Error).message).not.toContain('secret')
      expect((error as Error).message).toContain('event 2')
    }
    expect(counting.requests).toEqual([])
  })

  test('events that were read can be appended to another stream', async () => {
    const store = new EventStore(target.session)
    await store.append('copied', 'x', { n: 1 })
    const events = await store.read('copied').toArray()
    expect(await store.append('copy', events)).toBe(1)
    await expect(store.append('copy', [{ type: 'x', data: 1, meta: 2 } as never])).rejects.toThrow(
      /"meta"/,
    )
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
      expect(() => new EventStore(target.session, options)).toThrow(/must be an integer from/)
    }
    await expect(store.append('s', [])).rejects.toThrow(/1 … 1000 events/)
    await expect(store.append('s', 'x', 1, { expectedVersion: -1 })).rejects.toThrow(
      /expectedVersion/,
    )
    await expect(store.append('s', 'x', 1, { expected_version: 77 } as never)).rejects.toThrow(
      /append has no option "expected_version"/,
    )
    await expect(
      store.append('s', [{ type: 'x', data: 1 }], { version: 7 } as never),
    ).rejects.toThrow(/"version"/)
    expect(await versionsOf(store, 's')).toEqual([1, 2, 3])
    expect(() => store.read('s', { fromVersion: 0.5 })).toThrow(/fromVersion/)
    expect(() => store.read('s', { from: 1 } as never)).toThrow(/"from"/)
  })
})

/** Lets other work run until a condition holds. */
async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setImmediate(resolve))
}
