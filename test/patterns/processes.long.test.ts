import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Session } from '../../src/index.ts'
import { EventStore, RateLimiter } from '../../src/patterns.ts'

const workerFile = join(dirname(fileURLToPath(import.meta.url)), 'worker-process.ts')
const processCount = 4
const callerCount = 16

/** Runs one task in several processes at once and gives what each printed. */
async function runProcesses<T>(
  address: string,
  keyspace: string,
  task: string,
  rounds: number,
): Promise<T[]> {
  const args = [
    '--import',
    'tsx',
    workerFile,
    address,
    keyspace,
    task,
    String(callerCount),
    String(rounds),
  ]
  const workers = Array.from({ length: processCount }, () => {
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return { child, lines }
  })
  await Promise.all(workers.map(({ lines }) => lines.next()))
  for (const { child } of workers) child.stdin.write('go\n')
  return await Promise.all(
    workers.map(async ({ child, lines }) => {
      const line = await lines.next()
      if (child.exitCode === null) await once(child, 'exit')
      return JSON.parse(String(line.value)) as T
    }),
  )
}

interface Limited {
  readonly admitted: number
  readonly refused: number
  readonly failed: number
}
interface Appended {
  readonly acknowledged: readonly string[]
  readonly failed: number
}

function defineOn(open: () => Promise<{ address: string; close(): Promise<void> }>): void {
  const keyspace = `processes_${process.pid}`
  let server: { address: string; close(): Promise<void> }
  let session: Session

  beforeAll(async () => {
    server = await open()
    session = await Session.connect([server.address], { keyspace, createKeyspace: true })
    await new RateLimiter(session).createTables()
    await new EventStore(session).createTables()
  })
  afterAll(async () => {
    await session?.execute(`DROP KEYSPACE ${keyspace}`)
    await session?.close()
    await server?.close()
  })

  test(`RateLimiter: ${processCount} processes × ${callerCount} callers never exceed the limit`, {
    timeout: 180_000,
  }, async () => {
    const results = await runProcesses<Limited>(server.address, keyspace, 'limit', 4)
    const sum = (key: keyof Limited): number => results.reduce((total, one) => total + one[key], 0)
    console.log(
      `  admitted ${sum('admitted')} of a limit of 100, refused ${sum('refused')}, failed ${sum('failed')}`,
    )
    expect(sum('admitted') + sum('refused') + sum('failed')).toBe(processCount * callerCount * 4)
    expect(sum('admitted')).toBeLessThanOrEqual(100)
    if (sum('failed') === 0) expect(sum('admitted')).toBe(100)
  })

  test(`EventStore: ${processCount} processes × ${callerCount} callers lose nothing and leave no gap`, {
    timeout: 240_000,
  }, async () => {
    const results = await runProcesses<Appended>(server.address, keyspace, 'append', 2)
    const events = await new EventStore(session).read<string>('shared').toArray()
    const acknowledged = results.flatMap((one) => one.acknowledged)
    const failed = results.reduce((total, one) => total + one.failed, 0)
    const stored = events.filter(({ type }) => type === 'second').map(({ data }) => data)
    console.log(
      `  ${acknowledged.length} appends acknowledged, ${failed} failed, ${events.length} events stored`,
    )
    expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1))
    expect(new Set(stored).size).toBe(stored.length)
    expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([])
    for (let i = 0; i < events.length; i += 2) {
      expect([events[i]?.type, events[i + 1]?.type]).toEqual(['first', 'second'])
      expect(events[i]?.data).toBe(events[i + 1]?.data)
    }
    expect(failed).toBe(0)
  })
}

describe('several processes · one served engine', () => {
  defineOn(async () => {
    const db: EmbeddedDatabase = await embedded()
    const server = await db.listen({ host: '127.0.0.1', port: 0 })
    return { address: server.address, close: () => db.close() }
  })
})

describe.skipIf(inject('cassandra') === undefined)('several processes · cassandra', () => {
  defineOn(async () => ({ address: inject('cassandra')!, close: async () => {} }))
})
