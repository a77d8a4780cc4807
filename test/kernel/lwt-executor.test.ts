import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RequestTimeoutError, ServerError } from '../../src/index.ts'
import { LwtExecutor } from '../../src/kernel/lwt-executor.ts'
import type { LwtMachine, LwtRows, LwtVersion } from '../../src/kernel/lwt-machine.ts'
import type { LwtSettings } from '../../src/kernel/lwt-register.ts'
import { type Clock, createRandom, systemRuntime } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A counter with a ceiling, the smallest machine that refuses. */
interface Take {
  readonly units: number
  readonly limit: number
}
interface Taken {
  readonly ok: boolean
  readonly used: number
  readonly isRepeated: boolean
}
const counter: LwtMachine<number, Take, Taken> = {
  step(state, { units, limit }, isRepeated) {
    const used = (state ?? 0) + units
    if (used <= limit) return { state: used, answer: { ok: true, used, isRepeated } }
    return { state, answer: { ok: false, used: state ?? 0, isRepeated }, maxAgeMs: 0 }
  },
}

type Fate = 'applied' | 'lost' | 'never' | 'late'

/** A row whose writes meet the fates they are given; the last resort is `applied`. */
class Row implements LwtRows<string, number> {
  version: LwtVersion<number> | undefined
  readonly fates: Fate[] = []
  writeCount = 0
  readCount = 0
  #late: (() => void)[] = []
  onWrite: () => Promise<void> = async () => {}

  async read(): Promise<LwtVersion<number> | undefined> {
    this.readCount++
    // A serial read completes what is in progress.
    for (const apply of this.#late.splice(0)) apply()
    return this.version
  }

  async write(
    _key: string,
    before: LwtVersion<number> | undefined,
    after: LwtVersion<number>,
  ): Promise<LwtVersion<number> | undefined> {
    this.writeCount++
    await this.onWrite()
    const fate = this.fates.shift() ?? 'applied'
    const apply = (): void => {
      if (this.version?.op === before?.op) this.version = after
    }
    if (fate === 'late') this.#late.push(apply)
    if (fate === 'applied' || fate === 'lost') apply()
    if (fate !== 'applied') throw new RequestTimeoutError(1, 'unknown')
    return this.version
  }

  /** A write of another process. */
  set(state: number): void {
    this.version = { state, op: `other ${Math.random()}` }
  }
}

function setUp(): {
  readonly row: Row
  readonly clock: VirtualClock
  readonly executor: LwtExecutor<string, number, Take, Taken>
  readonly settings: LwtSettings<string, number>
  readonly take: (units: number, limit?: number, timeoutMs?: number) => Promise<Taken>
} {
  const row = new Row()
  const clock = new VirtualClock()
  const executor = new LwtExecutor<string, number, Take, Taken>(counter)
  const settings = {
    ...{ rows: row, timeoutMs: 1_000, serialConsistency: 'LOCAL_SERIAL', clock },
    ...{ random: () => 0, randomBytes: systemRuntime.randomBytes },
  }
  const take = (units: number, limit = 1_000, timeoutMs = 1_000): Promise<Taken> =>
    executor.submit('k', 'k', { units, limit }, settings, clock.monotonicMs() + timeoutMs)
  return { row, clock, executor, settings, take }
}

function bound(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    schedule: (...args) => clock.schedule(...args),
  }
}

/** Lets promises go on, and time when they wait for it, until `work` has settled. */
async function settle<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isSettled = false
  const mark = (): void => {
    isSettled = true
  }
  work.then(mark, mark)
  for (let i = 0; i < 10_000 && !isSettled; i++) {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    if (!isSettled) clock.runNext()
  }
  return await work
}

test('callers of one moment share a write, those that come meanwhile share the next', async () => {
  const { row, take, executor } = setUp()
  const first = Array.from({ length: 50 }, () => take(1))
  row.onWrite = async () => {
    row.onWrite = async () => {}
    first.push(...Array.from({ length: 50 }, () => take(1)))
  }
  await Promise.all(first.slice())
  expect((await Promise.all(first)).at(-1)).toEqual({ ok: true, used: 100, isRepeated: false })
  expect(row.writeCount).toBe(2)
  expect(executor.counters).toMatchObject({ requests: 100, conditionalWrites: 2, conflicts: 0 })
})

test('a refusal comes from a serial read, and from memory not at all', async () => {
  const { row, take } = setUp()
  await take(5, 5)
  row.set(2)
  expect(await take(3, 5)).toMatchObject({ ok: true, used: 5 })
  expect(row.readCount).toBe(1)
})

test.each(['lost', 'never', 'late'] as const)(
  'a write whose answer is lost is resolved by a serial read: %s',
  async (fate) => {
    const { row, clock, take, executor } = setUp()
    row.fates.push(fate)
    expect(await settle(clock, take(3))).toEqual({ ok: true, used: 3, isRepeated: false })
    expect(row.version?.state).toBe(3)
    expect(executor.counters).toMatchObject({ ambiguousWrites: 1, conflicts: 0 })
  },
)

test('a write that may have been overwritten by others is marked as repeated', async () => {
  const { row, clock, take } = setUp()
  row.fates.push('lost')
  row.onWrite = async () => {
    row.onWrite = async () => {}
    queueMicrotask(() => queueMicrotask(() => row.set(10)))
  }
  expect(await settle(clock, take(3))).toEqual({ ok: true, used: 13, isRepeated: true })
})

test('a conflict folds the requests again on the state of the server', async () => {
  const { row, clock, take, executor } = setUp()
  await take(1)
  row.set(40)
  expect(await settle(clock, take(2))).toEqual({ ok: true, used: 42, isRepeated: false })
  expect(executor.counters).toMatchObject({ conflicts: 1, conditionalWrites: 3, serialReads: 0 })
})

test('a request whose step throws fails alone', async () => {
  const { row, executor, settings, clock } = setUp()
  const picky: LwtMachine<number, Take, Taken> = {
    step(state, ask, isRepeated) {
      if (ask.units < 0) throw new RangeError('negative')
      return counter.step(state, ask, isRepeated)
    },
  }
  const other = new LwtExecutor<string, number, Take, Taken>(picky)
  const deadlineMs = clock.monotonicMs() + 1_000
  const submit = (units: number): Promise<Taken> =>
    other.submit('k', 'k', { units, limit: 10 }, settings, deadlineMs)
  const all = await Promise.allSettled([submit(1), submit(-1), submit(2)])
  expect(all).toMatchObject([
    { status: 'fulfilled', value: { ok: true, used: 1 } },
    { status: 'rejected', reason: { message: 'negative' } },
    { status: 'fulfilled', value: { ok: true, used: 3 } },
  ])
  await expect(submit(-1)).rejects.toThrow('negative')
  expect([row.version?.state, executor.counters.requests]).toEqual([3, 0])
})

test('what a request by another clock has found is as old as can be', async () => {
  const { row, executor, settings, take } = setUp()
  row.set(10)
  expect(await take(1, 10)).toMatchObject({ ok: false, used: 10 })
  row.set(0)
  // Its monotonic time began later.
  const clock = new VirtualClock()
  const later = { ...settings, clock: { ...bound(clock), monotonicMs: () => -1_000_000 } }
  const ask = { units: 1, limit: 10 }
  expect(await executor.submit('k', 'k', ask, later, 0)).toMatchObject({ ok: true, used: 1 })
})

test('a failure that leaves nothing open reaches all callers at once', async () => {
  const { row, take } = setUp()
  const failure = new ServerError(0x2200, 'no such table')
  row.onWrite = async () => {
    throw failure
  }
  const both = await Promise.allSettled([take(1), take(1)])
  expect(both.map((one) => one.status === 'rejected' && one.reason.code)).toEqual([
    'TSYLLA_SERVER_INVALID',
    'TSYLLA_SERVER_INVALID',
  ])
  const [a, b] = both as PromiseRejectedResult[]
  expect(a?.reason).not.toBe(b?.reason)
})

test('a caller ends at its own deadline, with what is known about its write', async () => {
  const { row, clock, take } = setUp()
  let release: () => void = () => {}
  row.onWrite = () => new Promise((resolve) => (release = resolve))
  const hasty = take(1, 1_000, 10)
  const patient = take(1, 1_000, 500)
  await Promise.resolve()
  await Promise.resolve()
  clock.advance(20)
  await expect(hasty).rejects.toMatchObject({ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' })
  const waiting = take(1, 1_000, 5)
  clock.advance(10)
  await expect(waiting).rejects.toMatchObject({ outcome: 'not_applied' })
  release()
  expect(await settle(clock, patient)).toMatchObject({ ok: true, used: 2 })
  expect(clock.pendingCount).toBe(0)
})

test('whatever becomes of writes, no unit is admitted beyond the limit, nor lost without a fault', async () => {
  const fates = fc.array(fc.constantFrom<Fate>('applied', 'lost', 'never', 'late'))
  const takes = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(fates, takes, fc.nat(), async (of, units, seed) => {
      const { row, clock, take } = setUp()
      row.fates.push(...of)
      const random = createRandom(seed)
      row.onWrite = async () => {
        for (let n = Math.floor(random() * 4); n > 0; n--) await Promise.resolve()
      }
      const all = Promise.allSettled(units.map((one) => take(one, 20)))
      const results = await settle(clock, all)
      const admitted = results.reduce(
        (sum, one, i) => sum + (one.status === 'fulfilled' && one.value.ok ? units[i]! : 0),
        0,
      )
      expect(admitted).toBeLessThanOrEqual(row.version?.state ?? 0)
      expect(row.version?.state ?? 0).toBeLessThanOrEqual(20)
      if (results.every((one) => one.status === 'fulfilled')) {
        expect(row.version?.state ?? 0).toBe(admitted)
      }
    }),
  )
})
