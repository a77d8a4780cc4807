import { describe, expect, onTestFinished, test } from 'vitest'
import { Session, type SessionOptions, singleTargetLoadBalancing } from '../../src/index.ts'
import { SimulatedCluster, type SimulatedClusterOptions } from '../../src/testing.ts'

async function start(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start(options)
  onTestFinished(() => cluster.close())
  return cluster
}

async function connect(
  cluster: SimulatedCluster,
  options: Partial<SessionOptions> = {},
  replication = `{'class': 'NetworkTopologyStrategy', 'datacenter1': 2}`,
): Promise<Session> {
  // The events of these changes reach no later session, which would forget tablets by them.
  const first = await Session.connect(cluster.contactPoints)
  await first.execute(`CREATE KEYSPACE IF NOT EXISTS k WITH replication = ${replication}`)
  await first.execute('CREATE TABLE IF NOT EXISTS k.t (a int, b text, v int, PRIMARY KEY ((a, b)))')
  await first.close()
  const session = await Session.connect(cluster.contactPoints.slice(0, 1), {
    reconnectionPolicy: { delayMs: () => 10 },
    ...options,
  })
  onTestFinished(() => session.close())
  return session
}

/** Waits until a session has connections to so many nodes, to all of their shards. */
async function warm(cluster: SimulatedCluster, session: Session, count: number): Promise<void> {
  const available = (): number =>
    session.getClusterData().nodes.filter(({ isAvailable }) => isAvailable).length
  await expect.poll(available, { timeout: 20_000 }).toBe(count)
  const isFull = (): boolean =>
    cluster.nodes
      .filter(({ isRunning }) => isRunning)
      .every(({ openConnections }) => openConnections.every((open) => open > 0))
  await expect.poll(isFull, { timeout: 20_000 }).toBe(true)
}

async function writeAndRead(session: Session, count: number): Promise<void> {
  const insert = await session.prepare('INSERT INTO k.t (a, b, v) VALUES (?, ?, ?)')
  const select = await session.prepare('SELECT v FROM k.t WHERE a = ? AND b = ?')
  for (let i = 0; i < count; i++) {
    await session.executePrepared(insert, [i, `b${i}`, i])
    const { v } = (await session.executePrepared<{ v: number }>(select, [i, `b${i}`])).singleRow()
    expect(v).toBe(i)
  }
}

describe('a cluster of Cassandra', () => {
  test('is found from one node, and no request is sent to a node without the partition', async () => {
    const cluster = await start({ nodes: 4 })
    const session = await connect(cluster)
    await warm(cluster, session, 4)
    const found = session.getClusterData().nodes.map(({ address }) => address)
    expect(found.sort()).toEqual(cluster.nodes.map(({ address }) => address).sort())
    await writeAndRead(session, 100)
    expect(cluster.counters).toMatchObject({ requests: 200, misrouted: 0, wrongShard: 0 })
    for (const { counters } of cluster.nodes) expect(counters.requests).toBeGreaterThan(0)
  })

  test('counts what a session misroutes that looks at no tokens', async () => {
    const cluster = await start({ nodes: 4 })
    const [node] = cluster.nodes
    const loadBalancingPolicy = singleTargetLoadBalancing({ node: node!.address })
    const session = await connect(cluster, { loadBalancingPolicy })
    await writeAndRead(session, 50)
    const { requests, misrouted } = cluster.counters
    expect(node!.counters).toMatchObject({ requests, misrouted })
    // Two of four nodes have each partition.
    expect(requests).toBe(100)
    expect(misrouted).toBeGreaterThan(20)
    expect(misrouted).toBeLessThan(80)
    // Where the key is part of the text, any node will do: it is not counted.
    await session.execute(`INSERT INTO k.t (a, b, v) VALUES (1, 'x', 1)`)
    expect(cluster.counters.requests).toBe(100)
  })

  test('prefers its own data center', async () => {
    const cluster = await start({
      nodes: [{ dataCenter: 'east' }, { dataCenter: 'east' }, { dataCenter: 'west' }],
    })
    const session = await connect(
      cluster,
      { localDataCenter: 'east' },
      `{'class': 'NetworkTopologyStrategy', 'east': 1, 'west': 1}`,
    )
    await writeAndRead(session, 50)
    expect(cluster.counters).toMatchObject({ requests: 100, misrouted: 0 })
    expect(cluster.nodes.map(({ counters }) => counters.requests > 0)).toEqual([true, true, false])
  })

  test('a node that stops is avoided, and used again at another address', async () => {
    const cluster = await start({ nodes: 3 })
    const session = await connect(cluster)
    await warm(cluster, session, 3)
    const node = cluster.nodes[2]!
    const { hostId, address } = node
    await node.stop()
    expect(cluster.contactPoints).toHaveLength(2)
    await writeAndRead(session, 30)
    const [host = ''] = address.split(':')
    const elsewhere = host.replace(/\d+$/, (last) => String(Number(last) + 100))
    await node.start(process.platform === 'linux' ? elsewhere : host)
    await warm(cluster, session, 3)
    const found = session.getClusterData().nodes.find((each) => each.hostId === hostId)
    expect(found?.address).toBe(node.address)
    cluster.resetCounters()
    await writeAndRead(session, 60)
    expect(cluster.counters).toMatchObject({ requests: 120, misrouted: 0 })
    expect(node.counters.requests).toBeGreaterThan(0)
  })

  test('nodes join and leave', async () => {
    const cluster = await start({ nodes: 2 })
    const session = await connect(cluster)
    await warm(cluster, session, 2)
    const joined = await cluster.addNode({ rack: 'rack2' })
    await warm(cluster, session, 3)
    await cluster.removeNode(joined)
    const known = (): number => session.getClusterData().nodes.length
    await expect.poll(known, { timeout: 20_000 }).toBe(2)
    cluster.resetCounters()
    await writeAndRead(session, 30)
    expect(cluster.counters).toMatchObject({ requests: 60, misrouted: 0 })
    await expect(cluster.removeNode(joined)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })
})

describe('a cluster of ScyllaDB', () => {
  test.each([true, false])('requests go to their shard, shard-aware port: %s', async (port) => {
    const cluster = await start({ nodes: 2, server: 'scylla', shards: 4, shardAwarePort: port })
    const session = await connect(cluster)
    await warm(cluster, session, 2)
    await writeAndRead(session, 100)
    expect(cluster.counters).toMatchObject({ requests: 200, misrouted: 0, wrongShard: 0 })
    expect(cluster.nodes[0]!.shardAwarePort !== undefined).toBe(port)
  })

  test('tablets are learned by one answer each, and so is where they move', async () => {
    const cluster = await start({ nodes: 3, server: 'scylla', shards: 3, tablets: 8 })
    const session = await connect(
      cluster,
      {},
      `{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
    )
    await warm(cluster, session, 3)
    await writeAndRead(session, 100)
    const { misrouted, wrongShard } = cluster.counters
    // One answer per tablet and statement at most.
    expect(misrouted + wrongShard).toBeLessThanOrEqual(8)
    cluster.resetCounters()
    await writeAndRead(session, 100)
    expect(cluster.counters).toMatchObject({ requests: 200, misrouted: 0, wrongShard: 0 })

    const [tablet] = cluster.tabletsOf('k', 't')
    const from = tablet!.replicas[0]!
    const to = cluster.nodes.find(({ hostId }) => hostId !== from.hostId)!
    const moved = cluster.moveTablet(tablet!, [{ hostId: to.hostId, shard: 2 }])
    expect(cluster.tabletsOf('k', 't')[0]).toEqual(moved)
    cluster.resetCounters()
    await writeAndRead(session, 100)
    expect(cluster.counters).toMatchObject({ misrouted: 1, wrongShard: 0 })
    cluster.moveTablet(moved, [{ hostId: to.hostId, shard: 0 }])
    cluster.resetCounters()
    await writeAndRead(session, 100)
    expect(cluster.counters).toMatchObject({ misrouted: 0, wrongShard: 1 })
  })
})

describe('wrong options', () => {
  test.each<[SimulatedClusterOptions, RegExp]>([
    [{ nodes: 0 }, /nodes must be an integer from 1 to 64/],
    [{ nodes: [] }, /the number of nodes must be an integer from 1/],
    [{ nodes: 'three' as never }, /nodes must be a number or a list/],
    [{ nodes: [{ datacenter: 'x' } as never] }, /no option "datacenter".*dataCenter/s],
    [{ nodes: [{ rack: '' }] }, /rack of a node must be a text/],
    [{ nodes: [{ tokens: -1 }] }, /tokens must be an integer from 0/],
    [{ server: 'mongo' as never }, /server must be one of cassandra, scylla/],
    [{ shards: 2 }, /pass server: 'scylla'/],
    [{ tablets: 8 }, /pass server: 'scylla'/],
    [{ server: 'scylla', shards: 0 }, /shards must be an integer from 1/],
    [{ server: 'scylla', tablets: 5_000 }, /tablets must be an integer/],
    [{ tokens: 257 }, /tokens must be an integer from 1 to 256/],
    [{ shardAwarePort: 19_042 as never }, /shardAwarePort must be true or false/],
    [{ nodes: [{ host: '203.0.113.7' }] }, /Cannot listen on 203\.0\.113\.7/],
  ])('%j are refused', async (options, message) => {
    await expect(SimulatedCluster.start(options)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringMatching(message) as string,
    })
  })

  test('of a tablet, of a node that runs, and of a cluster that is closed', async () => {
    const cluster = await start({ nodes: 1, server: 'scylla', tablets: 2 })
    const [node] = cluster.nodes
    const tablet = { keyspace: 'k', table: 't', firstToken: 0n, lastToken: 1n, replicas: [] }
    const { hostId } = node!
    expect(() => cluster.moveTablet(tablet, [{ hostId, shard: 0 }])).toThrow(/no such tablet/)
    expect(() => cluster.moveTablet(tablet, [{ hostId, shard: 2 }])).toThrow(/shard must be/)
    expect(() => cluster.moveTablet(tablet, [{ hostId: 'x', shard: 0 }])).toThrow(/no node with/)
    expect(() => cluster.moveTablet(tablet, [])).toThrow(/at least one/)
    await expect(node!.start()).rejects.toThrow(/runs already/)
    await node!.stop()
    await node!.stop()
    await cluster.close()
    await cluster.close()
    await expect(node!.start()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(cluster.addNode()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })
})
