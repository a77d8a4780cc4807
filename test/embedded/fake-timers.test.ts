import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { live } from './support/application.ts'
import { exitOf, linesOf, startProcess } from './support/processes.ts'

afterEach(() => {
  vi.useRealTimers()
})

type Fake = NonNullable<Parameters<typeof vi.useFakeTimers>[0]>

/** What vitest replaces without options, and what Jest does but for `nextTick`. */
const replacements: [string, Fake | undefined][] = [
  ['vitest', undefined],
  [
    'Jest',
    {
      toFake: [
        ...(['Date', 'hrtime', 'performance', 'queueMicrotask'] as const),
        ...(['setImmediate', 'clearImmediate', 'setInterval', 'clearInterval'] as const),
        ...(['setTimeout', 'clearTimeout'] as const),
      ],
    },
  ],
]

describe.each(replacements)('with the timers that %s replaces by default', (_, fake) => {
  test('a database in memory goes on', async () => {
    vi.useFakeTimers(fake)
    expect(await live({})).toBe(2_800n)
  })

  test('a database on disk goes on', async () => {
    const path = mkdtempSync(join(tmpdir(), 'tsylla-'))
    // LMDB is loaded before tests replace timers, as it is when a setup file opens the database.
    await (await embedded({ path })).close()
    vi.useFakeTimers(fake)
    expect(await live({ path })).toBe(2_800n)
    vi.useRealTimers()
    rmSync(path, { recursive: true })
  })

  test('a port answers', async () => {
    vi.useFakeTimers(fake)
    const db = await embedded()
    const { address } = await db.listen({ port: 0 })
    const { Session } = await import('../../src/index.ts')
    const session = await Session.connect([address])
    await session.execute('SELECT key FROM system.local')
    await session.close()
    await db.close()
  })

  test('rows expire by the date that the test sets', async () => {
    vi.useFakeTimers(fake)
    const db = await embedded()
    const session = await db.session({ keyspace: 'k', createKeyspace: true })
    await session.execute('CREATE TABLE t (p int PRIMARY KEY)')
    await session.execute('INSERT INTO t (p) VALUES (1) USING TTL 60')
    expect((await session.execute('SELECT p FROM t')).length).toBe(1)
    vi.setSystemTime(Date.now() + 61_000)
    expect((await session.execute('SELECT p FROM t')).length).toBe(0)
    await session.close()
    await db.close()
  })
})

test('a database goes on when process.nextTick and everything else is replaced', async () => {
  // The runner itself needs nextTick, so that this happens in a process of its own.
  const child = startProcess('fake-timers-process.ts', [])
  const lines: string[] = []
  for await (const line of linesOf(child)) lines.push(line)
  expect([await exitOf(child), lines]).toEqual([0, ['2800']])
})
