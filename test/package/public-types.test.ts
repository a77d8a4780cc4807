// The published declarations compile in strict projects that check them (`skipLibCheck: false`),
// with and without the types of Node and of browsers.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const resolve = createRequire(import.meta.url).resolve

/** Returns what the compiler says about `test/public-types`: nothing when all is well. */
function diagnostics(compiler: string, options: readonly string[]): string {
  const project = join(root, 'test/public-types/tsconfig.json')
  const parameters = [resolve(compiler), '-p', project, '--pretty', 'false', ...options]
  try {
    return execFileSync(process.execPath, parameters, { cwd: root, encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

const compilers: readonly (readonly [name: string, script: string])[] = [
  ['TypeScript 6', 'typescript/bin/tsc'],
  ['TypeScript 7', join(root, 'node_modules/typescript-7/bin/tsc')],
]

describe.each(compilers)('%s checks the published types', (_name, compiler) => {
  test.each([
    ['with the library of ES2022 alone', ['--lib', 'es2022']],
    ['with the types of browsers', ['--lib', 'es2022,dom']],
    ['with the types of Node', ['--lib', 'es2022', '--types', 'node']],
    ['with the types of Node and browsers', ['--lib', 'esnext,dom', '--types', 'node']],
  ])('%s', (_libraries, options) => {
    expect(diagnostics(compiler, options)).toBe('')
  })
})
