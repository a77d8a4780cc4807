import { beforeAll, expect, test } from 'vitest'
import { SessionManager } from '../../../src/patterns.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

const yearMs = 365 * 86_400_000

describePattern('SessionManager and bad input', (target) => {
  beforeAll(() => new SessionManager(target.session).createTables())

  test('what is no token is not looked up, by no call', async () => {
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty)
    const valid = await sessions.createSession('u', '')
    faulty.requests.length = 0
    for (const token of [
      ...['', 'x', 'a'.repeat(42), 'a'.repeat(44), 'a'.repeat(63), 'a'.repeat(65), "'; DROP"],
      ...[`${valid} `, `${valid}\n`, `${valid}=`, valid.slice(1), `${valid.slice(0, 63)}+`],
      ...[`${valid.slice(0, 63)}ä`, '\ud800'.repeat(64), 'a'.repeat(1_000_000), '\0'.repeat(64)],
      ...[null, undefined, 5, {}, [valid], new String(valid), Symbol('token')],
    ] as readonly string[]) {
      expect(await sessions.validateSession(token)).toBeNull()
      expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'malformed' })
      await sessions.destroySession(token)
      for (const work of [
        sessions.rotateSession(token),
        sessions.update(token, {}),
        sessions.revokeAll('u', { except: token === undefined ? '' : token }),
      ]) {
        await expect(work).rejects.toMatchObject({
          ...{ code: 'TSYLLA_SESSION_INVALID', reason: 'malformed' },
        })
      }
    }
    expect(faulty.requests).toEqual([])
    expect(await sessions.validateSession(valid)).toBe('u')
  })

  test('tokens that were never issued leave nothing behind', async () => {
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty, { idle: '1h' })
    for (const token of ['A'.repeat(64), 'A'.repeat(43)]) {
      expect(await sessions.validateSession(token)).toBeNull()
      await sessions.destroySession(token)
      await expect(sessions.rotateSession(token)).rejects.toMatchObject({ reason: 'unknown' })
    }
    expect(await sessions.revokeSession('u', 'A'.repeat(43))).toBe(false)
    expect(await sessions.revokeSession('u', 'no id')).toBe(false)
    expect(await sessions.revokeSession('u', null as never)).toBe(false)
    expect(faulty.writeCount).toBe(0)
  })

  test('users that are none are refused by every call', async () => {
    const sessions = new SessionManager(target.session)
    for (const userId of [
      ...['', 'x'.repeat(8_193), 'ä'.repeat(4_097), 'x'.repeat(65_536), '\ud800', 'a\udfff'],
      ...[null, undefined, 5, {}, ['u']],
    ] as readonly string[]) {
      const config = { code: 'TSYLLA_CONFIG', message: expect.stringMatching(/userId/) }
      await expect(sessions.createSession(userId, '')).rejects.toMatchObject(config)
      await expect(sessions.revokeAll(userId)).rejects.toMatchObject(config)
      await expect(sessions.revokeSession(userId, '')).rejects.toMatchObject(config)
      expect(() => sessions.listSessions(userId)).toThrow(/userId/)
    }
    for (const userId of ['x'.repeat(8_192), '😀', "'; DROP TABLE sessions", '\0', ' ']) {
      const token = await sessions.createSession(userId, '')
      expect(await sessions.validateSession(token)).toBe(userId)
    }
  })

  test('what clients say of themselves is cut and repaired', async () => {
    const sessions = new SessionManager(target.session)
    const userAgent = `${'x'.repeat(511)}😀`
    const token = await sessions.createSession('hostile', `\ud800${'1'.repeat(100_000)}`, {
      userAgent,
      label: '\0\n<script>',
    })
    expect(await sessions.inspectSession(token)).toMatchObject({
      ipAddress: `\ufffd${'1'.repeat(511)}`,
      userAgent: `${'x'.repeat(511)}\ufffd`,
      label: '\0\n<script>',
    })
    for (const wrong of [null, 5, {}] as unknown as readonly never[]) {
      await expect(sessions.createSession('u', wrong)).rejects.toThrow(/ipAddress/)
      if (wrong === null) continue
      await expect(sessions.createSession('u', '', { userAgent: wrong })).rejects.toThrow(
        /userAgent/,
      )
    }
    await expect(sessions.createSession('u', '', null as never)).rejects.toThrow(/createSession/)
    await expect(sessions.createSession('u', '', { ip: '' } as never)).rejects.toThrow(/"ip"/)
  })

  test('options that are none are refused by their name', () => {
    const clock = new VirtualClock(Date.now())
    const far = `${30 * 365}d` as const
    const wrong: readonly (readonly [object, RegExp])[] = [
      ...(['idle', 'absolute'] as const).flatMap((name) =>
        [0, -1, Number.NaN, 1.5, 999, Number.POSITIVE_INFINITY, far, '5', '', null, {}].map(
          (span) => [{ [name]: span }, new RegExp(name)] as const,
        ),
      ),
      ...[0, -1, Number.NaN, 1.5, 2 ** 31].map((n) => [{ ttlSeconds: n }, /ttlSeconds/] as const),
      [{ expiry: 'sliding', absoluteSeconds: 0 }, /absoluteSeconds/],
      [{ expiry: 'slidng' }, /expiry/],
      [{ idle: '1h', ttlSeconds: 5 }, /not both/],
      [{ absolute: '1h', expiry: 'fixed' }, /not both/],
      ...[-1, Number.NaN, '2h', null].map(
        (span) => [{ rotateGrace: span }, /rotateGrace/] as const,
      ),
      ...[0, Number.NaN, '30d'].map((span) => [{ timeout: span }, /timeout/] as const),
      ...['', 'A', 'a b', 'x'.repeat(40), 'k.x.y'].map((table) => [{ table }, /table/] as const),
      [{ schema: {} }, /schema/],
      [{ schema: null }, /schema/],
      [{ onEnd: 5 }, /onEnd/],
      [{ serialConsistency: 'ONE' }, /serialConsistency/],
      [{ iddle: '1h' }, /Did you mean|iddle/],
      [null as never, /options/],
    ]
    for (const [options, message] of wrong) {
      const all = options === null ? options : { clock, ...options }
      const create = (): unknown => new SessionManager(target.session, all)
      expect(create, JSON.stringify(options)).toThrow(message)
      expect(create, JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'TSYLLA_CONFIG' }),
      )
    }
    const none = { idle: undefined, absolute: undefined, table: undefined, onEnd: undefined }
    expect(new SessionManager(target.session, none).tables()).toHaveLength(5)
  })

  test('arguments of update are checked before anything is asked', async () => {
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty)
    const token = await sessions.createSession('u', '')
    faulty.requests.length = 0
    for (const ifRevision of [-1, 1.5, Number.NaN, '1', null]) {
      await expect(sessions.update(token, {}, { ifRevision } as never)).rejects.toThrow(
        /ifRevision/,
      )
    }
    await expect(sessions.update(token, {}, { revision: 1 } as never)).rejects.toThrow(/"revision"/)
    await expect(sessions.revokeAll('u', { but: token } as never)).rejects.toThrow(/"but"/)
    expect(faulty.requests).toEqual([])
  })

  test('a clock that jumps does not revive a session, and ends it no sooner than it says', async () => {
    const clock = new VirtualClock(Date.now())
    const sessions = new SessionManager(target.session, { idle: '1h', absolute: '7d', clock })
    const token = await sessions.createSession('jump', '')
    // Forward and back: the session ends by the clock that looks.
    const ahead = new VirtualClock(clock.nowMs() + yearMs)
    const jumped = new SessionManager(target.session, { idle: '1h', absolute: '7d', clock: ahead })
    expect(await jumped.validateSession(token)).toBeNull()
    expect(await sessions.validateSession(token)).toBe('jump')
    const past = new VirtualClock(clock.nowMs() - yearMs)
    const behind = new SessionManager(target.session, { idle: '1h', absolute: '7d', clock: past })
    expect(await behind.validateSession(token)).toBe('jump')
    await behind.update(token, { a: 1 })
    const next = await behind.rotateSession(token)
    expect(await sessions.inspectSession(next)).toMatchObject({ data: { a: 1 } })
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'rotated' })
    await jumped.destroySession(next)
    for (const one of [behind, sessions, jumped]) {
      expect(await one.validateSession(next)).toBeNull()
    }
  })
})
