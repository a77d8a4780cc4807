import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import type { Session } from '../../src/index.ts'
import {
  Cache,
  DatabaseManager,
  EventStore,
  Lock,
  MetricsStore,
  RateLimiter,
  Repository,
  Semaphore,
  SessionManager,
} from '../../src/patterns.ts'
import { describeOnServers } from '../support/targets.ts'

interface Case {
  readonly name: string
  readonly channel: string
  /** @returns what `stats` returns after the work */
  readonly work: (session: Session) => Promise<object>
  readonly stats: object
  readonly events: readonly object[]
}

const table = (name: string): { readonly table: string } => ({ table: `stats_${name}` })

/** Every pattern with statistics: what it counts and publishes of the same work. */
const cases: readonly Case[] = [
  {
    name: 'RateLimiter',
    channel: 'tsylla:rate-limit',
    async work(session) {
      const limiter = new RateLimiter(session, { limit: 1, per: '1d', ...table('limits') })
      await limiter.createTables()
      await limiter.take('key')
      await limiter.take('key')
      return limiter.stats()
    },
    stats: { admitted: 1, refused: 1, failed: 0, degraded: 0, lwt: { conditionalWrites: 1 } },
    events: [
      { type: 'admitted', key: 'key', cost: 1, decision: { ok: true } },
      { type: 'refused', key: 'key', cost: 1, decision: { ok: false } },
    ],
  },
  {
    name: 'Cache',
    channel: 'tsylla:cache',
    async work(session) {
      const cache = new Cache(session, table('cache'))
      await cache.createTables()
      await cache.getOrSet('key', () => 1)
      await cache.get('key')
      return cache.stats()
    },
    stats: { hits: 1, misses: 1 },
    events: [
      ...[{ type: 'miss' }, { type: 'factory' }, { type: 'set' }],
      { type: 'hit', tier: 'database' },
    ],
  },
  {
    name: 'SessionManager',
    channel: 'tsylla:session',
    async work(session) {
      const sessions = new SessionManager(session, table('sessions'))
      await sessions.createTables()
      await sessions.destroySession(await sessions.createSession('ada', ''))
      await sessions.revokeAll('ada')
      return sessions.stats()
    },
    stats: { created: 1, destroyed: 1, revoked: 1, lwt: { conditionalWrites: 3 } },
    events: [
      { type: 'created' },
      { type: 'ended', reason: 'destroyed' },
      { type: 'revoked', reason: 'revoked' },
    ],
  },
  {
    name: 'Lock',
    channel: 'tsylla:lock',
    async work(session) {
      const lock = new Lock(session, table('locks'))
      await lock.createTables()
      await lock.run('name', () => {})
      return lock.stats()
    },
    stats: { held: 0, lost: 0, lwt: { conditionalWrites: 2 } },
    events: [{ type: 'acquired' }, { type: 'released' }],
  },
  {
    name: 'Semaphore',
    channel: 'tsylla:semaphore',
    async work(session) {
      const semaphore = new Semaphore(session, { limit: 1, ...table('semaphores') })
      await semaphore.createTables()
      await semaphore.run('name', {}, () => {})
      return semaphore.stats()
    },
    stats: { held: 0, lost: 0, lwt: { conditionalWrites: 2 } },
    events: [
      { type: 'acquired', name: 'name' },
      { type: 'released', name: 'name' },
    ],
  },
  {
    name: 'MetricsStore',
    channel: 'tsylla:metrics',
    async work(session) {
      const metrics = new MetricsStore(session, { retention: '7d', ...table('metrics') })
      await expect(metrics.record('cpu', 1)).rejects.toThrow(/createTables/)
      await metrics.createTables()
      await metrics.record('cpu', 1)
      await metrics.query('cpu', new Date(0), new Date()).toArray()
      return metrics.stats()
    },
    stats: { recorded: 1, failed: 1, read: 1 },
    events: [
      { type: 'failed', metric: 'cpu' },
      { type: 'recorded', metric: 'cpu' },
    ],
  },
  {
    name: 'EventStore',
    channel: 'tsylla:event-store',
    async work(session) {
      const events = new EventStore(session, { timeout: '10s', ...table('events') })
      await expect(events.append('order', 'created', {})).rejects.toThrow(/createTables/)
      await events.createTables()
      const two = [
        { type: 'created', data: {} },
        { type: 'paid', data: {} },
      ]
      await events.append('order', two, { expectedVersion: 0 })
      const again = events.append('order', two, { expectedVersion: 0 })
      await expect(again).rejects.toMatchObject({ code: 'TSYLLA_CONCURRENCY_CONFLICT' })
      await events.read('order').toArray()
      return events.stats()
    },
    stats: { appends: 1, events: 2, conflicts: 1, failed: 1, read: 2 },
    events: [
      { type: 'failed', streamId: 'order', count: 1 },
      { type: 'appended', streamId: 'order', count: 2 },
      { type: 'conflict', streamId: 'order', count: 2 },
    ],
  },
  {
    name: 'Repository',
    channel: 'tsylla:repository',
    async work(session) {
      const columns = { id: 'int', name: 'text' }
      const users = new Repository<{ id: number; name: string }>(session, {
        ...{ columns, key: ['id'] },
        ...table('users'),
      })
      await expect(users.get(1)).rejects.toThrow(/createTables/)
      await users.createTables()
      await users.create({ id: 1, name: 'Ada' })
      await expect(users.create({ id: 1, name: 'Ada' })).rejects.toThrow()
      await users.update({ id: 1, name: 'Eve' })
      await expect(users.update({ id: 2, name: 'Eve' })).rejects.toThrow()
      await users.get(1)
      expect(await users.get(2)).toBeUndefined()
      expect([await users.delete(1), await users.delete(1)]).toEqual([true, false])
      return users.stats()
    },
    stats: { created: 1, read: 1, missing: 1, updated: 1, deleted: 1, refused: 3, failed: 1 },
    events: [
      ...['failed', 'created', 'refused', 'updated', 'refused'],
      ...['read', 'missing', 'deleted', 'refused'],
    ].map((type) => ({ type, table: 'stats_users' })),
  },
  {
    name: 'DatabaseManager',
    channel: 'tsylla:database',
    async work() {
      const manager = DatabaseManager.named(`statistics ${Math.random()}`)
      await expect(manager.connect(['127.0.0.1:1'])).rejects.toThrow()
      await manager.connect(['embedded:'])
      await manager.close()
      await manager.close()
      return manager.stats()
    },
    stats: { connected: 1, failed: 1, closed: 1 },
    events: [{ type: 'failed' }, { type: 'connected' }, { type: 'closed' }],
  },
]

describeOnServers('statistics and events', (target) => {
  test.each(cases)('$name', async ({ channel, work, stats, events }) => {
    const seen: unknown[] = []
    const listener = (event: unknown): void => void seen.push(event)
    subscribe(channel, listener)
    try {
      expect(await work(target.session)).toMatchObject(stats)
    } finally {
      unsubscribe(channel, listener)
    }
    expect(seen).toMatchObject(events)
  })
})
