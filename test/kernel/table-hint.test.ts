import { afterEach, expect, test } from 'vitest'
import { type Executor, ServerError } from '../../src/index.ts'
import { PreparedStatementRunner } from '../../src/kernel/index.ts'
import { systemRuntime } from '../../src/util/index.ts'
import { formatStacks } from '../support/runtime.ts'

let restore = (): void => {}
afterEach(() => restore())

const missing = (): Executor =>
  ({
    runtime: systemRuntime,
    prepare: () => Promise.reject(new ServerError(0x2200, 'table locks does not exist')),
  }) as unknown as Executor

test.each([
  ['text', undefined],
  ['call sites', (_: Error, sites: unknown) => sites],
  ['nothing', () => undefined],
] as const)('a missing table is named where stacks are %s', async (_, formatter) => {
  if (formatter !== undefined) restore = formatStacks(formatter)
  const runner = new PreparedStatementRunner(missing())
  const error = await runner.run('SELECT k FROM locks', []).catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: 'TSYLLA_SERVER_INVALID',
    message: 'table locks does not exist: call createTables() of the pattern first',
    cause: { message: 'table locks does not exist' },
  })
})
