import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConnectionError,
  ProtocolError,
  RequestTimeoutError,
  ServerError,
  ServerErrorCode,
  serverErrorOutcome,
} from '../../src/errors/index.ts'
import {
  attemptCountMax,
  defaultRetryPolicy,
  ExponentialReconnectionPolicy,
} from '../../src/policies/index.ts'
import { createRandom } from '../../src/util/index.ts'

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
        return defaultRetryPolicy.decide({ error: lost, isIdempotent, attemptCount: 1 })
      }
      expect(decide('not_applied', false)).toBe('next_node')
      expect(decide('unknown', true)).toBe('next_node')
      expect(decide('unknown', false)).toBe('rethrow')
    }
  })

  test('the deadline and a bound on attempts end every retry', () => {
    const timeout = new RequestTimeoutError(1, 'not_applied')
    expect(defaultRetryPolicy.decide({ error: timeout, isIdempotent: true, attemptCount: 1 })).toBe(
      'rethrow',
    )
    const lost = new ConnectionError('n', 'lost', 'not_applied')
    expect(
      defaultRetryPolicy.decide({ error: lost, isIdempotent: true, attemptCount: attemptCountMax }),
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
