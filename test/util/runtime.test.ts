import { expect, test } from 'vitest'
import { runtimeWithClock, systemRuntime } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

test('random bytes of the process never repeat, and belong to their caller alone', () => {
  const before = systemRuntime.randomBytes(16)
  const copy = Uint8Array.from(before)
  const seen = new Set<string>()
  // More than the pool holds.
  for (let i = 0; i < 1_000; i++) {
    seen.add(Buffer.from(systemRuntime.randomBytes(16)).toString('hex'))
  }
  expect(seen.size).toBe(1_000)
  expect(before).toEqual(copy)
  expect(before.buffer.byteLength).toBe(16)
  expect(systemRuntime.randomBytes(10_000)).toHaveLength(10_000)
})

test('random bytes of the process may be any number, and all of them are random', () => {
  for (const count of [0, 1, 63, 64, 65, 4_096, 65_536, 200_000]) {
    const bytes = systemRuntime.randomBytes(count)
    expect([bytes.length, bytes.buffer.byteLength]).toEqual([count, count])
    // 64 zeros in a row are as good as impossible.
    for (let at = 64; at <= count; at += 64) {
      expect(bytes.subarray(at - 64, at).some((byte) => byte !== 0)).toBe(true)
    }
  }
})

test('callbacks run after promises, in the order microtask, tick, turn', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    systemRuntime.nextTurn(() => {
      order.push('turn')
      resolve()
    })
    systemRuntime.nextTick(() => order.push('tick'))
    systemRuntime.defer(() => order.push('microtask'))
    void Promise.resolve().then(() => Promise.resolve().then(() => order.push('promise')))
  })
  // The test itself runs inside a microtask, so ticks wait for all promises.
  expect(order).toEqual(['microtask', 'promise', 'tick', 'turn'])
})

test('a runtime with another clock is the same otherwise', () => {
  const clock = new VirtualClock()
  const runtime = runtimeWithClock(clock)
  expect(runtime).toEqual({ ...systemRuntime, clock })
  expect(runtimeWithClock(undefined)).toBe(systemRuntime)
  expect(runtimeWithClock(clock, runtime)).toBe(runtime)
})
