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

describe('a replica that fails for a reason that passes', () => {
  const failures: readonly [string, ServerError, boolean][] = [
    ['none known', new ServerError(0x1300, 'failed'), false],
    [
      'unknown, in the message',
      new ServerError(0x1300, '1 failures: UNKNOWN from /10.0.0.1'),
      true,
    ],
    ['schema', new ServerError(0x1500, '1 failures: INCOMPATIBLE_SCHEMA from /10.0.0.1'), true],
    [
      'two, of which one stays',
      new ServerError(0x1300, 'UNKNOWN from /10.0.0.1, READ_TOO_MANY_TOMBSTONES from /10.0.0.2'),
      false,
    ],
    ...[0, 1, 2, 3, 4, 5, 6, 7, 900].map((reason): [string, ServerError, boolean] => [
      `number ${reason}`,
      new ServerError(0x1300, 'x', { failureReasons: new Map([['10.0.0.1', reason]]) }),
      [0, 2, 3, 5].includes(reason),
    ]),
  ]
  test.each(failures)('%s', (_, error, isPassing) => {
    const decide = (attemptCount: number, isIdempotent = true): unknown =>
      defaultRetryPolicy.decide({ ...plain, error, isIdempotent, attemptCount })
    expect(decide(1)).toBe('next_node')
    const later = [2, 3, 4, 5, 6, 7, 8].map((attemptCount) => decide(attemptCount))
    const paced = [25, 50, 100, 200, 400, 800].map((afterMs) => ({ retry: 'same_node', afterMs }))
    const refused = paced.map(() => 'rethrow')
    expect(later).toEqual([...(isPassing ? paced : refused), 'rethrow'])
    expect(decide(2, false)).toBe('rethrow')
  })
})
