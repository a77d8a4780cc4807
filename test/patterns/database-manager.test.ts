import { inspect } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { AlreadyConnectedError, NotConnectedError } from '../../src/index.ts'
import { DatabaseManager } from '../../src/patterns.ts'

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

test('closing while connecting closes what is being opened', async () => {
  const opening = db.connect(['embedded:'])
  await db.close()
  expect((await opening).isClosed).toBe(true)
})
