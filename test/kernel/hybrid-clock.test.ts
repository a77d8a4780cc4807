import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Session } from '../../src/index.ts'
import { HybridClock } from '../../src/kernel/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** The cluster: its clock is this one. */
const clusterClock = new VirtualClock()
let db: EmbeddedDatabase
let session: Session

beforeAll(async () => {
  db = await embedded({ clock: clusterClock })
  session = await Session.connect([db])
})
afterAll(async () => {
  await session.close()
  await db.close()
})

function machineClock(aheadMs: number): VirtualClock {
  return new VirtualClock(clusterClock.nowMs() + aheadMs)
}

test('before sync it is the clock of the machine, and its error is not known', () => {
  const clock = new HybridClock(session, { clock: machineClock(500) })
  expect(clock.nowMs()).toBe(clusterClock.nowMs() + 500)
  expect([clock.offsetMs, clock.errorMs]).toEqual([0, Infinity])
})

test.each([-900, -1, 0, 1, 900])(
  'sync finds the offset of a machine %d ms ahead',
  async (ahead) => {
    const clock = new HybridClock(session, { clock: machineClock(ahead) })
    await clock.sync()
    expect(Math.abs(clock.offsetMs + ahead)).toBeLessThanOrEqual(clock.errorMs)
    expect(Math.abs(clock.nowMs() - clusterClock.nowMs())).toBeLessThanOrEqual(clock.errorMs)
  },
)

test.each([-5_000, 5_000])('a drift of %d ms is refused, or corrected', async (ahead) => {
  const options = { clock: machineClock(ahead), driftMax: '2s' } as const
  const refusing = new HybridClock(session, options)
  await expect(refusing.sync()).rejects.toMatchObject({
    code: 'TSYLLA_CLOCK_DRIFT',
    driftMsMax: 2_000,
  })
  expect(refusing.nowMs()).toBe(clusterClock.nowMs() + ahead)
  const correcting = new HybridClock(session, { ...options, onDrift: 'correct' })
  await correcting.sync()
  expect(Math.abs(correcting.nowMs() - clusterClock.nowMs())).toBeLessThanOrEqual(2)
})

test('microseconds strictly increase whatever the machine does and others report', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: -5_000, max: 5_000 }), fc.constant('observe')))
  fc.assert(
    fc.property(steps, (all) => {
      let nowMs = 1_700_000_000_000
      const machine = { nowMs: () => nowMs, monotonicMs: () => 0 }
      const schedule = (): never => {
        throw new Error('not used')
      }
      const clock = new HybridClock(session, { clock: { ...machine, schedule }, driftMax: '1d' })
      let last = clock.nowUs()
      for (const step of all) {
        if (step === 'observe') {
          last = BigInt(nowMs + 900) * 1_000n > last ? BigInt(nowMs + 900) * 1_000n : last
          clock.observe(last)
        } else {
          nowMs += step
        }
        const next = clock.nowUs()
        expect(next).toBeGreaterThan(last)
        last = next
      }
    }),
  )
})

test('a timestamp of another process that is too far ahead is refused', () => {
  const clock = new HybridClock(session, { clock: machineClock(0), driftMax: '1s' })
  const aheadUs = BigInt(clusterClock.nowMs() + 1_500) * 1_000n
  expect(() => clock.observe(aheadUs)).toThrow(/more than the 1000 ms of driftMax/)
  expect(clock.nowUs()).toBeLessThan(aheadUs)
})
