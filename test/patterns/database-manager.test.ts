import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { AlreadyConnectedError, NotConnectedError } from '../../src/index.ts'
import { DatabaseManager, type DatabaseOptions } from '../../src/patterns.ts'
import { ConnectionManager, type ManagedSession } from '../../src/patterns/database-manager.ts'

const closed = { code: 'TSYLLA_CLOSED', outcome: 'not_applied' }
const db = DatabaseManager.instance()

afterEach(() => db.close())

test('there is one instance, and one per name', () => {
  expect(DatabaseManager.instance()).toBe(db)
  expect(DatabaseManager.named('other')).not.toBe(db)
  expect(DatabaseManager.named('other')).toBe(DatabaseManager.named('other'))
})

test('concurrent connects share one session', async () => {
  const options = { createKeyspace: true } as const
  const sessions = await Promise.all(
    Array.from({ length: 5 }, () => db.connect(['embedded:'], 'app', options)),
  )
  expect(new Set(sessions).size).toBe(1)
  expect(db.session).toBe(sessions[0])
  expect(db.session.getKeyspace()).toBe('app')
})

test('other arguments while connected are an error', async () => {
  await db.connect(['embedded:'])
  await expect(db.connect(['embedded:'], 'app')).rejects.toBeInstanceOf(AlreadyConnectedError)
  await expect(db.connect(['embedded:'], undefined, { poolSize: 2 })).rejects.toBeInstanceOf(
    AlreadyConnectedError,
  )
})

test('before connect and after close there is no session; then it can be connected again', async () => {
  expect(() => db.session).toThrow(NotConnectedError)
  await db.connect(['embedded:'])
  await db.close()
  expect(() => db.session).toThrow(NotConnectedError)
  await db.connect(['embedded:'], 'x', { createKeyspace: true })
})

test('a failed connect can be tried again, and says nothing of the password', async () => {
  const failing = db.connect(['127.0.0.1:1'], 'app', { user: 'u', password: 'correct horse' })
  const error = await failing.catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'TSYLLA_CONNECTION' })
  expect(inspect(error, { depth: 10 })).not.toContain('correct horse')
  expect(inspect(db, { depth: 10, showHidden: true })).not.toContain('correct horse')
  await db.connect(['embedded:'])
})

test('a session that was closed by itself can be connected again', async () => {
  const first = await db.connect(['embedded:'])
  await first.close()
  expect(() => db.session).toThrow(NotConnectedError)
  expect(await db.connect(['embedded:'], 'other', { createKeyspace: true })).not.toBe(first)
})

test('closing while connecting closes the session being opened, and no caller gets it', async () => {
  const connects = [db.connect(['embedded:']), db.connect(['embedded:'])]
  const outcomes = connects.map((connect) => expect(connect).rejects.toMatchObject(closed))
  await db.close()
  await Promise.all(outcomes)
  expect(db.isConnected).toBe(false)
})

test('connecting while the previous session is being closed returns a new session', async () => {
  const opened: { isClosed: boolean }[] = []
  const manager = new ConnectionManager('own', async () => {
    const session = { isClosed: false, close: async () => void (session.isClosed = true) }
    opened.push(session)
    return session as unknown as ManagedSession
  })
  const first = expect(manager.connect(['a'])).rejects.toMatchObject(closed)
  const closing = manager.close()
  const second = await manager.connect(['a'])
  await Promise.all([first, closing])
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false])
  expect(manager.session).toBe(second)
})

test('every call of close resolves when the sessions are closed', async () => {
  const finish: (() => void)[] = []
  const open = async (): Promise<ManagedSession> =>
    ({ isClosed: false, close: () => new Promise<void>((done) => finish.push(done)) }) as never
  const manager = new ConnectionManager<ManagedSession, object>('twice', open)
  const seen: string[] = []
  await manager.connect(['a'])
  const first = manager.close().then(() => seen.push('first'))
  await manager.connect(['b'])
  const others = [manager.close(), manager.close()].map((one) => one.then(() => seen.push('other')))
  await expect.poll(() => finish.length).toBe(2)
  finish[1]!()
  await Promise.resolve()
  expect(seen).toEqual([])
  finish[0]!()
  await Promise.all([first, ...others])
  expect(seen).toEqual(['first', 'other', 'other'])
  await manager.close()
})

test('an option that is undefined is one that is left out', async () => {
  const first = await db.connect(['embedded:'], 'app', { createKeyspace: true })
  const options = { createKeyspace: true, poolSize: undefined, session: undefined }
  expect(await db.connect(['embedded:'], 'app', options as unknown as DatabaseOptions)).toBe(first)
})

test('the keyspace and other options may stand among those of the session', async () => {
  const inner = { keyspace: 'inner', createKeyspace: true, poolSize: 2 }
  const options = { session: inner, poolSize: undefined } as unknown as DatabaseOptions
  const session = await db.connect(['embedded:'], undefined, options)
  expect(session.getKeyspace()).toBe('inner')
  await db.close()
  expect((await db.connect(['embedded:'], 'outer', options)).getKeyspace()).toBe('outer')
})

test('close stops a connect that hangs, and every caller of it learns that', async () => {
  const accepted: Socket[] = []
  const silent = createServer((socket) => accepted.push(socket.resume()))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const options = { session: { connectionTimeoutMs: 600_000 } }
  const connecting = [1, 2].map(() => db.connect([`127.0.0.1:${port}`], undefined, options))
  const failing = Promise.all(connecting.map((one) => expect(one).rejects.toMatchObject(closed)))
  while (accepted.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await db.close()
  await failing
  for (const socket of accepted) if (!socket.closed) await once(socket, 'close')
  silent.close()
})
