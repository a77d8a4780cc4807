import { expect, test } from 'vitest'
import { ConfigError, ConnectionError, type TsyllaError } from '../../src/errors/index.ts'
import { SessionBuilder } from '../../src/index.ts'
import { throwAtCaller } from '../../src/session/execution/failures.ts'
import { hasAsyncStacks } from '../support/runtime.ts'

test.runIf(hasAsyncStacks)(
  'the stack of an error begins where it is awaited, also after a tick of the process',
  async () => {
    const error: TsyllaError = new ConfigError('refused')
    async function caller(): Promise<void> {
      await new Promise<void>((resolve) => process.nextTick(resolve))
      await throwAtCaller(error)
    }
    await expect(caller()).rejects.toBe(error)
    expect(error.stack!.split('\n')[1]).toMatch(/^ {4}at (async )?caller /)
  },
)

test('an error that takes no more properties is copied, and stays as it was', async () => {
  const frozen: TsyllaError = new ConfigError('refused')
  Object.freeze(frozen)
  const { stack } = frozen
  async function caller(): Promise<void> {
    await throwAtCaller(frozen)
  }
  const own = await caller().catch((error: TsyllaError) => error)
  expect(own).not.toBe(frozen)
  expect(own).toMatchObject({ code: 'TSYLLA_CONFIG', message: 'refused' })
  if (hasAsyncStacks) expect((own as TsyllaError).stack).toMatch(/ caller /)
  expect(frozen.stack).toBe(stack)
})

for (const isFrozen of [false, true]) {
  test(`callers that share ${isFrozen ? 'a frozen' : 'an'} error of connecting get one each`, async () => {
    const shared: TsyllaError = new ConnectionError('db:9042', 'refused', 'not_applied')
    const { stack } = shared
    if (isFrozen) Object.freeze(shared)
    const opening = Promise.reject(shared)
    opening.catch(() => {})
    const contactPoint = { [Symbol.for('tsylla.contact-point/1')]: () => opening } as never
    const build = (): Promise<unknown> => new SessionBuilder().knownNode(contactPoint).build()
    async function first(): Promise<void> {
      await build()
    }
    async function second(): Promise<void> {
      await build()
    }
    const [one, other] = await Promise.all([
      first().catch((error: TsyllaError) => error),
      second().catch((error: TsyllaError) => error),
    ])
    expect([one, other]).toMatchObject([{ message: shared.message }, { message: shared.message }])
    if (hasAsyncStacks) {
      expect((one as TsyllaError).stack).toMatch(/ first /)
      expect((other as TsyllaError).stack).toMatch(/ second /)
    }
    expect(one).not.toBe(other)
    expect(shared.stack).toBe(stack)
  })
}
