import { describe, expect, test } from 'vitest'
import { ServerError } from '../../src/errors/index.ts'
import { defaultRetryPolicy, stalledAttemptPolicy } from '../../src/policies/index.ts'

const plain = { isConditional: false, consistency: 'LOCAL_QUORUM' } as const

describe('an attempt that stalls', () => {
  test('is joined by a second one after a quarter of the deadline, at most two seconds, and no third', () => {
    expect(stalledAttemptPolicy.delayMs(1, 400)).toBe(100)
    expect(stalledAttemptPolicy.delayMs(1, 60_000)).toBe(2_000)
    expect(stalledAttemptPolicy.delayMs(1, 1)).toBe(1)
    expect(stalledAttemptPolicy.delayMs(2, 60_000)).toBe(undefined)
  })
})

test('a failed replica is a reason to ask one other coordinator', () => {
  for (const code of [0x1300, 0x1500]) {
    const error = new ServerError(code, 'x')
    const decide = (isIdempotent: boolean, attemptCount: number): unknown =>
      defaultRetryPolicy.decide({ ...plain, error, isIdempotent, attemptCount })
    expect([decide(true, 1), decide(true, 2), decide(false, 1)]).toEqual([
      'next_node',
      'rethrow',
      'rethrow',
    ])
  }
})
