/** Run by vitest: `npx vitest run --config examples/testing/vitest.config.ts`. */
import { Session } from 'tsylla'
import { SimulatedCluster } from 'tsylla/testing'
import { expect, test } from 'vitest'

test('every request goes to the shard that has the row, and a stopped node is no failure', async () => {
  await using cluster = await SimulatedCluster.start({ nodes: 3, server: 'scylla', shards: 2 })
  await using session = await Session.connect(cluster.contactPoints, {
    keyspace: 'app',
    createKeyspace: { replicationFactor: 2 },
  })
  await session.execute('CREATE TABLE users (id int PRIMARY KEY, name text)')
  const insert = await session.prepare('INSERT INTO users (id, name) VALUES (?, ?)')
  for (let id = 0; id < 50; id++) await session.executePrepared(insert, [id, `user ${id}`])
  expect(cluster.counters).toMatchObject({ requests: 50, misrouted: 0, wrongShard: 0 })

  await cluster.nodes[0]!.stop()
  const names = await session.execute<{ name: string }>('SELECT name FROM users')
  expect(names.length).toBe(50)
})
