import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Session, type SessionOptions, type TsyllaError } from '../../src/index.ts'
import { type OwnCassandra, startOwnCassandra } from '../support/own-cassandra.ts'

const password = 'cassandra'
const wrongPassword = 'correct-horse-battery'

describe.skipIf(inject('cassandra') === undefined)('a node with TLS and passwords', () => {
  let server: OwnCassandra
  let ca: string

  beforeAll(async () => {
    server = await startOwnCassandra({ nodeCount: 1, auth: true, tls: true, heap: '512m' })
    ca = readFileSync(server.caFile!, 'utf8')
  })
  afterAll(() => server?.stop())

  const connect = (options: Partial<SessionOptions>): Promise<Session> =>
    Session.connect(server.contactPoints, { connectionTimeoutMs: 10_000, ...options })

  const failure = async (options: Partial<SessionOptions>): Promise<TsyllaError> => {
    try {
      await (await connect(options)).close()
    } catch (error) {
      return error as TsyllaError
    }
    throw new Error('it connected')
  }

  test('accepts a client that has the CA and the password', async () => {
    const session = await connect({ tls: { ca }, user: 'cassandra', password })
    const row = (await session.execute('SELECT release_version FROM system.local')).singleRow()
    expect(row['release_version']).toMatch(/^5\./)
    await session.execute('SELECT * FROM system_auth.roles')
    await session.close()
  })

  test('a wrong password, none, and half of one are refused by name, and never printed', async () => {
    const wrong = await failure({ tls: { ca }, user: 'cassandra', password: wrongPassword })
    expect(wrong).toMatchObject({ code: 'TSYLLA_AUTHENTICATION', outcome: 'not_applied' })
    expect(inspect(wrong, { depth: 20, showHidden: true })).not.toContain(wrongPassword)
    expect(JSON.stringify(wrong)).not.toContain(wrongPassword)
    expect(await failure({ tls: { ca } })).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(await failure({ tls: { ca }, user: 'cassandra' })).toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
  })

  test('an authenticator that is not on the list gets no password', async () => {
    const error = await failure({
      tls: { ca },
      user: 'cassandra',
      password,
      authenticators: ['com.example.Other'],
    })
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(error.message).toContain('PasswordAuthenticator')
  })

  test('an unknown CA and a wrong name are refused, unless told otherwise', async () => {
    expect(await failure({ tls: true, user: 'cassandra', password })).toMatchObject({
      code: 'TSYLLA_TLS',
    })
    expect(
      await failure({ tls: { ca, servername: 'elsewhere.example' }, user: 'cassandra', password }),
    ).toMatchObject({ code: 'TSYLLA_TLS' })
    const careless = await connect({
      tls: { insecureSkipVerify: true },
      user: 'cassandra',
      password,
    })
    await careless.close()
  })

  test('a plain client fails instead of hanging', async () => {
    const error = await failure({ user: 'cassandra', password, connectionTimeoutMs: 3_000 })
    expect(error.code).toMatch(/^TSYLLA_(CONNECTION|PROTOCOL)$/)
    expect(error.message).toContain('set the option tls')
  })
})

describe.skipIf(inject('cassandra') === undefined)('compression', () => {
  for (const compression of ['lz4', 'snappy'] as const) {
    test(`${compression} carries large and small values both ways`, async () => {
      const session = await Session.connect([inject('cassandra')!], {
        compression,
        keyspace: `compress_${compression}_${process.pid}`,
        createKeyspace: true,
      })
      try {
        await session.execute('CREATE TABLE t (id int PRIMARY KEY, v text)')
        const texts = [
          '',
          'x',
          'y'.repeat(100_000),
          Array.from({ length: 5_000 }, (_, i) => i).join(),
        ]
        for (const [id, v] of texts.entries()) {
          await session.execute('INSERT INTO t (id, v) VALUES (?, ?)', { id, v })
        }
        const rows = await session.execute('SELECT id, v FROM t')
        const read = new Map(rows.rows().map((row) => [row['id'], row['v']]))
        expect(texts.map((_, id) => read.get(id))).toEqual(texts)
      } finally {
        await session.execute(`DROP KEYSPACE compress_${compression}_${process.pid}`)
        await session.close()
      }
    })
  }
})
