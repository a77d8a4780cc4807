import { describe, expect, test } from 'vitest'
import {
  type BindValues,
  concurrent,
  type ConcurrentItem,
  type ConcurrentOptions,
  type Executor,
  type Result,
  Statement,
} from '../../src/index.ts'
import { createDeferred, type Deferred } from '../../src/util/index.ts'

/** An executor whose requests end as the test says. */
class HeldExecutor {
  readonly held: Deferred<Result>[] = []
  readonly calls: unknown[][] = []
  maxInFlight = 0
  inFlight = 0

  readonly executor = {
    execute: (...call: unknown[]) => {
      this.calls.push(call)
      const deferred = createDeferred<Result>()
      this.held.push(deferred)
      this.inFlight++
      this.maxInFlight = Math.max(this.maxInFlight, this.inFlight)
      return deferred.promise.finally(() => this.inFlight--)
    },
  } as unknown as Executor

  async answer(i: number): Promise<void> {
    this.held[i]!.resolve({ answer: i } as unknown as Result)
    await settle()
  }

  async refuse(i: number): Promise<void> {
    this.held[i]!.reject(new Error(`refused ${i}`))
    await settle()
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

const rows = (count: number): BindValues[] => Array.from({ length: count }, (_, i) => [i])

describe('concurrent', () => {
  test('starts nothing before it is consumed, then as many as the limit', async () => {
    const held = new HeldExecutor()
    const run = concurrent(held.executor, 'INSERT', rows(10), { limit: 3 })
    await settle()
    expect(held.calls).toHaveLength(0)
    const first = run.next()
    expect(held.calls).toEqual([0, 1, 2].map((i) => ['INSERT', [i], undefined]))
    await held.answer(1)
    expect(await first).toEqual({
      done: false,
      value: { index: 1, status: 'fulfilled', value: { answer: 1 } },
    })
    expect(held.calls).toHaveLength(4)
  })

  test('starts no more than are consumed', async () => {
    const held = new HeldExecutor()
    const run = concurrent(held.executor, 'INSERT', rows(10), { limit: 3 })
    const first = run.next()
    await held.answer(0)
    await held.answer(1)
    await held.answer(2)
    await first
    await held.answer(3)
    expect(held.calls).toHaveLength(4)
    await run.next()
    expect(held.calls).toHaveLength(5)
  })

  test('a failure is the outcome of its item, and the order of a list is that of the items', async () => {
    const held = new HeldExecutor()
    const all = concurrent(held.executor, 'INSERT', rows(4), { limit: 2 }).toArray()
    await held.refuse(1)
    await held.answer(0)
    await held.answer(3)
    await held.answer(2)
    expect(await all).toEqual([
      { index: 0, status: 'fulfilled', value: { answer: 0 } },
      { index: 1, status: 'rejected', reason: new Error('refused 1') },
      { index: 2, status: 'fulfilled', value: { answer: 2 } },
      { index: 3, status: 'fulfilled', value: { answer: 3 } },
    ])
    expect(held.maxInFlight).toBe(2)
  })

  test('with stopOnError starts nothing after a failure', async () => {
    const held = new HeldExecutor()
    const options = { limit: 2, stopOnError: true }
    const all = concurrent(held.executor, 'INSERT', rows(9), options).toArray()
    await held.refuse(0)
    await held.answer(1)
    expect((await all).map(({ index, status }) => [index, status])).toEqual([
      [0, 'rejected'],
      [1, 'fulfilled'],
    ])
    expect(held.calls).toHaveLength(2)
  })

  test('counts without keeping: 100 failures of many are reported', async () => {
    const executor = {
      execute: (_: string, [i]: number[]) =>
        i! % 2 === 0 ? Promise.resolve({}) : Promise.reject(new Error(`${i}`)),
    } as unknown as Executor
    const summary = await concurrent(executor, 'INSERT', rows(10_000)).summary()
    expect(summary).toMatchObject({ succeededCount: 5_000, failedCount: 5_000 })
    expect(summary.failures).toHaveLength(100)
  })

  test('leaving the loop awaits what is in flight, and closes the source', async () => {
    const held = new HeldExecutor()
    let isReleased = false
    function* source(): Generator<BindValues> {
      try {
        for (let i = 0; ; i++) yield [i]
      } finally {
        isReleased = true
      }
    }
    let isLeft = false
    const loop = (async () => {
      for await (const _ of concurrent(held.executor, 'INSERT', source(), { limit: 3 })) break
      isLeft = true
    })()
    await held.answer(0)
    expect([isReleased, isLeft]).toEqual([true, false])
    for (let i = 1; i < held.calls.length; i++) await held.answer(i)
    await loop
    expect([held.inFlight, isLeft]).toEqual([0, true])
  })

  test.each<[string, () => AsyncIterable<BindValues> | Iterable<BindValues>]>([
    [
      'a generator',
      function* () {
        yield [0]
        yield [1]
        throw new Error('no more')
      },
    ],
    [
      'an async generator',
      async function* () {
        yield [0]
        yield [1]
        await Promise.resolve()
        throw new Error('no more')
      },
    ],
  ])('%s that throws ends the iteration behind the outcomes', async (_, source) => {
    const held = new HeldExecutor()
    const run = concurrent(held.executor, 'INSERT', source(), { limit: 8 })
    const outcomes = [run.next(), run.next()]
    const last = run.next()
    last.catch(() => {})
    await settle()
    await held.answer(1)
    await held.answer(0)
    const seen = await Promise.all(outcomes)
    expect(seen.map(({ value }) => value?.index)).toEqual([1, 0])
    await expect(last).rejects.toThrow('no more')
    expect(await run.next()).toEqual({ done: true, value: undefined })
  })

  test('reads a slow source one item at a time, while requests are in flight', async () => {
    const held = new HeldExecutor()
    let readCount = 0
    const releases: (() => void)[] = []
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<BindValues>>((resolve) =>
            releases.push(() =>
              resolve(
                readCount < 3 ? { done: false, value: [readCount++] } : { done: true, value: 0 },
              ),
            ),
          ),
      }),
    }
    const all = concurrent(held.executor, 'INSERT', source).toArray()
    for (let i = 0; i < 4; i++) {
      expect(releases).toHaveLength(i + 1)
      releases[i]!()
      await settle()
    }
    for (let i = 0; i < 3; i++) await held.answer(i)
    expect(await all).toHaveLength(3)
  })

  test('a signal ends the run, also while the source is awaited; it reaches the requests', async () => {
    const held = new HeldExecutor()
    const controller = new AbortController()
    const source = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
    }
    const { signal } = controller
    const stuck = concurrent(held.executor, 'INSERT', source, { signal }).toArray()
    const running = concurrent(held.executor, 'INSERT', rows(5), { signal, limit: 1 }).toArray()
    await settle()
    expect(held.calls[0]![2]).toEqual({ signal })
    controller.abort()
    await expect(stuck).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'not_applied' })
    await held.refuse(0)
    // What was started may have been applied.
    await expect(running).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'unknown' })
    expect(held.calls).toHaveLength(1)
    const late = concurrent(held.executor, 'INSERT', rows(5), { signal }).summary()
    await expect(late).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    expect(held.calls).toHaveLength(1)
  })

  test('options of an item override those of the run', async () => {
    const held = new HeldExecutor()
    const statement = new Statement('SELECT 1')
    const items: ConcurrentItem[] = [
      'SELECT 0',
      statement,
      { statement: 'SELECT 2', values: [2], options: { consistency: 'ONE' } },
    ]
    const options = { consistency: 'QUORUM', idempotent: true } as const
    void concurrent(held.executor, items, { options }).next()
    expect(held.calls).toEqual([
      ['SELECT 0', undefined, options],
      [statement, undefined, options],
      ['SELECT 2', [2], { consistency: 'ONE', idempotent: true }],
    ])
  })

  test('the signal of a run reaches items that have one of their own', async () => {
    const held = new HeldExecutor()
    const [ofRun, ofItem] = [new AbortController(), new AbortController()]
    const items = [
      { statement: 'SELECT 1', options: { signal: ofItem.signal } },
      { statement: 'SELECT 2', options: { signal: undefined } },
    ]
    void concurrent(held.executor, items, { signal: ofRun.signal })
      .next()
      .catch(() => {})
    const signals = held.calls.map(([, , options]) => (options as { signal: AbortSignal }).signal)
    ofRun.abort()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  test('what is no item is the failure of that item', async () => {
    const held = new HeldExecutor()
    const items = [42, null, { text: 'x' }] as unknown as ConcurrentItem[]
    const outcomes = await concurrent(held.executor, items).toArray()
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TSYLLA_CONFIG' } })
    }
    expect(outcomes).toHaveLength(3)
  })

  test.each<[unknown, RegExp]>([
    [{ limit: 0 }, /limit is a whole number from 1 to 32768, not 0/],
    [{ limit: 1.5 }, /limit/],
    [{ limit: 40_000 }, /limit/],
    [{ consistency: 'ONE' }, /unknown option "consistency"; options of requests belong/],
  ])('the options %j are refused', (options, message) => {
    const { executor } = new HeldExecutor()
    const call = () => concurrent(executor, 'INSERT', rows(1), options as ConcurrentOptions)
    expect(call).toThrow(message)
  })

  test.each([undefined, 5, {}, 'INSERT'])('the source %j is refused', (source) => {
    const { executor } = new HeldExecutor()
    expect(() => concurrent(executor, 'INSERT', source as never)).toThrow(/values is an array/)
    if (source === 'INSERT') return
    expect(() => concurrent(executor, source as never)).toThrow(/items is an array/)
  })
})
