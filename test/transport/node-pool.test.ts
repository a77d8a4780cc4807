import { expect, test } from 'vitest'
import { ClosedError } from '../../src/errors/index.ts'
import { ExponentialReconnectionPolicy } from '../../src/policies/index.ts'
import { initialFeatures } from '../../src/protocol/index.ts'
import {
  ByteBudget,
  Connection,
  ConnectionState,
  defaultLocalPorts,
  type Link,
  NodePool,
  ShardPort,
  DeadlineTimer,
} from '../../src/transport/index.ts'
import { runtimeWithClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const link: Link = { write: () => true, end() {}, destroy() {} }

/** A pool with one connection per given shard, in this order. */
function makePool(
  shards: readonly (number | undefined)[],
  prepare: (connection: Connection) => Promise<void> | undefined = () => undefined,
): NodePool {
  const clock = new VirtualClock()
  const budget = new ByteBudget(1_000)
  const left = [...shards]
  const pool: NodePool = new NodePool({
    size: { perNode: shards.length },
    shardPort: new ShardPort({
      address: 'test',
      portOf: () => undefined,
      localPorts: defaultLocalPorts,
      random: () => 0,
      nowMs: () => clock.monotonicMs(),
    }),
    connect: async () => {
      const shard = left.shift()
      const connection = new Connection(
        `shard ${shard}`,
        new DeadlineTimer(runtimeWithClock(clock)),
        { onRoom() {}, onEvent() {}, onClosed: (one) => pool.remove(one) },
        budget,
      )
      const facts = { count: 4, ignoreMsb: 12, port: undefined, tlsPort: undefined }
      connection.attach(link)
      connection.useFeatures(
        { ...initialFeatures, shard: shard === undefined ? undefined : { shard, ...facts } },
        undefined,
      )
      connection.markReady()
      return connection
    },
    prepare,
    reconnection: new ExponentialReconnectionPolicy({ random: () => 0 }),
    clock,
    onAvailability() {},
  })
  return pool
}

async function openPool(...args: Parameters<typeof makePool>): Promise<NodePool> {
  const pool = makePool(...args)
  await pool.fill()
  return pool
}

const pickedOf = (pool: NodePool, shard?: number): Set<string | undefined> =>
  new Set(Array.from({ length: 20 }, () => pool.pick(shard)?.address))

test('a pool prefers connections to the shard that is asked for', async () => {
  const pool = await openPool([0, 1, 1, 2, undefined])
  expect(pickedOf(pool, 1)).toEqual(new Set(['shard 1']))
  expect(pickedOf(pool, 2)).toEqual(new Set(['shard 2']))
  pool.destroy(new ClosedError('session'))
})

test('a pool without a usable connection to the shard picks any other', async () => {
  const pool = await openPool([0, 1, 2])
  const all = new Set(['shard 0', 'shard 1', 'shard 2'])
  expect(pickedOf(pool, 3)).toEqual(all)
  expect(pickedOf(pool)).toEqual(all)
  const isUsable = (connection: Connection): boolean => connection.address !== 'shard 1'
  expect(pool.pick(1, isUsable)?.address).not.toBe('shard 1')
  const suspect = pool.pick(1)!
  suspect.isSuspect = true
  expect(pickedOf(pool, 1)).toEqual(new Set(['shard 0', 'shard 2']))
  pool.destroy(new ClosedError('session'))
})

test('a connection enters the pool only when nothing is left to prepare, however often', async () => {
  let keyspace = 'a'
  const pool = await openPool([0], (connection) => {
    if (connection.keyspace.current === keyspace) return undefined
    const entered = keyspace
    return Promise.resolve().then(() => {
      connection.keyspace.current = entered
      // The session is switched while the connection is on its way.
      if (entered === 'a') keyspace = 'b'
    })
  })
  expect(pool.connections.map((connection) => connection.keyspace.current)).toEqual(['b'])
  pool.destroy(new ClosedError('session'))
})

test('a connection that cannot be prepared does not enter the pool', async () => {
  let tryCount = 0
  const pool = await openPool([0], async (connection) => {
    tryCount++
    connection.destroy(new ClosedError('connection'))
    throw new ClosedError('connection')
  })
  expect([tryCount, pool.connections.length, pool.lastError?.code]).toEqual([1, 0, 'TSYLLA_CLOSED'])
  pool.destroy(new ClosedError('session'))
})

test('a connection that is lost before it enters the pool is replaced after a delay', async () => {
  let tryCount = 0
  const pool = await openPool([0, 1], (connection) => {
    if (tryCount++ < 3) connection.destroy(new ClosedError('connection'))
    return undefined
  })
  expect([tryCount, pool.connections.length, pool.lastError?.code]).toEqual([1, 0, 'TSYLLA_CLOSED'])
  pool.destroy(new ClosedError('session'))
})

test('closing the pool at once closes a connection that is still being prepared', async () => {
  const preparing: Connection[] = []
  let closed = (): void => {}
  const pool = makePool([0], (connection) => {
    preparing.push(connection)
    return new Promise((_, reject) => {
      closed = () => reject(new ClosedError('connection'))
    })
  })
  const filling = pool.fill()
  for (let i = 0; i < 10; i++) await Promise.resolve()
  pool.destroy(new ClosedError('session'))
  expect(preparing[0]!.state).toBe(ConnectionState.closed)
  closed()
  await filling
  expect(preparing.map(({ state }) => state)).toEqual([ConnectionState.closed])
  expect(pool.connections).toEqual([])
})

test('closing the pool ends and awaits a connection that is still being prepared', async () => {
  const preparing: Connection[] = []
  let fail = (): void => {}
  const pool = makePool([0], (connection) => {
    preparing.push(connection)
    return new Promise((_, reject) => {
      fail = () => reject(new ClosedError('connection'))
    })
  })
  const filling = pool.fill()
  for (let i = 0; i < 10; i++) await Promise.resolve()
  let isClosed = false
  const closing = pool.close().then(() => {
    isClosed = true
  })
  expect(preparing[0]!.state).toBe(ConnectionState.closed)
  for (let i = 0; i < 10; i++) await Promise.resolve()
  expect(isClosed).toBe(false)
  fail()
  await Promise.all([filling, closing])
  expect(pool.connections).toEqual([])
})

test('closing the pool awaits a connection that is still being made, and closes it', async () => {
  const pool = makePool([0])
  const filling = pool.fill()
  await pool.close()
  let isFilled = false
  void filling.then(() => {
    isFilled = true
  })
  await Promise.resolve()
  expect([isFilled, pool.connections.length]).toEqual([true, 0])
})
