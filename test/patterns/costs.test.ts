import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { type Executor, Session, wrapExecutor } from '../../src/index.ts'
import {
  Cache,
  createTables,
  Lock,
  RateLimiter,
  Semaphore,
  SessionManager,
} from '../../src/patterns.ts'

/** What one operation asks of the database. */
interface Cost {
  reads: number
  writes: number
  conditional: number
  /** Requests that wait for each other: those of the same moment are one trip. */
  trips: number
}

let db: EmbeddedDatabase
let session: Session
let cost: Cost
let executor: Executor
let inFlight = 0

beforeAll(async () => {
  db = await embedded()
  session = await Session.connect([db], { keyspace: 'costs', createKeyspace: true })
  executor = wrapExecutor(session, async (call, next) => {
    if (call.verb === 'prepare' || call.verb === 'execute') return await next(call)
    const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : 'BATCH'
    if (text.startsWith('SELECT') || call.verb === 'page') cost.reads++
    else if (/ IF |BATCH/.test(text)) cost.conditional++
    else cost.writes++
    if (inFlight++ === 0) cost.trips++
    try {
      return await next(call)
    } finally {
      inFlight--
    }
  })
})
afterAll(async () => {
  await session.close()
  await db.close()
})

/** Measures an operation when everything is prepared, with what goes on in the background. */
async function measure(work: () => Promise<unknown>): Promise<Cost> {
  cost = { reads: 0, writes: 0, conditional: 0, trips: 0 }
  await work()
  // What goes on when the caller has its answer is no trip that it waits for.
  const trips = inFlight > 0 ? cost.trips - 1 : cost.trips
  for (let turns = 0; turns < 50; turns = inFlight > 0 ? 0 : turns + 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { ...cost, trips }
}

function tableOf(rows: readonly (readonly [operation: string, cost: Cost])[]): string {
  const head = ['operation', 'reads', 'plain writes', 'conditional writes', 'round trips']
  const cells = rows.map(([operation, { reads, writes, conditional, trips }]) => [
    operation,
    ...[reads, writes, conditional, trips].map(String),
  ])
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

test('the documents state what operations cost', async () => {
  cost = { reads: 0, writes: 0, conditional: 0, trips: 0 }
  const limiter = new RateLimiter(executor, { limit: 1_000, per: '1h' })
  const strict = new RateLimiter(executor, { limit: 1, per: '1h' })
  const quorum = new RateLimiter(executor, { limit: 1_000, per: '1h', strategy: 'quorum' })
  const local = new RateLimiter(executor, { limit: 1_000, per: '1h', strategy: 'local' })
  const cache = new Cache(executor, { invalidationMaxAge: '1m' })
  // Of another table: its messages are none of the requests of the others.
  const remembering = new Cache(executor, {
    ...{ memory: { ttl: '1m' }, invalidationMaxAge: '1m', table: 'remembered' },
  })
  const alone = new Cache(executor, { stampede: 'process', invalidationMaxAge: '1m' })
  const lock = new Lock(executor, { ttl: '1h' })
  const semaphore = new Semaphore(executor, { limit: 2, ttl: '1h' })
  const sessions = new SessionManager(executor, { idle: '30m', absolute: '30d' })
  await createTables(executor, [limiter, quorum, cache, remembering, lock, semaphore, sessions])
  // Prepares all statements, and asks for what is remembered.
  const decision = await limiter.take('warm')
  await limiter.peek('warm')
  await strict.check('full')
  await quorum.take('warm')
  await cache.getOrSet('warm', () => 1)
  await cache.delete('cold')
  await cache.setIfAbsent('other', 1)
  await alone.get('warm')
  await remembering.getOrSet('warm', () => 1)
  const held = await lock.acquire('held')
  const [token, other] = await Promise.all(
    [1, 2].map(() => sessions.createSession('user', '192.0.2.1')),
  )
  await sessions.validateSession(other!)
  await sessions.update(other!, { cart: 1 })
  await sessions.destroySession(await sessions.rotateSession(other!))
  await sessions.revokeAll('nobody')
  await (await lock.acquire('warm')).release()
  await (await semaphore.acquire('warm')).release()
  await measure(async () => {})

  const rows: [string, Cost][] = []
  const row = async (operation: string, work: () => Promise<unknown>): Promise<void> => {
    rows.push([operation, await measure(work)])
  }
  const many = async (work: () => Promise<unknown>): Promise<unknown> =>
    await Promise.all(Array.from({ length: 100 }, work))
  await row('`RateLimiter` `exact`: `take`, first of a key', () => limiter.take('first'))
  await row('the same, later', () => limiter.take('warm'))
  await row('the same, 100 callers at once', () => many(() => limiter.take('warm')))
  await row('the same, exhausted', () => strict.take('full'))
  await row('`peek`', () => limiter.peek('warm'))
  await row('`refund`', () => limiter.refund(decision))
  await row('`RateLimiter` `quorum`: `take`', () => quorum.take('warm'))
  await row('`RateLimiter` `local`: `take`', () => local.take('warm'))
  await row('`Cache` `get`, hit', () => cache.get('warm'))
  await row('the same, 100 callers of `getOrSet` at once', () =>
    many(() => cache.getOrSet('warm', () => 1)),
  )
  await row('the same, in memory', () => remembering.get('warm'))
  await row('`getOrSet`, miss', () => cache.getOrSet('new', () => 1))
  await row("the same, `stampede: 'process'`", () => alone.getOrSet('new 2', () => 1))
  await row('`set`', () => cache.set('warm', 1))
  await row('`delete`', () => cache.delete('warm'))
  await row('`setIfAbsent`, absent', () => cache.setIfAbsent('absent', 1))
  await row('`invalidateTags` of one tag, `clear`', () => cache.invalidateTags(['tag']))
  let lease = held
  await row('`Lock` `acquire`, free', async () => (lease = await lock.acquire('free')))
  await row('`extend`', () => lease.extend())
  await row('`release`', () => lease.release())
  await row('`tryAcquire`, held', () => lock.tryAcquire('held'))
  await row('`Semaphore` `acquire`', async () => await semaphore.acquire('warm'))
  await row('`SessionManager` `createSession`', () => sessions.createSession('user', '192.0.2.1'))
  await row('`validateSession`', () => sessions.validateSession(token!))
  await row('`update`', () => sessions.update(token!, { cart: 1 }))
  let next = token!
  await row('`rotateSession`', async () => (next = await sessions.rotateSession(token!)))
  await row('`destroySession`', () => sessions.destroySession(next))
  await row('`revokeAll`, however many sessions', () => sessions.revokeAll('user'))
  await held.release()

  const path = join(import.meta.dirname, '../../docs/patterns.md')
  const text = readFileSync(path, 'utf8')
  const [start, end] = ['<!-- costs -->\n\n', '\n\n<!-- end of costs -->']
  const from = text.indexOf(start) + start.length
  const to = text.indexOf(end)
  const table = tableOf(rows)
  if (process.env['TSYLLA_WRITE_COSTS'] !== undefined) {
    writeFileSync(path, text.slice(0, from) + table + text.slice(to))
  }
  const cellsOf = (markdown: string): string[][] =>
    markdown
      .split('\n')
      .filter((line) => !/^\|[\s|-]+$/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()))
  expect(cellsOf(text.slice(from, to))).toEqual(cellsOf(table))
})
