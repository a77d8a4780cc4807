import { expect, test } from 'vitest'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('a keyspace of replication factor 3 on one node', (target) => {
  test('is served in full by the engine, and at level ONE alone by Cassandra', async () => {
    const { session } = target
    const keyspace = `${target.keyspace}_rf3`
    const replication = "{'class': 'SimpleStrategy', 'replication_factor': 3}"
    await session.execute(`CREATE KEYSPACE ${keyspace} WITH replication = ${replication}`)
    await session.execute(`CREATE TABLE ${keyspace}.t (id int PRIMARY KEY)`)
    const codeOf = (text: string, consistency: 'ONE' | 'QUORUM'): Promise<string> =>
      session.execute(text, [], { consistency }).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      )
    const unavailable = target.name === 'engine' ? 'ok' : 'TSYLLA_SERVER_UNAVAILABLE'
    const insert = `INSERT INTO ${keyspace}.t (id) VALUES (1)`
    expect(await codeOf(insert, 'ONE')).toBe('ok')
    expect(await codeOf(insert, 'QUORUM')).toBe(unavailable)
    expect(await codeOf(`${insert} IF NOT EXISTS`, 'ONE')).toBe(unavailable)
    expect(await codeOf(`SELECT * FROM ${keyspace}.t`, 'QUORUM')).toBe(unavailable)
    await session.execute(`DROP KEYSPACE ${keyspace}`)
  })
})
