import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { ConfigError, Session, SessionBuilder } from '../../src/index.ts'
import {
  expandConnectionString,
  readConnectionString,
} from '../../src/session/connection-string.ts'

describe('a connection string', () => {
  test.each([
    ['cql://node1', { contactPoints: ['node1'] }],
    ['cql://node1/', { contactPoints: ['node1'] }],
    ['cql://[::1]:9043,node2', { contactPoints: ['[::1]:9043', 'node2'] }],
    [
      'cql://ada:p%40ss%3Aw%2Frd@node1:9042/app?dc=dc1&pageSize=100&createKeyspace=true',
      {
        contactPoints: ['node1:9042'],
        ...{ user: 'ada', password: 'p@ss:w/rd', keyspace: 'app' },
        ...{ localDataCenter: 'dc1', pageSize: 100, createKeyspace: true },
      },
    ],
    // A password may contain what is not encoded but cannot be misread.
    ['cql://a:b@c@node1', { contactPoints: ['node1'], user: 'a', password: 'b@c' }],
    ['cql://ada:@node1', { contactPoints: ['node1'], user: 'ada', password: '' }],
    // What the scheme promises is not taken back.
    ['cqls://node1?tls=false', { contactPoints: ['node1'], tls: true }],
    ['cqls://node1?servername=a.b', { contactPoints: ['node1'], tls: { servername: 'a.b' } }],
    ['cql://node1?servername=a.b', { contactPoints: ['node1'], tls: { servername: 'a.b' } }],
    ['cqls://node1?compression=lz4', { contactPoints: ['node1'], tls: true, compression: 'lz4' }],
  ])('%s is read', (url, options) => {
    expect(readConnectionString(url)).toEqual(options)
  })

  test.each([
    ['cql://', /is no connection string/],
    ['cql:///app', /is no connection string/],
    ['cql://u:secret@', /is no connection string/],
    ['cql://u:sec#ret@node1', /is no connection string/],
    ['cql://u:sec/ret@node1', /is no connection string/],
    ['cql://u:x?secret@node1', /is no connection string/],
    ['cql://u:x?dc=secret@node1/app', /is no connection string/],
    ['cql://u:\nsecret@node1?dcs=x', /Unknown parameter "dcs"/],
    ['cql://secret@node1', /The login of "cql:\/\/…@node1" must be user:password/],
    ['cql://:secret@node1', /must be user:password/],
    ['cql://u:%zzsecret@node1', /is not percent-encoded/],
    ['cql://u:secret@node1?datacenter=x', /Unknown parameter "datacenter" of "cql:\/\/…@node1/],
    ['cql://u:secret@node1?pagesize=1', /Did you mean "pageSize"\?/],
    ['cql://u:secret@node1?pageSize=many', /pageSize is a number, not "many"/],
    ['cql://u:secret@node1?pageSize=1e3', /pageSize is a number/],
    ['cqls://u:secret@node1?servername=', /servername is a host name/],
    ['cqls://u:secret@node1?servername=a&tls=true', /has the parameter tls twice/],
    ['cql://u:secret@node1?tls=yes', /tls is true or false/],
    ['cql://u:secret@node1?dc=a&localDataCenter=b', /has the parameter localDataCenter twice/],
    ['cql://u:secret@node1?password=secret', /Unknown parameter "password"/],
  ])('%s is refused, and its password is not shown', (url, message) => {
    const read = (): unknown => readConnectionString(url)
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(message)
    expect(read).not.toThrow(/secret(?!")|%zzsecret/)
  })

  test('other options override it, and it must be the only contact point', () => {
    const contactPoints = ['cql://node1/app?pageSize=100']
    const options = { contactPoints, keyspace: 'other', pageSize: undefined }
    expect(expandConnectionString(options)).toEqual({
      ...{ contactPoints: ['node1'], keyspace: 'other', pageSize: 100 },
    })
    expect(() => expandConnectionString({ contactPoints: [...contactPoints, 'node2'] })).toThrow(
      /must be the only one/,
    )
  })

  test('what its values are is checked as for every option', async () => {
    await expect(Session.connect('cql://node1?consistency=SOME')).rejects.toThrow(
      /consistency is one of/,
    )
    await expect(Session.connect(['cql://node1/a-b'])).rejects.toThrow(/A keyspace name is/)
    await expect(Session.connect('http://node1')).rejects.toThrow(/connection string cql:\/\//)
  })
})

describe('TSYLLA_URL', () => {
  const before = process.env['TSYLLA_URL']
  afterEach(() => {
    if (before === undefined) delete process.env['TSYLLA_URL']
    else process.env['TSYLLA_URL'] = before
  })

  test('is the contact point of sessions that are given none', async () => {
    process.env['TSYLLA_URL'] = 'embedded:'
    await using session = await Session.connect()
    expect((await session.execute('SELECT key FROM system.local')).length).toBe(1)
    await using built = await new SessionBuilder().useKeyspace('app').createKeyspace().build()
    expect(built.getKeyspace()).toBe('app')
  })

  test('is ignored by sessions that are given one', async () => {
    process.env['TSYLLA_URL'] = 'cql://not/read?at=all'
    await using session = await Session.connect(['embedded:'])
    expect(session.isClosed).toBe(false)
    await expect(Session.connect()).rejects.toThrow(/Unknown parameter "at"/)
  })

  test('is named by the error when there is neither', async () => {
    delete process.env['TSYLLA_URL']
    await expect(Session.connect()).rejects.toThrow(/TSYLLA_URL/)
  })
})

const cassandra = inject('cassandra')

describe.skipIf(cassandra === undefined)('connecting by a connection string', () => {
  test('all parts arrive', async () => {
    const keyspace = `t_${randomBytes(6).toString('hex')}`
    const parameters = 'compression=lz4&createKeyspace=true&applicationName=by-url'
    await using session = await Session.connect(`cql://${cassandra}/${keyspace}?${parameters}`)
    expect(session.getKeyspace()).toBe(keyspace)
    const select = 'SELECT client_options FROM system_views.clients'
    const clients = await session.execute<{ client_options: Map<string, string> }>(select)
    const names = clients.rows().map((row) => row.client_options?.get('APPLICATION_NAME'))
    expect(names).toContain('by-url')
    await session.execute(`DROP KEYSPACE ${keyspace}`)
  })
})
