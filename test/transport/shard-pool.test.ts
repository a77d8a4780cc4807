import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { ConnectionError } from '../../src/errors/index.ts'
import type { Session, SessionOptions, WarningTrace } from '../../src/index.ts'
import { busyPortCountMax, missCountMax, shardPortPauseMs } from '../../src/transport/shard-port.ts'
import { connect, holdExecutes, settle } from '../support/scripted-session.ts'
import { voidResult } from '../support/scripted-node.ts'
import { ShardedNode } from '../support/sharded-node.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const warnings: WarningTrace[] = []
const onWarning = (message: unknown): void => void warnings.push(message as WarningTrace)
let session: Session | undefined

afterEach(async () => {
  unsubscribe('tsylla:warning', onWarning)
  warnings.length = 0
  await session?.close({ graceMs: 1 })
  session = undefined
})

/** Opens a session with the node, and lets its pool fill. */
async function open(
  change: (node: ShardedNode) => void = () => {},
  options: Partial<SessionOptions> = {},
): Promise<ShardedNode> {
  subscribe('tsylla:warning', onWarning)
  const node = new ShardedNode(new VirtualClock())
  change(node)
  // Time is moved on in leaps, in which no heartbeat could be answered.
  session = await connect(node, { heartbeatIntervalMs: 1 << 30, ...options })
  await settle()
  return node
}

/** Shards of the connections of the pool: the control connection has taken shard 0. */
function poolShards(node: ShardedNode): number[] {
  const shards = node.openShards
  shards.splice(shards.indexOf(0), 1)
  return shards
}

const chosenCount = (node: ShardedNode): number =>
  node.attempts.filter(({ localPort }) => localPort !== undefined).length

const inUse = (): ConnectionError =>
  new ConnectionError('10.0.0.1:19042', 'cannot connect', 'not_applied', {
    cause: Object.assign(new Error('bind'), { code: 'EADDRINUSE' }),
  })

describe('a pool of a node with shards', () => {
  test('has one connection to each shard, through the shard-aware port but for the first', async () => {
    const node = await open()
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    const [, first, ...others] = node.attempts
    expect(first).toMatchObject({ signal: expect.anything() })
    expect(first!.localPort).toBeUndefined()
    expect(others.map(({ port }) => port)).toEqual([19_042, 19_042, 19_042])
    expect(new Set(others.map(({ localPort }) => localPort! % 4))).toEqual(new Set([0, 2, 3]))
    for (const { localPort } of others) {
      expect(localPort).toBeGreaterThanOrEqual(49_152)
      expect(localPort).toBeLessThanOrEqual(65_535)
    }
    expect(warnings).toEqual([])
  })

  test.each([
    [{ perShard: 2 }, [0, 0, 1, 1, 2, 2, 3, 3]],
    [{ perNode: 6 }, 6],
    [6, 6],
    [2, 2],
    [{ perNode: 1 }, [1]],
  ] as const)('of size %j has connections to shards %j', async (poolSize, expected) => {
    const shards = poolShards(await open(undefined, { poolSize }))
    if (typeof expected === 'number') {
      expect(shards).toHaveLength(expected)
      expect(new Set(shards).size).toBe(Math.min(expected, 4))
    } else expect(shards).toEqual(expected)
  })

  test('takes the local ports that it is given', async () => {
    const node = await open(undefined, { shardAwarePort: { min: 30_001, max: 30_004 } })
    const ports = node.attempts.flatMap(({ localPort }) => localPort ?? [])
    expect(new Set(ports)).toEqual(new Set([30_002, 30_003, 30_004]))
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
  })

  test('goes to the other shard-aware port with TLS', async () => {
    const node = await open((one) => {
      one.isUnencrypted = false
      one.shardAwarePort = 19_142
      one.said = {
        SCYLLA_SHARD_AWARE_PORT: '19042',
        SCYLLA_SHARD_AWARE_PORT_SSL: '19142',
      }
    })
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    expect(chosenCount(node)).toBe(3)
  })

  test('is filled through the normal port when the shard-aware one is turned off', async () => {
    const node = await open(undefined, { shardAwarePort: false })
    expect([poolShards(node), chosenCount(node)]).toEqual([[0, 1, 2, 3], 0])
  })

  test.each([
    { SCYLLA_SHARD_AWARE_PORT: '0' },
    { SCYLLA_SHARD_AWARE_PORT: '99999' },
    { SCYLLA_SHARD_AWARE_PORT: '' },
  ])('is filled through the normal port when the node says %j', async (supported) => {
    const node = await open((one) => {
      one.said = supported
    })
    expect([poolShards(node), chosenCount(node)]).toEqual([[0, 1, 2, 3], 0])
  })

  test.each([
    { SCYLLA_SHARD: '4' },
    { SCYLLA_NR_SHARDS: '0' },
    { SCYLLA_SHARDING_ALGORITHM: 'other' },
  ])('has one connection when shards make no sense: %j', async (supported) => {
    const node = await open((one) => {
      one.said = supported
    })
    expect([node.attempts.length, chosenCount(node)]).toEqual([2, 0])
  })

  test('that claims more shards than a pool may have connections gets a bounded number', async () => {
    const node = await open((one) => {
      one.shardCount = 2_000
    })
    for (let i = 0; i < 100 && node.openShards.length < 1_025; i++) await settle()
    expect(node.openShards).toHaveLength(1_025)
  })
})

describe('a network between client and node', () => {
  test('that rewrites local ports costs a few misses, and then the normal port is used', async () => {
    const node = await open((one) => {
      // Every connection arrives from the same port, so always at shard 1.
      one.translate = () => 50_001
    })
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    expect(chosenCount(node)).toBeLessThanOrEqual(missCountMax + 8)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]!.node).toBe('10.0.0.1:9042')
    expect(warnings[0]!.message).toMatch(/shard-aware port .* is not used for 300 s: a connection/)
  })

  test('that rewrites local ports at random: a connection whose shard is needed is kept', async () => {
    let port = 50_000
    const node = await open((one) => {
      one.translate = () => port++
    })
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    expect(node.attempts.length).toBeLessThanOrEqual(10)
  })

  test('that blocks the shard-aware port does not delay requests, nor count as failure', async () => {
    const node = await open((one) => {
      one.refuse = ({ port }) =>
        port === 19_042 ? new ConnectionError('x', 'refused', 'not_applied') : undefined
    })
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('refused')])
  })

  test('the shard-aware port is tried again after a while', async () => {
    let isBlocked = true
    const node = await open((one) => {
      one.refuse = ({ port }) =>
        port === 19_042 && isBlocked ? new ConnectionError('x', 'no', 'not_applied') : undefined
    })
    isBlocked = false
    const clock = node.clock as VirtualClock
    const loseOne = async (): Promise<number> => {
      const before = chosenCount(node)
      node.connections.find((one) => !one.isClosed && node.shardOf(one) === 2)!.destroy()
      await pass(clock, 500)
      expect(poolShards(node)).toEqual([0, 1, 2, 3])
      return chosenCount(node) - before
    }
    expect(await loseOne()).toBe(0)
    clock.advance(shardPortPauseMs)
    await settle()
    expect(await loseOne()).toBe(1)
  })
})

test('connecting does not wait for a shard-aware port that does not answer', async () => {
  const clock = new VirtualClock()
  const node = new ShardedNode(clock)
  node.holdsShardPort = true
  const connecting = connect(node, { heartbeatIntervalMs: 1 << 30 })
  await pass(clock, 1_500)
  session = await connecting
  expect(node.openShards).toHaveLength(2)
})

describe('local ports that are in use', () => {
  test('are passed over', async () => {
    let busyCount = 5
    const node = await open((one) => {
      one.refuse = ({ port }) => (port === 19_042 && busyCount-- > 0 ? inUse() : undefined)
    })
    expect([poolShards(node), warnings]).toEqual([[0, 1, 2, 3], []])
    expect(chosenCount(node)).toBe(5 + 3)
  })

  test('all of them end the search', async () => {
    const node = await open((one) => {
      one.refuse = ({ port }) => (port === 19_042 ? inUse() : undefined)
    })
    expect(poolShards(node)).toEqual([0, 1, 2, 3])
    expect(chosenCount(node)).toBeLessThanOrEqual(busyPortCountMax + 8)
    expect(warnings).toHaveLength(1)
  })
})

describe('shards that do not come up', () => {
  test('are looked for with a bounded number of connections, and again much later', async () => {
    const node = await open((one) => {
      one.shardAwarePort = 0
      // Whatever comes, comes to shard 1.
      one.said = { SCYLLA_SHARD: '1' }
    })
    let opened = node.attempts.length
    expect(opened).toBeLessThanOrEqual(2 + 4 * 4 + 8)
    expect(node.openShards).toHaveLength(2)
    await pass(node.clock as VirtualClock, 20_000)
    expect(node.attempts.length).toBe(opened)
    // A connection that is lost does not wait that long.
    node.connections.findLast((one) => !one.isClosed)!.destroy()
    await pass(node.clock as VirtualClock, 1_000)
    expect(node.attempts.length).toBeGreaterThan(opened)
    expect(node.openShards).toHaveLength(2)
    opened = node.attempts.length
    ;(node.clock as VirtualClock).advance(shardPortPauseMs)
    await settle()
    expect(node.attempts.length).toBeGreaterThan(opened)
    // How many turns of the event loop that takes depends on the load of the machine.
    await expect.poll(() => node.openShards).toHaveLength(2)
  })
})

describe('a node that comes back with other shards', () => {
  test.each([2, 6])('gets a pool with %d shards', async (count) => {
    const node = await open()
    const clock = node.clock as VirtualClock
    node.restart(count)
    await pass(clock, 2_000)
    const expected = Array.from({ length: count }, (_, i) => i)
    expect(new Set(node.openShards)).toEqual(new Set(expected))
    expect(node.openShards).toHaveLength(count + 1)
  })

  test('while older connections are open: they leave the pool, their requests are answered', async () => {
    const node = await open()
    const clock = node.clock as VirtualClock
    const held = holdExecutes(node)
    const running = Array.from({ length: 8 }, (_, i) =>
      session!.execute('INSERT INTO ks.t (c0) VALUES (?)', [i]),
    )
    await settle()
    node.shardCount = 2
    const lost = node.connections.findLast((one) => !one.isClosed)!
    lost.destroy()
    await pass(clock, 2_000)
    // The older connections stay until their requests are answered.
    expect(new Set(node.openShards)).toEqual(new Set([0, 1, 2, 3]))
    for (const exchange of held) exchange.reply(voidResult)
    node.script = () => 'default'
    const outcomes = await Promise.allSettled(running)
    // Those on the connection that was lost are repeated.
    expect(outcomes.map(({ status }) => status)).toEqual(Array(8).fill('fulfilled'))
    await settle()
    expect(node.openShards).toEqual([0, 0, 1])
    await session!.execute('SELECT a FROM ks.t')
  })
})

test('whatever a node says about its shards, the pool opens a bounded number of connections', async () => {
  const digits = fc.constantFrom('0', '1', '2', '3', '7', 'x', '')
  const said = fc.record({
    SCYLLA_SHARD: digits,
    SCYLLA_NR_SHARDS: fc.constantFrom('0', '1', '2', '4', '8'),
    SCYLLA_SHARD_AWARE_PORT: fc.constantFrom('0', '19042', '9042'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 8 }), async (answers) => {
      let count = 0
      const node = await open((one) => {
        one.refuse = () => {
          one.said = answers[count++ % answers.length]!
          return undefined
        }
      })
      expect(count).toBeLessThanOrEqual(2 + 5 * 8 + missCountMax + 8)
      expect(node.openShards.length).toBeLessThanOrEqual(1 + 8)
      await session!.close()
      session = undefined
      await settle()
      expect(node.openShards).toEqual([])
    }),
    { numRuns: 50 },
  )
})
