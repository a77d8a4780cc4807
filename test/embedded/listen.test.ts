import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Session } from '../../src/index.ts'

describe('listen', () => {
  let db: EmbeddedDatabase
  beforeEach(async () => {
    db = await embedded()
  })
  afterEach(async () => {
    await db.close()
  })

  test('a session over TCP sees what one inside sees', async () => {
    const { address } = await db.listen({ port: 0 })
    const options = { keyspace: 'k', createKeyspace: true }
    const inside = await db.session(options)
    const outside = await Session.connect([address], { ...options, compression: 'lz4' })
    await inside.execute('CREATE TABLE t (p int PRIMARY KEY, v text)')
    await outside.execute('INSERT INTO t (p, v) VALUES (?, ?)', [1, 'x'.repeat(100_000)])
    const { v } = (await inside.execute<{ v: string }>('SELECT v FROM t')).singleRow()
    expect(v).toHaveLength(100_000)
    expect(outside.getClusterData().nodes.map((node) => node.address)).toEqual([address])
    await Promise.all([inside.close(), outside.close()])
  })

  test('a port that is being opened while the database is closed does not stay open', async () => {
    const listening = db.listen({ port: 0 })
    const outcome = expect(listening).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await db.close()
    await outcome
  })

  test('close() ends the connections that came in, and only those', async () => {
    const listener = await db.listen({ port: 0 })
    const inside = await db.session()
    const socket = connect(listener.port, listener.host)
    const ended = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve) => socket.once('connect', resolve))
    await listener.close()
    await ended
    await inside.execute('SELECT key FROM system.local')
    await expect(Session.connect([listener.address])).rejects.toMatchObject({
      code: 'TSYLLA_CONNECTION',
    })
    await inside.close()
    await listener.close()
  })

  test('a port in use, or an address of no interface, is an error that says so', async () => {
    const { port } = await db.listen({ port: 0 })
    await expect(db.listen({ port })).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: `Cannot listen on 127.0.0.1:${port}: the port is in use by another process`,
    })
    await expect(db.listen({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    await expect(db.listen({ port: 70_000 })).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })

  test('one that sends nonsense is told so and cut off, the others go on', async () => {
    const { address, port } = await db.listen({ port: 0 })
    const session = await Session.connect([address])
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString('latin1')).toContain('protocol version')
    await session.execute('SELECT key FROM system.local')
    await session.close()
  })
})
