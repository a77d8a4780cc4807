import { expect, test } from 'vitest'
import {
  type CountSettings,
  type Granted,
  WindowCounter,
} from '../../src/patterns/window-counter.ts'
import type { WindowRows, WindowState } from '../../src/patterns/window-rows.ts'
import { systemRuntime } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

interface Setup {
  readonly clock: VirtualClock
  readonly counter: WindowCounter
  /** Answers the oldest write that waits. */
  readonly answer: (state: (after: WindowState) => WindowState) => Promise<void>
  readonly take: (timeoutMs: number) => Promise<Granted>
}

/** A counter over rows whose writes are answered by hand. */
function setUp(): Setup {
  const clock = new VirtualClock()
  const random = (): number => 0
  const writes: { after: WindowState; resolve: (state: WindowState) => void }[] = []
  const rows = {
    write: (_id: unknown, _before: unknown, after: WindowState) =>
      new Promise<WindowState>((resolve) => {
        writes.push({ after, resolve })
      }),
  } as unknown as WindowRows
  const counter = new WindowCounter({ key: 'k', windowSeconds: 60, window: 1 })
  return {
    clock,
    counter,
    answer: async (state) => {
      const write = writes.shift()
      write?.resolve(state(write.after))
      await turns()
    },
    take: (timeoutMs) => {
      const settings: CountSettings = {
        rows,
        timeoutMs,
        serialConsistency: 'LOCAL_SERIAL',
        clock,
        random,
        randomBytes: systemRuntime.randomBytes,
      }
      const deadlineMs = clock.monotonicMs() + timeoutMs
      return counter.take({ limit: 10, cost: 1, deadlineMs }, settings, () => {})
    },
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test('each caller of a round has its own deadline; the others are served after it', async () => {
  const { clock, take, answer } = setUp()
  const patient = take(60_000)
  const hasty = take(500)
  await turns()
  const late = expect(hasty).rejects.toMatchObject({
    code: 'TSYLLA_REQUEST_TIMEOUT',
    outcome: 'unknown',
    timeoutMs: 500,
  })
  clock.advance(600)
  await late
  await answer((after) => after)
  expect(await patient).toEqual({ ok: true, used: 2 })
  expect(clock.pendingCount).toBe(0)
})

test('a caller that gives up before its units are sent is not applied', async () => {
  const { clock, take, answer } = setUp()
  const first = take(60_000)
  await turns()
  const second = take(500)
  const late = expect(second).rejects.toMatchObject({
    code: 'TSYLLA_REQUEST_TIMEOUT',
    outcome: 'not_applied',
    timeoutMs: 500,
  })
  clock.advance(600)
  await late
  await answer((after) => after)
  expect(await first).toEqual({ ok: true, used: 1 })
})
