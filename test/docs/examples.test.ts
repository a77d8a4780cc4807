import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { runJest } from '../support/jest.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Runs a program of Node, as a user does, outside this runner. */
async function run(...parameters: string[]): Promise<string> {
  const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env
  const options = { cwd: root, env: { ...env, NO_COLOR: '1' } }
  const { stdout } = await promisify(execFile)(process.execPath, parameters, options)
  return stdout
}

test('the example for node:test passes', { timeout: 60_000 }, async () => {
  const file = 'examples/testing/login-limit.node-test.ts'
  const output = await run('--import', 'tsx', '--test', '--test-reporter', 'tap', file)
  expect(output).toMatch(/^# pass 2$/m)
  expect(output).toMatch(/^# fail 0$/m)
})

test('the example for vitest passes', { timeout: 60_000 }, async () => {
  const vitest = 'node_modules/vitest/vitest.mjs'
  const output = await run(vitest, 'run', '--config', 'examples/testing/vitest.config.ts')
  expect(output).toMatch(/Tests\s+3 passed \(3\)/)
})

test.each(['esm', 'cjs'] as const)(
  'the example for Jest passes as %s',
  { timeout: 60_000 },
  async (format) => {
    const output = await runJest('examples/testing/login-limit.jest.ts', format)
    expect(output).toMatch(/^Tests: +2 passed, 2 total$/m)
  },
)
