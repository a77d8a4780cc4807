import { createHash, randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { SessionManager } from '../../../src/patterns.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

const lifeMs = 3_600_000

describePattern('sessions of version 0.1', (target) => {
  // The tables that version 0.1 created.
  beforeAll(async () => {
    await target.session.execute(
      'CREATE TABLE old_sessions (id blob PRIMARY KEY, user_id text, ip text, created_at timestamp, expires_at timestamp)',
    )
    await target.session.execute(
      'CREATE TABLE old_sessions_last_use (id blob PRIMARY KEY, last_use timestamp)',
    )
    await new SessionManager(target.session, { table: 'old_sessions' }).createTables()
  })

  function hashOf(token: string): Uint8Array {
    return createHash('sha256').update(token).digest()
  }

  /** Creates a session as version 0.1 did. */
  async function createAsBefore(userId: string, startMs = Date.now()): Promise<string> {
    const token = randomBytes(32).toString('base64url')
    await target.session.execute(
      'INSERT INTO old_sessions (id, user_id, ip, created_at, expires_at) VALUES (?, ?, ?, ?, ?) USING TTL 7200',
      [hashOf(token), userId, '192.0.2.9', new Date(startMs), new Date(startMs + lifeMs)],
    )
    return token
  }

  async function isThere(token: string): Promise<boolean> {
    const text = 'SELECT id FROM old_sessions WHERE id = ?'
    return (await target.session.execute(text, [hashOf(token)])).length > 0
  }

  /** Another process: its executor shares nothing in this one. */
  function open(): SessionManager {
    return new SessionManager(new FaultyExecutor(target.session), {
      table: 'old_sessions',
      idle: '30m',
    })
  }

  test('are valid, and end as they were to', async () => {
    const token = await createAsBefore('before')
    expect(await open().validateSession(token)).toBe('before')
    expect(await open().inspectSession(token)).toMatchObject({
      ...{ ok: true, userId: 'before', ipAddress: '192.0.2.9', data: {}, revision: 0 },
    })
    const used = await createAsBefore('before', Date.now() - lifeMs / 2 - 1)
    expect(await open().inspectSession(used)).toEqual({ ok: false, reason: 'idle' })
    const late = await createAsBefore('before', Date.now() - lifeMs)
    expect(await open().inspectSession(late)).toEqual({ ok: false, reason: 'absolute' })
    const none = randomBytes(32).toString('base64url')
    expect(await open().inspectSession(none)).toEqual({ ok: false, reason: 'unknown' })
  })

  test('can be destroyed, for processes of both versions', async () => {
    for (const prepare of [
      () => {},
      (one: SessionManager, token: string) => one.update(token, { a: 1 }),
    ]) {
      const token = await createAsBefore('destroyed')
      await prepare(open(), token)
      await Promise.all([
        open().destroySession(token),
        open()
          .update(token, {})
          .catch(() => {}),
      ])
      expect(await open().inspectSession(token)).toEqual({ ok: false, reason: 'revoked' })
      expect(await isThere(token)).toBe(false)
    }
  })

  test('that a process of version 0.1 destroys stay ended, whatever this version has written', async () => {
    const token = await createAsBefore('by the old one')
    await open().update(token, { a: 1 })
    await target.session.execute('DELETE FROM old_sessions WHERE id = ?', [hashOf(token)])
    expect(await open().inspectSession(token)).toEqual({ ok: false, reason: 'unknown' })
    await expect(open().update(token, { a: 2 })).rejects.toMatchObject({ reason: 'unknown' })
  })

  test('take data, are rotated and revoked like others', async () => {
    const token = await createAsBefore('upgraded')
    expect(await open().update(token, { a: 1 })).toEqual({ data: { a: 1 }, revision: 1 })
    expect(await open().update(token, { b: 2 })).toMatchObject({ data: { a: 1, b: 2 } })
    const next = await open().rotateSession(token)
    expect(next).toHaveLength(64)
    expect(await open().inspectSession(next)).toMatchObject({ data: { a: 1, b: 2 } })
    expect(await open().validateSession(token)).toBe('upgraded')
    const untouched = await createAsBefore('upgraded')
    await open().revokeAll('upgraded', { except: next })
    expect(await open().validateSession(next)).toBe('upgraded')
    expect(await open().validateSession(untouched)).toBeNull()
    // They cannot be told from earlier ones.
    expect(await open().validateSession(await createAsBefore('upgraded'))).toBeNull()
  })

  test('a session of a clock that is ahead is deleted by a stamp just after its own', async () => {
    const token = await createAsBefore('ahead')
    const stampUs = BigInt(Date.now() + 7_200_000) * 1_000n
    const text = 'UPDATE old_sessions USING TIMESTAMP ? SET user_id = ? WHERE id = ?'
    await target.session.execute(text, [stampUs, 'ahead', hashOf(token)])
    await open().destroySession(token)
    expect(await isThere(token)).toBe(false)
    // A stamp that is far too high would hide this one.
    await target.session.execute(text, [stampUs + 2n, 'again', hashOf(token)])
    expect(await isThere(token)).toBe(true)
    expect(await open().inspectSession(token)).toEqual({ ok: false, reason: 'revoked' })
  })
})
