import { expect, test } from 'vitest'
import { runLimited, withEitherSignal } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

interface Watched {
  readonly clock: VirtualClock
  readonly controller: AbortController
  listenerCount: number
}

/** A clock and a signal that count the timers and listeners that are left. */
function watch(): Watched {
  const controller = new AbortController()
  const watched: Watched = { clock: new VirtualClock(), controller, listenerCount: 0 }
  const { signal } = controller
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...parameters: Parameters<typeof add>): void => {
    watched.listenerCount++
    add(...parameters)
  }
  signal.removeEventListener = (...parameters: Parameters<typeof remove>): void => {
    watched.listenerCount--
    remove(...parameters)
  }
  return watched
}

const run = <T>(
  { clock, controller: { signal } }: Watched,
  work: () => T | Promise<T>,
  onLate?: (value: T) => void,
): Promise<T> =>
  runLimited(
    work,
    {
      ...{ clock, signal, timeoutMs: 100 },
      timeoutError: () => new Error('too late'),
      abortError: (reason) => new Error('aborted', { cause: reason }),
    },
    onLate,
  )

test.each<[string, () => Promise<number>, (watched: Watched) => void, string | undefined]>([
  ['returns', () => Promise.resolve(1), () => {}, undefined],
  ['fails', () => Promise.reject(new Error('broken')), () => {}, 'broken'],
  ['hangs', () => new Promise(() => {}), ({ clock }) => clock.advance(100), 'too late'],
  ['is aborted', () => new Promise(() => {}), ({ controller }) => controller.abort(), 'aborted'],
])('work that %s leaves no timer and no listener', async (_, work, act, message) => {
  const watched = watch()
  const running = run(watched, work)
  expect([watched.clock.pendingCount, watched.listenerCount]).toEqual([1, 1])
  act(watched)
  if (message === undefined) expect(await running).toBe(1)
  else await expect(running).rejects.toThrow(message)
  expect(watched.clock.pendingCount).toBe(0)
  // A listener that was called is removed by the signal itself.
  if (!watched.controller.signal.aborted) expect(watched.listenerCount).toBe(0)
})

test('what comes late is passed on, and a late failure is ignored', async () => {
  const watched = watch()
  const late: number[] = []
  let finish: (value: number) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const slow = run(
    watched,
    () => new Promise<number>((resolve) => (finish = resolve)),
    (value) => late.push(value),
  )
  const failing = run(watched, () => new Promise<number>((_, reject) => (fail = reject)))
  const both = Promise.allSettled([slow, failing])
  await Promise.resolve()
  watched.clock.advance(100)
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  finish(5)
  fail(new Error('late'))
  await new Promise(setImmediate)
  expect(late).toEqual([5])
})

test('work is not begun when the signal has aborted', async () => {
  const watched = watch()
  watched.controller.abort()
  let isBegun = false
  await expect(run(watched, () => void (isBegun = true))).rejects.toThrow('aborted')
  expect([isBegun, watched.clock.pendingCount]).toEqual([false, 0])
})

test.each([0, 1])(
  'either of two signals aborts the work, and neither keeps a listener',
  async (i) => {
    const both = [watch(), watch()] as const
    const [one, other] = both.map(({ controller }) => controller.signal) as [
      AbortSignal,
      AbortSignal,
    ]
    expect(await withEitherSignal(one, other, ({ aborted }) => Promise.resolve(aborted))).toBe(
      false,
    )
    expect(both.map(({ listenerCount }) => listenerCount)).toEqual([0, 0])
    const reason = await withEitherSignal(one, other, async (signal) => {
      both[i]!.controller.abort('enough')
      await Promise.resolve()
      return signal.reason as unknown
    })
    expect(reason).toBe('enough')
    expect(both[1 - i]!.listenerCount).toBe(0)
    const again = withEitherSignal(one, other, ({ aborted }) => Promise.resolve(aborted))
    expect(await again).toBe(true)
  },
)
