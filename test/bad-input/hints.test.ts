import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Session, SessionBuilder } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

describe('options of a session', () => {
  const cases: readonly [string, object, string][] = [
    ['a misspelt one', { localDatacentre: 'dc1' }, 'Did you mean "localDataCenter"?'],
    ['one of another driver', { credentials: { username: 'u' } }, 'Use user and password.'],
    ['any other', { nonsense: 1 }, 'The options are contactPoints, keyspace,'],
    [
      'one node as a text',
      { contactPoints: 'node1:9042' },
      "must be a list, also for one node: ['",
    ],
    [
      'a URL',
      { contactPoints: ['cassandra://u:secret@node1:9042/app'] },
      'use "node1:9042", and the options user, password, keyspace and tls',
    ],
  ]
  for (const [what, options, hint] of cases) {
    test(`${what}: the error says what to write instead`, async () => {
      const error = await new SessionBuilder({ contactPoints: ['embedded:'] })
        .options(options)
        .build()
        .catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: expect.stringContaining(hint) as string,
      })
      expect(String(error)).not.toContain('secret')
    })
  }

  test('TLS to a port that does not speak it', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.from([0x84, 0, 0, 0, 0, 0, 0, 0, 0])))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await expect(Session.connect([`127.0.0.1:${port}`], { tls: true })).rejects.toMatchObject({
      code: 'TSYLLA_TLS',
      message: expect.stringContaining('The port answers without TLS') as string,
    })
    server.close()
  })
})

describeOnServers('statements as other databases have them', (target) => {
  const cases: readonly [string, (session: Session) => Promise<unknown>, string][] = [
    [
      'numbered markers',
      (session) => session.execute('SELECT key FROM system.local WHERE key = $1', ['local']),
      'Bind markers are written ? or :name',
    ],
    [
      'markers of format strings',
      (session) => session.execute('SELECT key FROM system.local WHERE key = %s', ['local']),
      'Bind markers are written ? or :name',
    ],
    [
      'a value without a list around it',
      (session) =>
        session.execute('SELECT key FROM system.local WHERE key = ?', 'local' as unknown as []),
      'execute(text, [value, …])',
    ],
    [
      'values as arguments',
      (session) =>
        session.execute('SELECT key FROM system.local WHERE key = ?', ['a'], 'b' as unknown as {}),
      'Several values are one argument',
    ],
    [
      'IN with a list in parentheses',
      (session) => session.execute('SELECT key FROM system.local WHERE key IN (?)', [['a', 'b']]),
      'write IN ? without parentheses',
    ],
    [
      'a misspelt option',
      (session) => session.execute('SELECT key FROM system.local', [], { fetchSize: 5 } as {}),
      'Unknown request option "fetchSize"',
    ],
  ]
  for (const [what, call, hint] of cases) {
    test(`${what}: the error says how it is written here`, async () => {
      await expect(call(target.session)).rejects.toMatchObject({
        message: expect.stringContaining(hint) as string,
      })
    })
  }
})

describeOnServers('an error that a hint would not explain', (target) => {
  const cases: readonly [string, string, unknown[]][] = [
    ['a literal with $1', "SELECT key FROM system.local WHERE key = 'costs $1' AND", []],
    ['a text between dollars', 'SELECT key FROM system.local WHERE key = $$ $1 $$ AND', []],
    ['a comment with %s', 'SELECT key FROM system.local /* = %s */ WHERE', []],
    [
      'a list for another marker than that of IN',
      'SELECT key FROM system.local WHERE key IN (?) AND release_version = ? ALLOW FILTERING',
      ['local', ['a']],
    ],
  ]
  for (const [what, text, values] of cases) {
    test(`${what}: the error gives none`, async () => {
      const error: unknown = await target.session.execute(text, values).catch((e: unknown) => e)
      expect(error).toMatchObject({ statement: text })
      expect(String(error)).not.toMatch(/Bind markers are|without parentheses/)
    })
  }
})
