import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Runs a file with Jest, as a user does, outside this runner. Fails when a test does.
 *
 * @param file path from the root of the repository
 * @returns the report of Jest
 */
export async function runJest(file: string, format: 'esm' | 'cjs'): Promise<string> {
  const { VITEST: _, NODE_OPTIONS: __, NODE_ENV: ___, ...env } = process.env
  const flags = format === 'esm' ? ['--experimental-vm-modules', '--no-warnings'] : []
  const config = 'examples/testing/jest.config.mjs'
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [...flags, 'node_modules/jest/bin/jest.js', '--config', config, '--runTestsByPath', file],
    { cwd: root, env: { ...env, NO_COLOR: '1' } },
  )
  return stderr
}
