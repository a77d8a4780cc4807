/**
 * An application that bundles tsylla builds and runs with every bundler, whether the optional
 * packages are installed or not. Needs the package registry, so it is part of `npm run test:all`.
 */
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const execute = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const optional = ['lmdb@3.5.6', 'lz4-napi@2.10.0', 'snappy@7.4.3']
const folder = mkdtempSync(join(tmpdir(), 'tsylla-bundlers-'))
const project = join(folder, 'project')

async function run(command: string, ...parameters: string[]): Promise<string> {
  const { stdout } = await execute(command, parameters, { cwd: project, maxBuffer: 1 << 26 })
  return stdout
}

const npm = (...parameters: string[]): Promise<string> =>
  run('npm', ...parameters, '--ignore-scripts', '--no-audit', '--no-fund')

/** Runs a bundle with Node; its last line is what worked. */
async function runBundle(file: string): Promise<unknown> {
  const output = await run(process.execPath, file, mkdtempSync(join(folder, 'data-')))
  return JSON.parse(output.trim().split('\n').at(-1) ?? '')
}

const bundlers: readonly (readonly [name: string, build: () => Promise<unknown>])[] = [
  [
    'esbuild, ES modules',
    async () => {
      const flags = ['--bundle', '--platform=node', '--format=esm', '--minify']
      await run('npx', 'esbuild', 'main.mjs', ...flags, '--outfile=out-esbuild/main.mjs')
      return await runBundle('out-esbuild/main.mjs')
    },
  ],
  [
    'webpack, CommonJS',
    async () => {
      await run(process.execPath, 'build-webpack.mjs')
      return await runBundle('out-webpack/main.cjs')
    },
  ],
  [
    'Vite, everything in the bundle',
    async () => {
      await run('npx', 'vite', 'build', '--config', 'vite.config.mjs')
      return await runBundle('out-vite/main.js')
    },
  ],
  [
    'Next.js',
    async () => {
      await run('npx', 'next', 'build')
      return await askNext(mkdtempSync(join(folder, 'data-')))
    },
  ],
]

/** Starts the built application on a free port, asks it once, and stops it. */
async function askNext(path: string): Promise<unknown> {
  const next = join(project, 'node_modules/next/dist/bin/next')
  const server = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', '0'], {
    cwd: project,
  })
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let output = ''
      server.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        const [address] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(output) ?? []
        if (address !== undefined && output.includes('Ready')) resolve(address)
      })
      server.on('exit', () => reject(new Error(`Next.js did not start: ${output}`)))
    })
    const response = await fetch(`${address}/api/tsylla?path=${encodeURIComponent(path)}`)
    return await response.json()
  } finally {
    server.kill()
  }
}

beforeAll(async () => {
  cpSync(join(here, 'project'), project, { recursive: true })
  await npm('ci')
  await execute('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  await npm('install', '--no-save', join(folder, tarball))
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('without the optional packages', () => {
  const missing = 'TSYLLA_DEPENDENCY_MISSING'
  test.each(bundlers)('%s', { timeout: 300_000 }, async (_, build) => {
    const expected = { memory: 'ok', disk: missing, lz4: missing, snappy: missing }
    expect(await build()).toEqual(expected)
  })
})

describe('with the optional packages', () => {
  beforeAll(async () => {
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
    await npm('install', '--no-save', join(folder, tarball), ...optional)
  }, 300_000)

  test.each(bundlers)('%s', { timeout: 300_000 }, async (_, build) => {
    expect(await build()).toEqual({ memory: 'ok', disk: 'ok', lz4: 'ok', snappy: 'ok' })
  })
})
