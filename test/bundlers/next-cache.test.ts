/**
 * Two processes of one Next.js application share the cache on a served engine. Needs the package
 * registry, so it is part of `npm run test:all`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Application, type NextServer } from './application.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Revalidations reach other processes after a second, and pages are made in the background. */
const patience = { timeout: 30_000, interval: 100 }

/** A picture of one pixel. */
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

let application: Application
let database: EmbeddedDatabase
/** Of what the application is told, but the name of the process. */
let settings: object
let one: NextServer
let two: NextServer
let fetchCount = 0
const origin = createServer((_, response) => response.end(`made by the origin; ${++fetchCount}`))

beforeAll(async () => {
  application = await Application.install('next-project')
  mkdirSync(join(application.project, 'public'))
  writeFileSync(join(application.project, 'public/pixel.png'), Buffer.from(png, 'base64'))
  database = await embedded()
  const { address } = await database.listen({ port: 0 })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const { port } = origin.address() as AddressInfo
  settings = { CQL_NODE: address, ORIGIN: `http://127.0.0.1:${port}` }
  await buildAndStart({})
}, 580_000)

afterAll(async () => {
  one.stop()
  two.stop()
  origin.close()
  await database.close()
  await application[Symbol.asyncDispose]()
})

async function buildAndStart(more: object): Promise<void> {
  const env = { ...settings, ...more }
  await application.run('npx', ['next', 'build'], env)
  one = await application.startNext({ ...env, PROCESS_NAME: 'one' })
  two = await application.startNext({ ...env, PROCESS_NAME: 'two' })
}

/** What a process shows at a path: who has made it, and when. */
async function show(server: NextServer, path: string): Promise<string> {
  const response = await fetch(`${server.address}${path}`)
  expect(response.status).toBe(200)
  return /made by [^<";]*;[ \d]*/.exec(await response.text())?.[0] ?? ''
}

async function revalidate(server: NextServer, what: object): Promise<void> {
  const body = JSON.stringify(what)
  const response = await fetch(`${server.address}/api/revalidate`, { method: 'POST', body })
  expect(response.status).toBe(200)
}

test('a page that one process makes anew is what the other shows', async () => {
  const first = await show(one, '/isr')
  expect(first).toMatch(/^made by one /)
  // It is stale after a second: the other process makes its successor.
  await expect.poll(() => show(two, '/isr'), patience).toMatch(/^made by two /)
  expect(await show(one, '/isr')).toMatch(/^made by two /)
})

test('a page of the pages router is shared', async () => {
  const made = await show(two, '/static')
  expect(made).toMatch(/^made by two /)
  expect(await show(one, '/static')).toBe(made)
})

test('revalidatePath in one process reaches the other', async () => {
  const before = await show(one, '/static')
  expect(await show(two, '/static')).toBe(before)
  await revalidate(one, { path: '/isr' })
  const isr = await show(one, '/isr')
  await revalidate(two, { path: '/isr' })
  await expect.poll(() => show(one, '/isr'), patience).not.toBe(isr)
  expect(await show(one, '/static')).toBe(before)
})

test.each([
  ['a result of "use cache"', '/cached', 'cached'],
  ['a result of fetch', '/api/fetched', 'fetched'],
])('%s is shared, and revalidateTag in one process reaches the other', async (_, path, tag) => {
  const made = await show(one, path)
  expect(made).not.toBe('')
  expect(await show(two, path)).toBe(made)
  await revalidate(two, { tag, expire: 0 })
  await expect.poll(() => show(one, path), patience).not.toBe(made)

  // With a time until it expires it is used once more, while its successor is made.
  const next = await show(one, path)
  expect(await show(two, path)).toBe(next)
  await revalidate(one, { tag, expire: 3_600 })
  await expect.poll(() => show(two, path), patience).not.toBe(next)
})

test('an optimized image is shared', async () => {
  const ask = (server: NextServer): Promise<Response> =>
    fetch(`${server.address}/_next/image?url=%2Fpixel.png&w=64&q=75`)
  const made = await ask(one)
  expect([made.status, made.headers.get('x-nextjs-cache')]).toEqual([200, 'MISS'])
  const bytes = Buffer.from(await made.arrayBuffer())
  await expect
    .poll(async () => (await ask(two)).headers.get('x-nextjs-cache'), patience)
    .toBe('HIT')
  expect(Buffer.from(await (await ask(two)).arrayBuffer())).toEqual(bytes)
})

test('the types of Next.js take the handler', async () => {
  writeFileSync(
    join(application.project, 'types.mts'),
    `import type { CacheHandler as UseCacheHandler } from 'next/dist/server/lib/cache-handlers/types.js'
     import type { CacheHandler } from 'next/dist/server/lib/incremental-cache/index.js'
     import { nextCacheHandler } from 'tsylla/adapters/next'

     const handler = nextCacheHandler({ connect: { nodes: ['127.0.0.1'], keyspace: 'app' } })
     export const ofCacheHandler: typeof CacheHandler = handler
     export const ofCacheHandlers: UseCacheHandler = handler`,
  )
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', ...types]
  const lib = ['--lib', 'es2023,dom,esnext.disposable']
  await application.run(process.execPath, [compiler, ...flags, ...lib, 'types.mts'])
})

test('the shell of a page is shared with cacheComponents', { timeout: 300_000 }, async () => {
  one.stop()
  two.stop()
  await buildAndStart({ APPLICATION: 'components' })
  const made = await show(one, '/shell')
  expect(made).not.toBe('')
  expect(await show(two, '/shell')).toBe(made)
  await revalidate(two, { tag: 'shell', expire: 0 })
  await expect.poll(() => show(one, '/shell'), patience).not.toBe(made)
  expect(await show(two, '/shell')).toBe(await show(one, '/shell'))
})

test('without the database pages are made for every request', async () => {
  await database.close()
  const made = await show(one, '/shell')
  expect(made).toMatch(/^made by one /)
  expect(await show(one, '/shell')).not.toBe(made)
  expect(await show(two, '/shell')).toMatch(/^made by two /)
})
