import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { Batch, Session, type SessionOptions } from '../../src/index.ts'
import { EventStore, RateLimiter } from '../../src/patterns.ts'

/** What keeps the process alive, by kind. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})

afterEach(() => {
  process.off('unhandledRejection', onUnhandled)
})

/**
 * Runs it, then waits for the turns that closing takes: nothing may be left, and nothing unheard.
 */
async function leavesNothing(run: () => Promise<void>): Promise<void> {
  const before = resources()
  await run()
  const left = (): string[] =>
    [...resources()].flatMap(([name, count]) =>
      count > (before.get(name) ?? 0) && name !== 'Immediate' ? [name] : [],
    )
  for (let turn = 0; turn < 200 && left().length > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(left()).toEqual([])
  expect(unhandled).toEqual([])
}

/** A server that does with each connection as told, and is gone at the end. */
async function withServer(
  onSocket: (socket: Socket) => void,
  use: (address: string) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
}

async function fails(points: string[], options: Partial<SessionOptions> = {}): Promise<void> {
  const connecting = Session.connect(points, { connectionTimeoutMs: 200, ...options })
  await expect(connecting).rejects.toMatchObject({ code: expect.stringMatching(/^TSYLLA_/) })
}

describe('nothing is left behind by', () => {
  const servers: [what: string, onSocket: (socket: Socket) => void][] = [
    ['a server that never answers', () => {}],
    ['a server that hangs up', (socket) => socket.destroy()],
    ['a server that talks nonsense', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    [
      'a server of another version',
      (socket) =>
        socket.on('data', () => socket.write(Buffer.from([0x85, 0, 0, 0, 2, 0, 0, 0, 0]))),
    ],
    [
      'a server whose frames have no end',
      (socket) =>
        socket.on('data', () => socket.write(Buffer.from([0x84, 0, 0, 0, 6, 127, 0, 0, 0]))),
    ],
  ]
  for (const [what, onSocket] of servers) {
    test(what, async () => {
      await leavesNothing(() => withServer(onSocket, (address) => fails([address])))
    })
  }

  test('a port without a listener, and a name that does not resolve', async () => {
    await leavesNothing(async () => {
      let address = ''
      await withServer(
        () => {},
        async (used) => {
          address = used
        },
      )
      await fails([address, 'nowhere.invalid'])
    })
  })

  test('a keyspace, a user or a password that is wrong', async () => {
    await leavesNothing(async () => {
      await fails(['embedded:'], { keyspace: 'missing' })
      const db = await embedded({ user: 'u', password: 'p' })
      await expect(db.session({ user: 'u', password: 'x' })).rejects.toMatchObject({
        code: 'TSYLLA_AUTHENTICATION',
      })
      await expect(db.session()).rejects.toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
      await db.close()
    })
  })

  test('requests that fail, time out, are aborted, or run when the session is closed', async () => {
    await leavesNothing(async () => {
      const session = await Session.connect(['embedded:'], { keyspace: 'k', createKeyspace: true })
      await session.execute('CREATE TABLE t (id int PRIMARY KEY, v int)')
      const insert = 'INSERT INTO t (id, v) VALUES (?, ?)'
      const wrong = [
        session.execute('SELEC'),
        session.execute('SELECT x FROM t'),
        session.execute(insert, [1]),
        session.execute(insert, { id: 1, w: 2 }),
        session.execute(insert, ['x', 1]),
        session.execute(insert, [1, 1], { signal: AbortSignal.abort() }),
        session.execute(insert, [1, 1], { timeout: -1 }),
        session.batch(new Batch().appendStatement(insert), [[]]),
        session.prepare('INSERT INTO t'),
        session.useKeyspace('nowhere'),
        session.stream('SELECT nothing FROM t').toArray(),
      ]
      for (const outcome of await Promise.allSettled(wrong)) {
        expect(outcome).toMatchObject({ status: 'rejected' })
      }
      await Promise.all(Array.from({ length: 100 }, (_, i) => session.execute(insert, [i, i])))
      for await (const row of session.stream('SELECT id FROM t', [], { pageSize: 7 })) {
        if (row['id'] !== undefined) break
      }
      const running = Array.from({ length: 50 }, (_, i) => session.execute(insert, [i, i]))
      const settled = Promise.allSettled(running)
      await session.close({ graceMs: 0 })
      await settled
      await expect(session.execute('SELECT id FROM t')).rejects.toMatchObject({
        code: 'TSYLLA_CLOSED',
      })
    })
  })

  test('a session that is closed while its connections come and go', async () => {
    await leavesNothing(async () => {
      const db = await embedded()
      const listener = await db.listen({ port: 0 })
      const session = await Session.connect([listener.address], { poolSize: 4 })
      await listener.close()
      await session.close()
      await db.close()
    })
  })

  test('patterns that are at work when their session is closed', async () => {
    await leavesNothing(async () => {
      const db = await embedded()
      const listener = await db.listen({ port: 0 })
      const session = await Session.connect([listener.address], {
        keyspace: 'k',
        createKeyspace: true,
      })
      const [events, limiter] = [new EventStore(session), new RateLimiter(session)]
      await events.createTables()
      await limiter.createTables()
      const working = Promise.allSettled([events.append('s', 'made', {}), limiter.check('key', 10)])
      await session.close({ graceMs: 0 })
      await working
      await db.close()
    })
  })

  test('clients of a served engine that talk nonsense', async () => {
    await leavesNothing(async () => {
      const db = await embedded()
      const listener = await db.listen({ port: 0 })
      for (const bytes of [
        [0x04, 0, 0, 0, 99, 0, 0, 0, 0],
        [0x47, 0x45, 0x54],
        [4, 0, 0, 0, 7, 255],
      ]) {
        const socket = connect(listener.port, listener.host)
        socket.on('error', () => {})
        socket.end(Buffer.from(bytes))
        socket.resume()
        await once(socket, 'close')
      }
      await db.close()
    })
  })
})
