/**
 * The seven patterns at work. Runs on the embedded engine, or on a cluster:
 *
 *   npm run demo
 *   npm run demo -- --node 127.0.0.1:9042
 */
import { parseArgs } from 'node:util'
import { ConcurrencyConflictError, RowExistsError, type Session } from 'tsylla'
import {
  Cache,
  DatabaseManager,
  EventStore,
  MetricsStore,
  RateLimiter,
  SessionManager,
  UserRepository,
} from 'tsylla/patterns'

const { values } = parseArgs({ options: { node: { type: 'string', default: 'embedded:' } } })
/** Part of all keys of this run, so that the data of earlier runs does not change the output. */
const run = `run-${Date.now().toString(36)}`

function title(text: string): void {
  console.log(`\n${text}\n${'─'.repeat(text.length)}`)
}

function show(what: string, result: unknown): void {
  console.log(
    `  ${what.padEnd(52)} ${typeof result === 'string' ? result : JSON.stringify(result)}`,
  )
}

async function userSessions(session: Session): Promise<void> {
  title('User Session Management')
  const sessions = new SessionManager(session, { ttlSeconds: 3600 })
  await sessions.createTables()
  const token = await sessions.createSession('user-42', '192.0.2.7')
  show('createSession → a token of 256 random bits', `${token.slice(0, 12)}…`)
  show('validateSession(token)', await sessions.validateSession(token))
  const stored = await session.execute('SELECT id FROM sessions_state LIMIT 1')
  show('what the table holds instead of a token', JSON.stringify(stored.firstRow()).slice(0, 30))
  await sessions.destroySession(token)
  show('validateSession after destroySession', await sessions.validateSession(token))
}

async function metrics(session: Session): Promise<void> {
  title('Time Series Metrics')
  const store = new MetricsStore(session)
  await store.createTables()
  const now = Date.now()
  const metric = `cpu-${run}`
  for (let i = 0; i < 48; i++) {
    const at = new Date(now - i * 3_600_000)
    await store.record(metric, Math.round(50 + 40 * Math.sin(i / 4)), { host: 'a' }, at)
  }
  await store.record(metric, 99, { host: 'b' }, new Date(now))
  const points = await store.query(metric, new Date(now - 86_400_000), new Date(now)).toArray()
  show('49 points over two days; the last 24 hours', `${points.length} points`)
  show(
    'two points of the same millisecond',
    points.slice(-2).map(({ value }) => value),
  )
}

async function rateLimiter(session: Session): Promise<void> {
  title('Rate Limiter')
  const limiter = new RateLimiter(session)
  await limiter.createTables()
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => limiter.check(`api-${run}`, 10, 3600)),
  )
  show('100 requests at once against a limit of 10', `${answers.filter(Boolean).length} admitted`)
  const { ok, remaining, resetAt } = await limiter.take(`api-${run}`, {
    limit: 10,
    windowSeconds: 3600,
  })
  show('the next request', { ok, remaining, resetAt: resetAt.toISOString() })
}

async function cache(session: Session): Promise<void> {
  title('Cache Layer')
  const store = new Cache(session, { ttlSeconds: 60 })
  await store.createTables()
  let calls = 0
  const load = async (): Promise<{ price: number; calls: number }> => ({ price: 7, calls: ++calls })
  await Promise.all(Array.from({ length: 20 }, () => store.getOrSet(`item-${run}`, load)))
  show('20 callers of getOrSet share one factory call', await store.get(`item-${run}`))
  await store.set(`nothing-${run}`, null)
  show('a cached null is a hit', await store.lookup(`nothing-${run}`))
  show('a missing key is not', await store.lookup(`missing-${run}`))
}

async function events(session: Session): Promise<void> {
  title('Event Sourcing')
  const store = new EventStore(session)
  await store.createTables()
  const order = `order-${run}`
  show('append', await store.append(order, 'created', { total: 0 }, { expectedVersion: 0 }))
  const items = [
    { type: 'item-added', data: { sku: 'a', price: 5 } },
    { type: 'item-added', data: { sku: 'b', price: 7 } },
  ]
  show('append two at once → the last version', await store.append(order, items))
  try {
    await store.append(order, 'paid', {}, { expectedVersion: 1 })
  } catch (error) {
    if (!(error instanceof ConcurrencyConflictError)) throw error
    show('append with an old expectedVersion', error.message.replace(run, '…'))
  }
  for await (const event of store.read<{ price?: number }>(order, { fromVersion: 1 })) {
    show(`read from version 1: ${event.version} ${event.type}`, event.data)
  }
}

async function repository(session: Session): Promise<void> {
  title('Repository Pattern')
  const users = new UserRepository(session)
  await users.createTables()
  const id = Math.floor(Math.random() * 2_000_000_000)
  const user = { id, name: 'Ada', email: 'ada@example.org', createdAt: new Date() }
  await users.create(user)
  await users.update({ ...user, name: 'Ada Lovelace' })
  show('create, update, get', (await users.get(id))?.name ?? 'no row')
  try {
    await users.create(user)
  } catch (error) {
    if (!(error instanceof RowExistsError)) throw error
    show('create again', error.message)
  }
  show('delete, delete again', [await users.delete(id), await users.delete(id)])
}

const db = DatabaseManager.instance()
title('Database Connection Manager')
const [session, same] = await Promise.all([
  db.connect([values.node], 'tsylla_demo', { createKeyspace: true }),
  db.connect([values.node], 'tsylla_demo', { createKeyspace: true }),
])
show('two concurrent connects share one session', session === same)
show(
  'connected to',
  db.session
    .getClusterData()
    .nodes.map(({ address }) => address)
    .join(', '),
)
try {
  await userSessions(session)
  await metrics(session)
  await rateLimiter(session)
  await cache(session)
  await events(session)
  await repository(session)
} finally {
  await db.close()
}
