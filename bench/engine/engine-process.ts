/**
 * Measures the embedded engine through `Session`, with driver and engine on one core. Prints one
 * JSON line per workload.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedded } from 'tsylla/embedded'
import { bestWindow } from '../best-window.ts'

interface EngineMeasurement {
  readonly workload: string
  readonly inFlight: number
  readonly perSecond: number
}

const rowCount = 50_000
const windows = { count: 6, ms: 500 }

async function best(
  workload: string,
  inFlight: number,
  operation: (i: number) => Promise<unknown>,
): Promise<EngineMeasurement> {
  const { perSecond } = await bestWindow(operation, inFlight, windows)
  return { workload, inFlight, perSecond: Math.round(perSecond) }
}

async function measureStore(path: string | undefined): Promise<void> {
  const place = path === undefined ? 'memory' : 'disk, durable'
  const db = await embedded(path === undefined ? {} : { path })
  const session = await db.session({ keyspace: 'bench', createKeyspace: true })
  await session.execute(
    'CREATE TABLE t (id bigint PRIMARY KEY, name text, n int, score double, at timestamp)',
  )
  const insert = await session.prepare(
    'INSERT INTO t (id, name, n, score, at) VALUES (?, ?, ?, ?, ?)',
  )
  const select = await session.prepare('SELECT id, name, n, score, at FROM t WHERE id = ?')
  const at = new Date(1_700_000_000_000)
  const write = (i: number): Promise<unknown> =>
    session.executePrepared(insert, [BigInt(i % rowCount), 'a name of 20 letters', i | 0, 1.5, at])
  const inFlight = path === undefined ? 32 : 64
  console.log(JSON.stringify(await best(`inserts, ${place}`, inFlight, write)))
  if (path === undefined) {
    await Promise.all(Array.from({ length: rowCount }, (_, i) => write(i)))
    const read = (i: number): Promise<unknown> =>
      session.executePrepared(select, [BigInt((i * 7_919) % rowCount)])
    console.log(JSON.stringify(await best(`point reads, ${place}`, inFlight, read)))
  }
  await db.close()
}

/** Measures how long a database in memory takes to open once the modules are loaded. */
async function measureCreation(): Promise<void> {
  let bestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < 10; i++) {
    const start = performance.now()
    const db = await embedded()
    bestMs = Math.min(bestMs, performance.now() - start)
    await db.close()
  }
  console.log(
    JSON.stringify({
      workload: 'creations, memory',
      inFlight: 1,
      perSecond: Math.round(1000 / bestMs),
    }),
  )
}

await measureCreation()
await measureStore(undefined)
const folder = mkdtempSync(join(tmpdir(), 'tsylla-bench-'))
try {
  await measureStore(join(folder, 'data'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
