import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { stopProcesses } from '../../scripts/cassandra/launcher.ts'
import { Session } from '../../src/index.ts'
import { type OwnCassandra, startOwnCassandra } from '../support/own-cassandra.ts'

describe.skipIf(inject('cassandra') === undefined)('three nodes', () => {
  let cluster: OwnCassandra
  let session: Session

  beforeAll(async () => {
    cluster = await startOwnCassandra({ nodeCount: 3, heap: '384m' })
    // Two contact points that are none, and one that is: the others are found.
    const contactPoints = ['127.0.0.1:1', '127.0.0.1:2', cluster.contactPoints[1]!]
    session = await Session.connect(contactPoints, {
      keyspace: 'app',
      createKeyspace: { replicationFactor: 1 },
      requestTimeoutMs: 30_000,
    })
    await session.execute('CREATE TABLE t (id int PRIMARY KEY, v int)')
  }, 240_000)
  afterAll(async () => {
    await session?.close({ graceMs: 0 })
    await cluster?.stop()
  }, 60_000)

  test('all nodes are found from one contact point', async () => {
    // Nodes that gossip slowly are told of by events, and connected to in the background.
    const available = (): string[] =>
      session
        .getClusterData()
        .nodes.filter(({ isAvailable }) => isAvailable)
        .map(({ address }) => address)
        .sort()
    await expect.poll(available, { timeout: 60_000 }).toEqual([...cluster.contactPoints].sort())
  })

  test('with one copy, every request goes to the node that has it', async () => {
    const insert = await session.prepare('INSERT INTO t (id, v) VALUES (?, ?)')
    const select = await session.prepare('SELECT token(id) AS position, v FROM t WHERE id = ?')
    const seen = new Map<string, { min: bigint; max: bigint }>()
    for (let id = 0; id < 300; id++) {
      const written = await session.executePrepared(insert, [id, id])
      const read = await session.executePrepared<{ position: bigint }>(select, [id])
      expect(read.coordinator).toBe(written.coordinator)
      const token = read.singleRow().position
      const range = seen.get(read.coordinator) ?? { min: token, max: token }
      if (token < range.min) range.min = token
      if (token > range.max) range.max = token
      seen.set(read.coordinator, range)
    }
    expect(seen.size).toBe(3)
    // One token a node: ranges of the ring that do not overlap, but for the one around its end.
    const ranges = [...seen.values()].sort((a, b) => (a.min < b.min ? -1 : 1))
    const inner = ranges.filter(({ min, max }) => max - min < 2n ** 63n)
    expect(inner.length).toBeGreaterThanOrEqual(2)
    for (let i = 1; i < inner.length; i++) expect(inner[i]!.min).toBeGreaterThan(inner[i - 1]!.max)
  })

  test('DDL waits until the nodes agree', async () => {
    for (let i = 0; i < 3; i++) {
      await session.execute(`CREATE TABLE agreed_${i} (id int PRIMARY KEY)`)
      const inserts = Array.from({ length: 30 }, (_, id) =>
        session.execute(`INSERT INTO agreed_${i} (id) VALUES (?)`, [id]),
      )
      await Promise.all(inserts)
    }
    await session.awaitSchemaAgreement()
  }, 120_000)

  test('DDL of a session that has just begun waits for nodes it is not connected to yet', async () => {
    for (let i = 0; i < 4; i++) {
      const fresh = await Session.connect([cluster.contactPoints[i % 3]!], {
        keyspace: 'app',
        requestTimeoutMs: 30_000,
      })
      await fresh.execute(`CREATE TABLE fresh_${i} (id int PRIMARY KEY)`)
      const inserts = Array.from({ length: 50 }, (_, id) =>
        fresh.execute(`INSERT INTO fresh_${i} (id) VALUES (?)`, [id]),
      )
      await Promise.all(inserts)
      await fresh.close()
    }
  }, 120_000)

  test('when a node dies the others carry on, at a level they can reach', async () => {
    await session.execute(
      `CREATE KEYSPACE copies WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}`,
    )
    await session.execute('CREATE TABLE copies.t (id int PRIMARY KEY, v int)')
    const insert = await session.prepare('INSERT INTO copies.t (id, v) VALUES (?, ?)')
    const write = (id: number): Promise<unknown> => session.executePrepared(insert, [id, id])
    await Promise.all(Array.from({ length: 100 }, (_, i) => write(i)))
    await stopProcesses([cluster.pids[2]!])
    await Promise.all(Array.from({ length: 300 }, (_, i) => write(i)))
    const count = await session.execute('SELECT count(*) FROM copies.t', [], {
      consistency: 'QUORUM',
    })
    expect(count.singleRow()['count']).toBe(300n)
    await expect(
      session.execute('INSERT INTO copies.t (id, v) VALUES (1, 1)', [], { consistency: 'ALL' }),
    ).rejects.toMatchObject({ code: 'TSYLLA_SERVER_UNAVAILABLE', outcome: 'not_applied' })
    expect(session.getClusterData().nodes.filter(({ isAvailable }) => isAvailable)).toHaveLength(2)
  }, 120_000)
})
