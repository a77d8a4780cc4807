import { expect, test } from 'vitest'
import { ConnectionError } from '../../src/errors/index.ts'
import { ExponentialReconnectionPolicy } from '../../src/policies/index.ts'
import { initialFeatures } from '../../src/protocol/index.ts'
import {
  type Connection,
  ConnectionState,
  defaultLocalPorts,
  NodePool,
  ShardPort,
  type ShardSource,
} from '../../src/transport/index.ts'
import { shardPortPauseMs } from '../../src/transport/shard-port.ts'
import { createRandom, type RandomSource } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const shardCount = 4

/** A connection as far as a pool knows it. */
class FakeConnection {
  state: ConnectionState = ConnectionState.ready
  readonly inFlightCount = 0
  readonly hasRoom = true
  readonly isSuspect = false
  closedError: ConnectionError | undefined
  readonly features: object

  constructor(shard: number) {
    const facts = { shard, count: shardCount, ignoreMsb: 12, port: 19_042, tlsPort: undefined }
    this.features = { ...initialFeatures, shard: facts }
  }

  drain(): Promise<void> {
    this.state = ConnectionState.closed
    return Promise.resolve()
  }
}

/** A node that is up and down as the seed says, and the pool of its connections. */
class UnreliableNode {
  readonly clock = new VirtualClock()
  readonly pool: NodePool
  isUp = true
  /** Connects that are under way, by shard; −1 where the node chooses. */
  readonly #connecting = new Map<number, number>()
  /** Most of them at a time to one shard that was chosen, and to any shard. */
  chosenShardMax = 0
  anyShardMax = 0
  readonly #random: RandomSource

  constructor(random: RandomSource) {
    this.#random = random
    const { clock } = this
    const shardPort = new ShardPort({
      ...{ address: 'node', portOf: ({ port }) => port, localPorts: defaultLocalPorts, random },
      nowMs: () => clock.monotonicMs(),
    })
    this.pool = new NodePool({
      ...{ size: { perShard: 1 }, clock, shardPort, prepare: () => undefined },
      connect: (source) => this.#connect(source),
      reconnection: new ExponentialReconnectionPolicy({ random }),
      onAvailability() {},
    })
  }

  #connect(source: ShardSource | undefined): Promise<Connection> {
    const key = source === undefined ? -1 : source.localPort % shardCount
    const count = (this.#connecting.get(key) ?? 0) + 1
    this.#connecting.set(key, count)
    if (key === -1) this.anyShardMax = Math.max(this.anyShardMax, count)
    else this.chosenShardMax = Math.max(this.chosenShardMax, count)
    const shard = key === -1 ? Math.floor(this.#random() * shardCount) : key
    return new Promise((resolve, reject) => {
      this.clock.schedule(this.#random() * 200, () => {
        this.#connecting.set(key, this.#connecting.get(key)! - 1)
        if (this.isUp) resolve(new FakeConnection(shard) as unknown as Connection)
        else reject(new ConnectionError('node', 'refused', 'not_applied'))
      })
    })
  }

  /** Loses some connections, or all of them. */
  lose(share: number): void {
    for (const connection of [...this.pool.connections]) {
      if (this.#random() >= share) continue
      ;(connection as unknown as FakeConnection).state = ConnectionState.closed
      this.pool.remove(connection)
    }
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + ms
    do for (let i = 0; i < 20; i++) await Promise.resolve()
    while (this.clock.runNext(endMs))
    this.clock.advance(endMs - this.clock.monotonicMs())
  }
}

test('a pool is full again after any of 10,000 schedules of a node that comes and goes', async () => {
  const random = createRandom(20_261)
  for (let schedule = 0; schedule < 10_000; schedule++) {
    const node = new UnreliableNode(random)
    void node.pool.fill()
    const changeCount = 1 + Math.floor(random() * 5)
    for (let i = 0; i < changeCount; i++) {
      await node.pass(random() * 1_500)
      const event = random()
      if (event < 0.4) node.lose(random())
      else if (event < 0.7) {
        node.isUp = false
        node.lose(1)
      } else node.isUp = true
      // Events of the cluster are hints that may come at any time.
      if (random() < 0.2) void node.pool.fill()
    }
    node.isUp = true
    // Twice the longest delay of the policy, and the time for all connects.
    await node.pass(25_000)
    expect({ schedule, isAvailable: node.pool.isAvailable }).toEqual({
      schedule,
      isAvailable: true,
    })
    // Where the shard-aware port was given up, it is tried again after five minutes.
    for (let i = 0; i < 4 && node.pool.connections.length < shardCount; i++) {
      await node.pass(shardPortPauseMs + 25_000)
    }
    const shards = node.pool.connections.map(({ features }) => features.shard!.shard)
    const { chosenShardMax, anyShardMax } = node
    shards.sort((a, b) => a - b)
    expect({ schedule, shards }).toEqual({ schedule, shards: [0, 1, 2, 3] })
    // One connect per shard, and no more than there are shards where the node chooses.
    expect(chosenShardMax).toBeLessThanOrEqual(1)
    expect(anyShardMax).toBeLessThanOrEqual(shardCount)
    void node.pool.close()
  }
}, 60_000)
