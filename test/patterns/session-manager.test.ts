import { beforeAll, expect, test } from 'vitest'
import { SessionManager } from '../../src/patterns.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { describePattern } from './support.ts'

describePattern('SessionManager', (target) => {
  beforeAll(async () => {
    await new SessionManager(target.session).createTables()
    await new SessionManager(target.session).createTables()
  })

  test('a session is valid from its creation until it is destroyed', async () => {
    const sessions = new SessionManager(target.session)
    const token = await sessions.createSession('user-1', '192.0.2.1')
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(await sessions.validateSession(token)).toBe('user-1')
    expect(await sessions.inspectSession(token)).toMatchObject({
      ok: true,
      userId: 'user-1',
      ipAddress: '192.0.2.1',
      createdAt: expect.any(Date),
      expiresAt: expect.any(Date),
    })
    await sessions.destroySession(token)
    expect(await sessions.validateSession(token)).toBeNull()
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'unknown' })
  })

  test('the tables hold nothing that is a valid token', async () => {
    const sessions = new SessionManager(target.session)
    const token = await sessions.createSession('user-2', '')
    const rows = await target.session.execute('SELECT * FROM sessions')
    for (const row of rows) {
      for (const value of row.columns()) {
        const text =
          value instanceof Uint8Array ? Buffer.from(value).toString('base64url') : String(value)
        expect(text).not.toContain(token)
        expect(await sessions.validateSession(text)).toBeNull()
      }
    }
  })

  test('a fixed session ends when its time is over, used or not', async () => {
    const clock = new VirtualClock(Date.now())
    const sessions = new SessionManager(target.session, { ttlSeconds: 100, clock })
    const token = await sessions.createSession('u', '')
    clock.advance(60_000)
    expect(await sessions.validateSession(token)).toBe('u')
    clock.advance(40_000)
    expect(await sessions.validateSession(token)).toBeNull()
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'expired' })
  })

  test('a sliding session lives while it is used, but not beyond its absolute end', async () => {
    const clock = new VirtualClock(Date.now())
    const options = { ttlSeconds: 100, absoluteSeconds: 1_000, expiry: 'sliding', clock } as const
    const sessions = new SessionManager(target.session, options)
    const token = await sessions.createSession('u', '')
    for (let i = 0; i < 12; i++) {
      clock.advance(80_000)
      expect(await sessions.validateSession(token)).toBe('u')
    }
    clock.advance(60_000)
    expect(await sessions.validateSession(token)).toBeNull()
    const idle = await sessions.createSession('v', '')
    clock.advance(101_000)
    expect(await sessions.validateSession(idle)).toBeNull()
  })

  test('destroying wins over uses that are under way, and over clocks that are behind', async () => {
    const ahead = new VirtualClock(Date.now() + 3_600_000)
    const sliding = { expiry: 'sliding' } as const
    const fast = new SessionManager(target.session, { ...sliding, clock: ahead })
    const slow = new SessionManager(target.session, sliding)
    const token = await fast.createSession('u', '')
    await Promise.all([
      slow.destroySession(token),
      ...Array.from({ length: 30 }, () => fast.validateSession(token)),
    ])
    await fast.validateSession(token)
    expect(await fast.validateSession(token)).toBeNull()
    expect(await slow.validateSession(token)).toBeNull()
  })

  test('a session of a clock that is ahead is destroyed by a stamp just after its own', async () => {
    const ahead = new VirtualClock(Date.now() + 3_600_000)
    const sessions = new SessionManager(target.session, { clock: ahead })
    const before = new Set((await idsOf()).map(String))
    const token = await sessions.createSession('ahead', '')
    const id = (await idsOf()).find((one) => !before.has(String(one)))
    const stampUs = BigInt(Date.now() + 7_200_000) * 1000n
    await target.session.execute('UPDATE sessions USING TIMESTAMP ? SET user_id = ? WHERE id = ?', [
      stampUs,
      'ahead',
      id,
    ])
    await new SessionManager(target.session).destroySession(token)
    expect(await sessions.validateSession(token)).toBeNull()
    // A stamp that is far too high would hide this one.
    await target.session.execute('UPDATE sessions USING TIMESTAMP ? SET user_id = ? WHERE id = ?', [
      stampUs + 2n,
      'again',
      id,
    ])
    const row = (
      await target.session.execute('SELECT user_id FROM sessions WHERE id = ?', [id])
    ).firstRow()
    expect(row?.['user_id']).toBe('again')

    async function idsOf(): Promise<unknown[]> {
      return (await target.session.execute('SELECT id FROM sessions')).rows().map((row) => row[0])
    }
  })

  test('an expiry that is none is refused', () => {
    const options = { expiry: 'slidng' as never }
    expect(() => new SessionManager(target.session, options)).toThrow(/expiry/)
  })

  test('what is no token is not looked up', async () => {
    const sessions = new SessionManager(target.session)
    for (const token of ['', 'x', 'a'.repeat(44), "'; DROP", null, 5]) {
      expect(await sessions.inspectSession(token as string)).toEqual({
        ok: false,
        reason: 'malformed',
      })
    }
    await expect(sessions.createSession('', '')).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })
})
