import { describe, expect, test } from 'vitest'
import { Debouncer } from '../../src/cluster/debouncer.ts'
import { createDeferred } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a debouncer', () => {
  test('makes one refresh of a million events, and one more of those that come meanwhile', async () => {
    const clock = new VirtualClock()
    let running = createDeferred<void>()
    let count = 0
    const debouncer = new Debouncer(clock, 1_000, () => {
      count++
      return running.promise
    })
    for (let i = 0; i < 1_000_000; i++) debouncer.request()
    expect(clock.pendingCount).toBe(1)
    clock.advance(1_000)
    expect(count).toBe(1)
    for (let i = 0; i < 1_000; i++) debouncer.request()
    clock.advance(10_000)
    expect(count).toBe(1)
    running.resolve()
    running = createDeferred()
    await turn()
    clock.advance(1_000)
    expect(count).toBe(2)
    running.resolve()
    await turn()
    clock.advance(10_000)
    expect(count).toBe(2)
  })

  test('does nothing after it is closed', async () => {
    const clock = new VirtualClock()
    let count = 0
    const debouncer = new Debouncer(clock, 1_000, async () => void count++)
    debouncer.request()
    debouncer.close()
    debouncer.request()
    clock.advance(5_000)
    await turn()
    expect([count, clock.pendingCount]).toEqual([0, 0])
  })
})
