import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DependencyMissingError } from '../../src/errors/index.ts'
import { missingPackage } from '../../src/util/index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
  // Bun fetches packages where this folder is missing, Deno reads it where there is this file.
  mkdirSync(join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{}')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** The error of Node for an import of `lmdb` in a folder. */
function importError(): Error {
  const script = `import('lmdb').catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`
  writeFileSync(join(folder, 'main.mjs'), script)
  const said = execFileSync(process.execPath, [join(folder, 'main.mjs')], { encoding: 'utf8' })
  const { code, message } = JSON.parse(said) as { code: string; message: string }
  return Object.assign(new Error(message), { code })
}

function install(name: string, main: string): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, main: 'index.js' }))
  writeFileSync(join(path, 'index.js'), main)
}

test('a package that is not installed is named', () => {
  expect(missingPackage(importError())).toBe('lmdb')
})

test('a package whose dependency is not installed is not to blame', () => {
  install('lmdb', `require('msgpackr')`)
  expect(missingPackage(importError())).toBe('msgpackr')
})

test('a package that fails while it loads is not missing', () => {
  install('lmdb', `throw new Error('Cannot find its binary')`)
  expect(missingPackage(importError())).toBeUndefined()
})

test('the error names what is missing and what to do', () => {
  const messageFor = (cause: unknown): string =>
    new DependencyMissingError('lmdb', 'An engine on disk', { cause }).message
  expect(messageFor(importError())).toBe('An engine on disk needs the package lmdb: npm i lmdb')
  install('lmdb', `require('msgpackr')`)
  expect(messageFor(importError())).toBe(
    'An engine on disk needs the package lmdb, whose dependency msgpackr is not installed: install lmdb again',
  )
  expect(messageFor(new Error('wrong ELF class'))).toBe(
    'An engine on disk needs the package lmdb, which does not load: wrong ELF class',
  )
})
