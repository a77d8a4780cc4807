import { expect, test } from 'vitest'
import {
  AuthenticationError,
  BindError,
  ClosedError,
  ConfigError,
  ConnectionError,
  NoNodeAvailableError,
  RequestTimeoutError,
  ServerError,
  ServerErrorCode,
  type TsyllaError,
} from '../../src/index.ts'
import { Backoff, LwtRetry } from '../../src/kernel/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function startRetry(): { readonly retry: LwtRetry; readonly clock: VirtualClock } {
  const clock = new VirtualClock()
  const backoff = new Backoff({ clock, random: () => 0, timeoutMs: 1_000 })
  return { retry: new LwtRetry(backoff), clock }
}

const lost = (): TsyllaError => new RequestTimeoutError(1, 'unknown')

/** `next` of a try that is worth repeating waits for the clock. */
async function isRepeated(retry: LwtRetry, clock: VirtualClock, error: unknown): Promise<boolean> {
  const next = retry.retryOrThrow(error).then(
    () => true,
    () => false,
  )
  clock.advance(10)
  return await next
}

test('what fails before anything was lost is left to the caller', async () => {
  const { retry } = startRetry()
  const error = new ConnectionError('a', 'refused', 'not_applied')
  await expect(retry.retryOrThrow(error)).rejects.toBe(error)
  expect([retry.isOutcomeUnknown, error.outcome]).toEqual([false, 'not_applied'])
})

test('after a lost write what can pass is tried again', async () => {
  const passing = [
    lost(),
    new ConnectionError('a', 'refused', 'not_applied'),
    new NoNodeAvailableError(new Map()),
    new NoNodeAvailableError(new Map([['a', new ConnectionError('a', 'gone', 'unknown')]])),
    ...(['SERVER', 'UNAVAILABLE', 'WRITE_TIMEOUT', 'CAS_WRITE_UNKNOWN', 'OVERLOADED'] as const).map(
      (name) => new ServerError(ServerErrorCode[name], ''),
    ),
  ]
  for (const error of passing) {
    const { retry, clock } = startRetry()
    expect(await isRepeated(retry, clock, lost())).toBe(true)
    expect([error.code, await isRepeated(retry, clock, error)]).toEqual([error.code, true])
  }
})

test('after a lost write what no try can mend ends it at once, with an unknown outcome', async () => {
  const lasting = [
    new ClosedError('session'),
    new ConfigError('x'),
    new BindError('TSYLLA_BIND_VALUE', 'x'),
    new AuthenticationError('a', 'refused'),
    new NoNodeAvailableError(new Map([['a', new AuthenticationError('a', 'refused')]])),
    ...(['INVALID', 'SYNTAX', 'UNAUTHORIZED', 'BAD_CREDENTIALS', 'CONFIG'] as const).map(
      (name) => new ServerError(ServerErrorCode[name], ''),
    ),
  ]
  for (const error of lasting) {
    error.outcome = 'not_applied'
    const { retry, clock } = startRetry()
    expect(await isRepeated(retry, clock, lost())).toBe(true)
    await expect(retry.retryOrThrow(error)).rejects.toMatchObject({
      code: error.code,
      outcome: 'unknown',
    })
    // It may be others' error too.
    expect(error.outcome).toBe('not_applied')
    expect(clock.pendingCount).toBe(0)
  }
})

test('an error that is not ours cannot say that a write was lost: the lost one is told', async () => {
  const { retry, clock } = startRetry()
  const first = lost()
  expect(await isRepeated(retry, clock, first)).toBe(true)
  await expect(retry.retryOrThrow(new TypeError('x'))).rejects.toBe(first)
})

test('when the time is over the last failure is told, as unknown', async () => {
  const { retry, clock } = startRetry()
  expect(await isRepeated(retry, clock, lost())).toBe(true)
  clock.advance(1_000)
  await expect(retry.retryOrThrow(new NoNodeAvailableError(new Map()))).rejects.toMatchObject({
    code: 'TSYLLA_NO_NODE_AVAILABLE',
    outcome: 'unknown',
  })
  expect(retry.timeout()).toMatchObject({ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' })
})
