/**
 * An application that bundles tsylla builds and runs with every bundler, whether the optional
 * packages are installed or not. Needs the package registry, so it is part of `npm run test:all`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Application } from './application.ts'

const optional = ['lmdb@3.5.6', 'lz4-napi@2.10.0', 'snappy@7.4.3']
let application: Application

/** Runs a bundle with Node; its last line is what worked. */
async function runBundle(file: string): Promise<unknown> {
  const output = await application.run(process.execPath, [file, application.makeFolder()])
  return JSON.parse(output.trim().split('\n').at(-1) ?? '')
}

const bundlers: readonly (readonly [name: string, build: () => Promise<unknown>])[] = [
  [
    'esbuild, ES modules',
    async () => {
      const flags = ['--bundle', '--platform=node', '--format=esm', '--minify']
      const out = '--outfile=out-esbuild/main.mjs'
      await application.run('npx', ['esbuild', 'main.mjs', ...flags, out])
      return await runBundle('out-esbuild/main.mjs')
    },
  ],
  [
    'webpack, CommonJS',
    async () => {
      await application.run(process.execPath, ['build-webpack.mjs'])
      return await runBundle('out-webpack/main.cjs')
    },
  ],
  [
    'Vite, everything in the bundle',
    async () => {
      await application.run('npx', ['vite', 'build', '--config', 'vite.config.mjs'])
      return await runBundle('out-vite/main.js')
    },
  ],
  [
    'Next.js',
    async () => {
      await application.run('npx', ['next', 'build'])
      return await askNext(application.makeFolder())
    },
  ],
]

/** Starts the built application, asks it once, and stops it. */
async function askNext(path: string): Promise<unknown> {
  const server = await application.startNext()
  try {
    const response = await fetch(`${server.address}/api/tsylla?path=${encodeURIComponent(path)}`)
    return await response.json()
  } finally {
    server.stop()
  }
}

beforeAll(async () => {
  application = await Application.install('project')
}, 300_000)

afterAll(() => application[Symbol.asyncDispose]())

describe('without the optional packages', () => {
  const missing = 'TSYLLA_DEPENDENCY_MISSING'
  test.each(bundlers)('%s', { timeout: 300_000 }, async (_, build) => {
    const expected = { memory: 'ok', disk: missing, lz4: missing, snappy: missing }
    expect(await build()).toEqual(expected)
  })
})

describe('with the optional packages', () => {
  beforeAll(() => application.add(...optional), 300_000)

  test.each(bundlers)('%s', { timeout: 300_000 }, async (_, build) => {
    expect(await build()).toEqual({ memory: 'ok', disk: 'ok', lz4: 'ok', snappy: 'ok' })
  })
})
