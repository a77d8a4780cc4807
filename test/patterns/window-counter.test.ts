import { expect, test } from 'vitest'
import { type CountSettings, WindowCounter } from '../../src/patterns/window-counter.ts'
import type { WindowRows, WindowState } from '../../src/patterns/window-rows.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

test('who waits for the writes of others waits no longer than its own time', async () => {
  const clock = new VirtualClock()
  let answer: (state: WindowState) => void = () => {}
  const rows = {
    write: () =>
      new Promise<WindowState>((resolve) => {
        answer = resolve
      }),
  } as unknown as WindowRows
  const settings = (timeoutMs: number): CountSettings => ({
    rows,
    timeoutMs,
    serialConsistency: 'LOCAL_SERIAL',
    clock,
    random: () => 0,
  })
  const counter = new WindowCounter({ key: 'k', windowSeconds: 60, window: 1 })
  const first = counter.take(10, 1, settings(60_000), () => {})
  const second = counter.take(10, 1, settings(500), () => {})
  for (let i = 0; i < 10; i++) await Promise.resolve()
  clock.advance(600)
  const late = expect(second).rejects.toMatchObject({
    code: 'TSYLLA_REQUEST_TIMEOUT',
    outcome: 'not_applied',
    timeoutMs: 500,
  })
  answer({ used: 99n, op: 'of another process' })
  await first.catch(() => {})
  await late
})
