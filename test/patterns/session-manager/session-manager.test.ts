import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, expect, test } from 'vitest'
import { type SessionEnd, type SessionEvent, SessionManager } from '../../../src/patterns.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('SessionManager', (target) => {
  beforeAll(async () => {
    await new SessionManager(target.session).createTables()
    await new SessionManager(target.session).createTables()
  })

  test('a session is valid from its creation until it is destroyed', async () => {
    const sessions = new SessionManager(target.session)
    const token = await sessions.createSession('user-1', '192.0.2.1')
    expect(token).toMatch(/^[A-Za-z0-9_-]{64}$/)
    expect(await sessions.validateSession(token)).toBe('user-1')
    expect(await sessions.inspectSession(token)).toMatchObject({
      ok: true,
      userId: 'user-1',
      ipAddress: '192.0.2.1',
      createdAt: expect.any(Date),
      expiresAt: expect.any(Date),
      data: {},
      revision: 0,
      isReplaced: false,
    })
    await sessions.destroySession(token)
    expect(await sessions.validateSession(token)).toBeNull()
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'revoked' })
    await sessions.destroySession(token)
  })

  test('tokens of one user have 256 bits that differ, and those of two users another beginning', async () => {
    const sessions = new SessionManager(target.session)
    const tokens = await Promise.all(
      ['a', 'a', 'b'].map((user) => sessions.createSession(user, '')),
    )
    const [first, second, other] = tokens.map((token) => Buffer.from(token, 'base64url'))
    expect(first!.subarray(0, 16)).toEqual(second!.subarray(0, 16))
    expect(first!.subarray(0, 16)).not.toEqual(other!.subarray(0, 16))
    expect(new Set(tokens.map((token) => token.slice(22))).size).toBe(3)
    // The beginning is part of what is hashed: that of another user makes it unknown.
    const forged = Buffer.concat([other!.subarray(0, 16), first!.subarray(16)])
    const token = forged.toString('base64url')
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'unknown' })
  })

  test('validation takes one round trip: three reads side by side', async () => {
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty, { idle: '30m' })
    const token = await sessions.createSession('one-trip', '')
    await sessions.validateSession(token)
    faulty.requests.length = 0
    const validating = sessions.validateSession(token)
    // All reads are sent before the first one can have been answered.
    for (let i = 0; i < 20; i++) await Promise.resolve()
    const sent = faulty.requests.length
    expect(await validating).toBe('one-trip')
    expect([sent, faulty.requests.length, faulty.writeCount]).toEqual([3, 3, 0])
    expect(faulty.requests.map(({ options }) => options.consistency)).toEqual(
      Array.from({ length: 3 }, () => 'LOCAL_QUORUM'),
    )
  })

  test('guarantees over all data centers use the levels of all of them', async () => {
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty, { serialConsistency: 'SERIAL', idle: '1h' })
    const token = await sessions.createSession('levels', '')
    await sessions.update(token, { a: 1 })
    await sessions.rotateSession(token)
    await sessions.revokeAll('levels')
    for (const { text, options } of faulty.requests) {
      const isSerial = options.consistency === 'SERIAL'
      expect([isSerial ? 'QUORUM' : options.consistency, text]).toEqual(['QUORUM', text])
      if (/ IF /.test(text)) expect(options.serialConsistency).toBe('SERIAL')
    }
  })

  test('a fixed session ends when its time is over, used or not', async () => {
    for (const options of [{ ttlSeconds: 100 }, { absolute: '100s' }] as const) {
      const clock = new VirtualClock(Date.now())
      const sessions = new SessionManager(target.session, { ...options, clock })
      const token = await sessions.createSession('u', '')
      clock.advance(60_000)
      expect(await sessions.validateSession(token)).toBe('u')
      clock.advance(40_000)
      expect(await sessions.validateSession(token)).toBeNull()
      expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'absolute' })
    }
  })

  test('a sliding session lives while it is used, but not beyond its absolute end', async () => {
    for (const options of [
      { ttlSeconds: 100, absoluteSeconds: 1_000, expiry: 'sliding' },
      { idle: '100s', absolute: '1000s' },
    ] as const) {
      const clock = new VirtualClock(Date.now())
      const sessions = new SessionManager(target.session, { ...options, clock })
      const token = await sessions.createSession('u', '')
      for (let i = 0; i < 12; i++) {
        clock.advance(80_000)
        expect(await sessions.validateSession(token)).toBe('u')
      }
      clock.advance(60_000)
      expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'absolute' })
      const idle = await sessions.createSession('v', '')
      clock.advance(101_000)
      expect(await sessions.inspectSession(idle)).toEqual({ ok: false, reason: 'idle' })
    }
  })

  test('a use is noted at most once per twentieth of the idle time', async () => {
    const clock = new VirtualClock(Date.now())
    const faulty = new FaultyExecutor(target.session)
    const sessions = new SessionManager(faulty, { idle: '100s', clock })
    const token = await sessions.createSession('touch', '')
    const before = faulty.writeCount
    for (let i = 0; i < 100; i++) {
      clock.advance(1_000)
      await sessions.validateSession(token)
    }
    expect(faulty.writeCount - before).toBe(20)
    expect(sessions.stats()).toMatchObject({ validated: 100, touched: 20, touchesFailed: 0 })
    faulty.writeFaults.push(new Error('no network'))
    clock.advance(5_000)
    expect(await sessions.validateSession(token)).toBe('touch')
    expect(sessions.stats().touchesFailed).toBe(1)
  })

  test('the sessions of a user are listed with what is known of the device', async () => {
    const clock = new VirtualClock(Date.now())
    const sessions = new SessionManager(target.session, { idle: '30m', clock })
    const userAgent = `Mozilla/5.0 ${'x'.repeat(1_000)}`
    const phone = await sessions.createSession('lister', '192.0.2.1', { userAgent, label: 'Phone' })
    clock.advance(600_000)
    const laptop = await sessions.createSession('lister', '192.0.2.2')
    const gone = await sessions.createSession('lister', '192.0.2.3')
    await sessions.validateSession(phone)
    await sessions.destroySession(gone)
    const rotated = await sessions.rotateSession(laptop)
    const listed = await sessions.listSessions('lister').toArray()
    const now = new Date(clock.nowMs())
    expect(listed.toSorted((a, b) => a.ipAddress.localeCompare(b.ipAddress))).toEqual([
      {
        id: expect.stringMatching(/^[\w-]{43}$/),
        ipAddress: '192.0.2.1',
        userAgent: userAgent.slice(0, 512),
        label: 'Phone',
        createdAt: new Date(clock.nowMs() - 600_000),
        lastSeenAt: now,
        expiresAt: new Date(clock.nowMs() + 1_800_000),
      },
      expect.objectContaining({ ipAddress: '192.0.2.2', label: '', createdAt: now }),
    ])
    const ids = new Map(listed.map(({ id, ipAddress }) => [ipAddress, id]))
    expect(await sessions.inspectSession(rotated)).toMatchObject({ id: ids.get('192.0.2.2') })
    for (const id of ids.values()) expect(await sessions.validateSession(id)).toBeNull()
    expect(await sessions.revokeSession('other', ids.get('192.0.2.2')!)).toBe(false)
    expect(await sessions.revokeSession('lister', ids.get('192.0.2.2')!)).toBe(true)
    expect(await sessions.revokeSession('lister', ids.get('192.0.2.2')!)).toBe(false)
    expect(await sessions.validateSession(rotated)).toBeNull()
    expect(await sessions.validateSession(laptop)).toBeNull()
    expect(await sessions.listSessions('lister').toArray()).toHaveLength(1)
    clock.advance(1_800_000)
    expect(await sessions.listSessions('lister').toArray()).toEqual([])
  })

  test('what happens to sessions is counted and reported', async () => {
    const clock = new VirtualClock(Date.now())
    const ends: SessionEnd[] = []
    const seen: SessionEvent[] = []
    const listener = (event: unknown): void => void seen.push(event as SessionEvent)
    subscribe('tsylla:session', listener)
    const onEnd = (end: SessionEnd): void => void ends.push(end)
    const sessions = new SessionManager(target.session, { idle: '1m', clock, onEnd })
    const first = await sessions.createSession('reported', '')
    const inspection = await sessions.inspectSession(first)
    const sessionId = inspection.ok ? inspection.id : ''
    const second = await sessions.rotateSession(first)
    await sessions.destroySession(second)
    await sessions.destroySession(second)
    const idle = await sessions.createSession('reported', '')
    clock.advance(60_000)
    for (let i = 0; i < 3; i++) await sessions.validateSession(idle)
    await sessions.revokeAll('reported')
    unsubscribe('tsylla:session', listener)
    expect(ends).toMatchObject([
      { userId: 'reported', sessionId, reason: 'destroyed' },
      { userId: 'reported', sessionId: expect.any(String), reason: 'idle' },
      { userId: 'reported', sessionId: undefined, reason: 'revoked' },
    ])
    const ofUser = seen.filter(({ userId }) => userId === 'reported')
    expect(ofUser.map(({ type }) => type)).toEqual([
      ...['created', 'rotated', 'ended', 'created', 'ended', 'revoked'],
    ])
    expect(sessions.stats()).toMatchObject({
      ...{ created: 2, rotated: 1, destroyed: 1, revoked: 1, validated: 0 },
      refused: { idle: 3, malformed: 0 },
    })
  })
})
