import { expect, test } from 'vitest'
import { ConfigError, type TsyllaError } from '../../src/errors/index.ts'
import { throwAtCaller } from '../../src/session/execution/failures.ts'

test('the stack of an error begins where it is awaited, also after a tick of the process', async () => {
  const error: TsyllaError = new ConfigError('refused')
  async function caller(): Promise<void> {
    await new Promise<void>((resolve) => process.nextTick(resolve))
    await throwAtCaller(error)
  }
  await expect(caller()).rejects.toBe(error)
  expect(error.stack!.split('\n')[1]).toMatch(/^ {4}at (async )?caller /)
})
