import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConnectionError,
  ProtocolError,
  RequestTimeoutError,
  ServerError,
  ServerErrorCode,
  type ServerErrorDetails,
  serverErrorOutcome,
} from '../../src/errors/index.ts'
import {
  attemptCountMax,
  constantSpeculativeExecution,
  defaultRetryPolicy,
  downgradingConsistencyRetryPolicy,
  ExponentialReconnectionPolicy,
  fallthroughRetryPolicy,
  guardReconnection,
  noSpeculativeExecution,
} from '../../src/policies/index.ts'
import type { FailedAttempt, RetryDecision } from '../../src/types/index.ts'
import { createRandom } from '../../src/util/index.ts'

const plain = { isConditional: false, consistency: 'LOCAL_QUORUM' } as const

describe('reconnection delays', () => {
  test('double up to the ceiling, with jitter in the upper half', () => {
    const policy = new ExponentialReconnectionPolicy({ random: createRandom(1) })
    fc.assert(
      fc.property(fc.nat(200), (attempt) => {
        const ceiling = Math.min(10_000, 50 * 2 ** Math.min(attempt, 30))
        const delayMs = policy.delayMs(attempt)
        expect(delayMs).toBeGreaterThanOrEqual(ceiling / 2)
        expect(delayMs).toBeLessThanOrEqual(ceiling)
      }),
    )
  })
})

const kinds = ['read', 'write', 'lwt', 'logged_batch', 'unlogged_batch', 'counter'] as const

describe('retry', () => {
  test('what may have been applied is repeated only when it is idempotent', () => {
    const repeated: string[] = []
    for (const code of Object.values(ServerErrorCode)) {
      for (const kind of kinds) {
        for (const level of ['QUORUM', 'SERIAL'] as const) {
          const error = new ServerError(code, 'x', {
            consistency: level,
            received: 2,
            required: 2,
            dataPresent: false,
            writeType: 'BATCH_LOG',
          })
          error.outcome = serverErrorOutcome(error, kind)
          const decision = defaultRetryPolicy.decide({
            ...plain,
            error,
            isIdempotent: false,
            attemptCount: 1,
          })
          if (error.outcome === 'unknown' && decision !== 'rethrow') {
            repeated.push(`${code.toString(16)} ${kind} ${level}`)
          }
        }
      }
    }
    expect(repeated).toEqual([])
  })

  test('a lost connection goes to the next node when nothing left, or the statement allows it', () => {
    const byAnother = new ProtocolError('a frame that is none')
    for (const lost of [new ConnectionError('n', 'lost', 'unknown'), byAnother]) {
      const decide = (outcome: 'not_applied' | 'unknown', isIdempotent: boolean) => {
        lost.outcome = outcome
        return defaultRetryPolicy.decide({ ...plain, error: lost, isIdempotent, attemptCount: 1 })
      }
      expect(decide('not_applied', false)).toBe('next_node')
      expect(decide('unknown', true)).toBe('next_node')
      expect(decide('unknown', false)).toBe('rethrow')
    }
  })

  test('the deadline and a bound on attempts end every retry', () => {
    const timeout = new RequestTimeoutError(1, 'not_applied')
    expect(
      defaultRetryPolicy.decide({ ...plain, error: timeout, isIdempotent: true, attemptCount: 1 }),
    ).toBe('rethrow')
    const lost = new ConnectionError('n', 'lost', 'not_applied')
    expect(
      defaultRetryPolicy.decide({
        ...plain,
        error: lost,
        isIdempotent: true,
        attemptCount: attemptCountMax,
      }),
    ).toBe('rethrow')
  })

  test('an LWT is unavailable without effect before Paxos only', () => {
    const at = (consistency: 'SERIAL' | 'LOCAL_SERIAL' | 'QUORUM') =>
      serverErrorOutcome(new ServerError(0x1000, 'x', { consistency }), 'lwt')
    expect([at('SERIAL'), at('LOCAL_SERIAL'), at('QUORUM')]).toEqual([
      'not_applied',
      'not_applied',
      'unknown',
    ])
  })
})

describe('downgradingConsistencyRetryPolicy', () => {
  const replicas = { consistency: 'QUORUM', required: 3 } as const
  test.each<[number, ServerErrorDetails, Partial<FailedAttempt>, RetryDecision]>([
    [0x1000, { ...replicas, alive: 5 }, {}, { retry: 'same_node', consistency: 'THREE' }],
    [0x1000, { ...replicas, alive: 2 }, {}, { retry: 'same_node', consistency: 'TWO' }],
    [0x1000, { ...replicas, alive: 1 }, {}, { retry: 'same_node', consistency: 'ONE' }],
    [0x1000, { ...replicas, alive: 0 }, {}, 'next_node'],
    [0x1000, { ...replicas, alive: 2 }, { attemptCount: 2 }, 'rethrow'],
    [0x1000, { ...replicas, alive: 2 }, { isConditional: true }, 'next_node'],
    [0x1000, { ...replicas, alive: 2 }, { consistency: 'SERIAL' }, 'next_node'],
    [0x1200, { ...replicas, received: 1 }, {}, { retry: 'same_node', consistency: 'ONE' }],
    [0x1200, { ...replicas, received: 3, dataPresent: false }, {}, 'same_node'],
    [0x1200, { ...replicas, received: 3, dataPresent: true }, {}, 'rethrow'],
    // A write that some replicas have is not reported as done.
    [0x1100, { ...replicas, received: 1, writeType: 'SIMPLE' }, {}, 'rethrow'],
    [0x1100, { ...replicas, received: 1, writeType: 'BATCH_LOG' }, {}, 'same_node'],
    [
      ...[0x1100, { ...replicas, received: 2, writeType: 'UNLOGGED_BATCH' }, {}],
      { retry: 'same_node', consistency: 'TWO' },
    ] as never,
    [
      ...[0x1100, { ...replicas, received: 2, writeType: 'UNLOGGED_BATCH' }],
      ...[{ isIdempotent: false }, 'rethrow'],
    ] as never,
  ])('%i %j of %j: %j', (code, details, failed, decision) => {
    const error = new ServerError(code, 'x', details)
    const attempt = { ...plain, error, isIdempotent: true, attemptCount: 1, ...failed }
    error.outcome = 'not_applied'
    expect(downgradingConsistencyRetryPolicy.decide(attempt)).toEqual(decision)
  })

  test('fallthroughRetryPolicy never retries', () => {
    const error = new ServerError(0x1002, 'bootstrapping')
    const attempt = { ...plain, error, isIdempotent: true, attemptCount: 1 }
    expect(defaultRetryPolicy.decide(attempt)).toBe('next_node')
    expect(fallthroughRetryPolicy.decide(attempt)).toBe('rethrow')
  })
})

describe('constantSpeculativeExecution', () => {
  test('starts attempts up to its count', () => {
    const policy = constantSpeculativeExecution({ delayMs: 20, attemptCountMax: 3 })
    expect([1, 2, 3, 4].map((count) => policy.delayMs(count, 1_000))).toEqual([
      ...[20, 20, undefined, undefined],
    ])
    expect(constantSpeculativeExecution({ delayMs: 20 }).delayMs(2, 1_000)).toBeUndefined()
    expect(noSpeculativeExecution.delayMs(1, 1_000)).toBeUndefined()
  })

  test.each([
    [undefined as never, 'takes an object'],
    [null as never, 'takes an object'],
    [{ delayMs: 0 }, 'delayMs'],
    [{ delayMs: Number.NaN }, 'delayMs'],
    [{ delayMs: 5, attemptCountMax: 0 }, 'attemptCountMax'],
    [{ delayMs: 5, attemptCountMax: 1.5 }, 'attemptCountMax'],
    [{ delayMs: 5, attemptCountMax: 17 }, 'attemptCountMax'],
  ])('%j is refused', (options, name) => {
    expect(() => constantSpeculativeExecution(options)).toThrow(name)
  })
})

test('a reconnection policy of the user cannot stop reconnecting', () => {
  const delays = [5, Number.NaN, -1, undefined, 'soon', Number.POSITIVE_INFINITY]
  for (const delay of delays) {
    const guarded = guardReconnection({ delayMs: () => delay as number })
    expect(guarded.delayMs(0)).toBe(delay === 5 ? 5 : 10_000)
  }
  const throwing = guardReconnection({
    delayMs() {
      throw new Error('no delay')
    },
  })
  expect(throwing.delayMs(3)).toBe(10_000)
})
