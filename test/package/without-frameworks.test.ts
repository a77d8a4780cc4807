// An application that has none of the packages that adapters are for can import every entry.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const folder = mkdtempSync(join(tmpdir(), 'tsylla-alone-'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}
const entries = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace('.', 'tsylla'))

beforeAll(() => {
  for (const path of ['dist', 'package.json']) {
    cpSync(join(root, path), join(folder, 'node_modules/tsylla', path), { recursive: true })
  }
  const dependency = 'node_modules/sorted-btree'
  cpSync(join(root, dependency), join(folder, dependency), { recursive: true })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...parameters: string[]): string {
  return execFileSync(process.execPath, parameters, { cwd: folder, encoding: 'utf8' }).trim()
}

test.each(entries)('%s is imported and required', (entry) => {
  expect(entries.length).toBeGreaterThan(3)
  const count = 'console.log(Object.keys(found).length > 0)'
  const imported = `const found = await import('${entry}'); ${count}`
  expect(run('--input-type=module', '--eval', imported)).toBe('true')
  expect(run('--eval', `const found = require('${entry}'); ${count}`)).toBe('true')
})
