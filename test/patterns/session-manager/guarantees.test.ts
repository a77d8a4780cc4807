import { beforeAll, expect, test } from 'vitest'
import { ConnectionError, RequestTimeoutError, wrapExecutor } from '../../../src/index.ts'
import { SessionManager, type SessionManagerOptions } from '../../../src/patterns.ts'
import { SkewedClock } from '../../../src/testing.ts'
import { createRandom } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, type Fault, FaultyExecutor } from '../support.ts'

describePattern('what SessionManager guarantees', (target) => {
  beforeAll(() => new SessionManager(target.session).createTables())

  /** Another process: its executor shares nothing in this one. */
  function open(options: SessionManagerOptions = {}): {
    readonly faulty: FaultyExecutor
    readonly sessions: SessionManager
  } {
    const faulty = new FaultyExecutor(target.session)
    return { faulty, sessions: new SessionManager(faulty, options) }
  }

  async function isInvalid(token: string): Promise<void> {
    const { sessions } = open({ idle: '30m' })
    expect(await sessions.validateSession(token)).toBeNull()
    expect(await sessions.inspectSession(token)).toMatchObject({ ok: false })
    await expect(sessions.update(token, { a: 1 })).rejects.toMatchObject({
      code: 'TSYLLA_SESSION_INVALID',
    })
    await expect(sessions.rotateSession(token)).rejects.toMatchObject({
      code: 'TSYLLA_SESSION_INVALID',
    })
  }

  test('S1: after destroySession nothing that was under way revives a session', async () => {
    for (const run of [
      (one: SessionManager, token: string) => one.update(token, { late: true }),
      (one: SessionManager, token: string) => one.update(token, (data) => ({ ...data, late: 1 })),
      (one: SessionManager, token: string) => one.rotateSession(token),
      (one: SessionManager, token: string) => one.validateSession(token),
      (one: SessionManager, token: string) => one.destroySession(token),
      (one: SessionManager) => one.revokeAll('late'),
    ]) {
      const token = await open().sessions.createSession('late', '')
      const late = open({ idle: '30m', clock: new SkewedClock(600_000) })
      // The first write is kept back; the one that follows fails.
      late.faulty.writeFaults.push('late', new Error('no network'))
      await run(late.sessions, token).catch(() => {})
      expect(late.faulty.writeCount).toBeGreaterThan(0)
      await open().sessions.destroySession(token)
      await isInvalid(token)
      late.faulty.writeFaults.length = 0
      await late.faulty.deliver()
      await isInvalid(token)
      await run(late.sessions, token).catch(() => {})
      await isInvalid(token)
    }
  })

  test('S1: a successor whose row is written late is revoked with the token it replaces', async () => {
    const late = open()
    const token = await late.sessions.createSession('late successor', '')
    // The old token is marked, and the row of the successor is kept back.
    late.faulty.writeFaults.push(undefined as never, 'late', new Error('no network'))
    await expect(late.sessions.rotateSession(token)).rejects.toThrow()
    await open().sessions.destroySession(token)
    await late.faulty.deliver()
    await isInvalid(token)
    await expect(late.sessions.rotateSession(token)).rejects.toMatchObject({ reason: 'revoked' })
  })

  test('S1: a rotation that is under way while the session is destroyed returns no valid token', async () => {
    const clock = new VirtualClock(Date.now())
    const late = open({ clock })
    const token = await late.sessions.createSession('rotating', '')
    const before = late.faulty.writeCount
    // The old token is marked; the row of the successor is kept back, and written again later.
    late.faulty.writeFaults.push(undefined as never, 'late')
    const rotating = expect(late.sessions.rotateSession(token)).rejects.toMatchObject({
      ...{ code: 'TSYLLA_SESSION_INVALID', reason: 'revoked' },
    })
    // The deadline of the call and the pause before the next attempt.
    while (late.faulty.writeCount < before + 2 || clock.pendingCount < 2) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await open().sessions.destroySession(token)
    clock.advance(250)
    await rotating
    await late.faulty.deliver()
    await isInvalid(token)
  })

  test('S1: of 64 racers none finds a session valid after it was destroyed', async () => {
    for (let round = 0; round < 5; round++) {
      const processes = Array.from({ length: 4 }, () => open({ idle: '30m' }).sessions)
      const token = await processes[0]!.createSession(`race ${round}`, '')
      let isDestroyed = false
      let lateCount = 0
      const race = async (i: number): Promise<void> => {
        const one = processes[i % 4]!
        for (let turn = 0; turn < 6; turn++) {
          const wasDestroyed = isDestroyed
          if (i % 3 === 0) await one.update(token, { [`k${i}`]: turn }).catch(() => {})
          if (i % 3 === 1 && turn === 2) await one.rotateSession(token).catch(() => {})
          if (wasDestroyed && (await one.validateSession(token)) !== null) lateCount++
          else await one.validateSession(token)
        }
      }
      const destroy = async (): Promise<void> => {
        await processes[3]!.validateSession(token)
        await open().sessions.destroySession(token)
        isDestroyed = true
      }
      await Promise.all([...Array.from({ length: 64 }, (_, i) => race(i)), destroy()])
      expect(lateCount).toBe(0)
      await isInvalid(token)
    }
  })

  test('S3: an update that may have been applied before a rotation is not called unapplied', async () => {
    const clock = new VirtualClock(Date.now())
    const late = open({ clock })
    const token = await late.sessions.createSession('rotated meanwhile', '')
    const before = late.faulty.writeCount
    // The answer to the update is lost; before it is asked for, the token is replaced.
    late.faulty.writeFaults.push('late')
    const updating = expect(late.sessions.update(token, { a: 1 })).rejects.toMatchObject({
      outcome: 'unknown',
    })
    while (late.faulty.writeCount === before || clock.pendingCount < 2) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await open().sessions.rotateSession(token)
    const unread = new RequestTimeoutError(1_000, 'not_applied')
    late.faulty.readFaults.push(undefined as never, unread, unread, unread)
    clock.advance(250)
    await updating
    await late.faulty.deliver()
  })

  test('S4: a rotation that fails behind its first write is not called unapplied', async () => {
    const { faulty, sessions } = open()
    const token = await sessions.createSession('half rotated', '')
    const gone = new ConnectionError('node', 'refused', 'not_applied')
    faulty.writeFaults.push(undefined as never, gone, gone, gone)
    await expect(sessions.rotateSession(token)).rejects.toMatchObject({ outcome: 'unknown' })
    faulty.writeFaults.length = 0
    // The next call completes it.
    const successor = await open().sessions.rotateSession(token)
    expect(await open().sessions.validateSession(successor)).toBe('half rotated')
  })

  test('S1: destroying wins over a clock that is ahead, and over one that is behind', async () => {
    const ahead = open({ idle: '30m', clock: new VirtualClock(Date.now() + 3_600_000) }).sessions
    const behind = open({ idle: '30m', clock: new VirtualClock(Date.now() - 3_600_000) }).sessions
    for (const [creator, destroyer] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const token = await creator.createSession('skewed', '')
      await destroyer.destroySession(token)
      await Promise.all([creator.validateSession(token), destroyer.validateSession(token)])
      expect(await creator.validateSession(token)).toBeNull()
      expect(await destroyer.validateSession(token)).toBeNull()
    }
  })

  test('S1: a token that was replaced ends the session, whatever clocks and rotateGrace are', async () => {
    const clock = new VirtualClock(Date.now())
    for (const destroyer of [
      { rotateGrace: 0 },
      { clock: new SkewedClock(600_000) },
      { clock: new SkewedClock(-600_000) },
    ]) {
      const { sessions } = open({ clock, ...destroyer })
      const token = await open().sessions.createSession('replaced', '')
      const successor = await open(destroyer).sessions.rotateSession(token)
      await sessions.destroySession(token)
      expect(await open().sessions.inspectSession(successor)).toEqual({
        ok: false,
        reason: 'revoked',
      })
    }
  })

  test.for([
    ['within one millisecond', [0]],
    ['by clocks that disagree', [600_000, 0]],
  ] as const)(
    'S1: the first token of many ends the session by a few requests, rotated %s',
    async ([, offsets]) => {
      const nowMs = Date.now()
      const clocks = offsets.map((offsetMs) => new VirtualClock(nowMs + offsetMs))
      const rotating = clocks.map((clock) => open({ clock }).sessions)
      const first = await rotating[0]!.createSession('many rotations', '')
      const tokens = [first]
      for (let i = 0; i < 40; i++) {
        tokens.push(await rotating[i % rotating.length]!.rotateSession(tokens.at(-1)!))
      }
      const { faulty, sessions } = open()
      await sessions.destroySession(first)
      expect(faulty.requests.length).toBeLessThan(10)
      for (const i of [0, 20, 40]) await isInvalid(tokens[i]!)
      expect(await sessions.listSessions('many rotations').toArray()).toEqual([])
    },
  )

  test('S1: a note of the present token that is late or lost keeps no session alive', async () => {
    for (const fault of ['late', new Error('no network')] as const) {
      const { faulty, sessions } = open()
      const first = await sessions.createSession('not noted', '')
      const second = await sessions.rotateSession(first)
      faulty.onRequest = (text) => {
        if (text.startsWith('INSERT') && text.includes('_by_user')) faulty.writeFaults.push(fault)
      }
      const third = await sessions.rotateSession(second)
      faulty.onRequest = () => {}
      await open().sessions.destroySession(first)
      await faulty.deliver()
      for (const token of [first, second, third]) await isInvalid(token)
    }
  })

  test('S1: a destroySession whose answers are lost ends the session all the same', async () => {
    for (const fault of ['lost', 'late'] as const) {
      const { faulty, sessions } = open()
      const token = await sessions.createSession('lost end', '')
      faulty.writeFaults.push(fault)
      await sessions.destroySession(token)
      await faulty.deliver()
      await isInvalid(token)
    }
  })

  test('S1: the end of a session is reported once, whichever of its tokens end it', async () => {
    const ends: unknown[] = []
    const { sessions } = open({ onEnd: (end) => ends.push(end) })
    const tokens = [await sessions.createSession('ended once', '')]
    for (let i = 0; i < 2; i++) tokens.push(await sessions.rotateSession(tokens.at(-1)!))
    const [{ id } = { id: '' }] = await sessions.listSessions('ended once').toArray()
    for (const token of tokens.toReversed()) await sessions.destroySession(token)
    expect(await sessions.revokeSession('ended once', id)).toBe(false)
    expect(ends).toEqual([{ userId: 'ended once', sessionId: id, reason: 'destroyed' }])
    expect(sessions.stats()).toMatchObject({ destroyed: 1, revoked: 0 })
  })

  test('sessions of a user are listed page by page, as they are consumed', async () => {
    let pageCount = 0
    const counting = wrapExecutor(
      await target.open((builder) => builder.pageSize(20)),
      async (call, next) => {
        if (call.verb === 'page') pageCount++
        return await next(call)
      },
      { isolated: true },
    )
    const sessions = new SessionManager(counting)
    const some = Array.from({ length: 100 }, () => sessions.createSession('listed', ''))
    await Promise.all(some)
    for await (const { ipAddress } of sessions.listSessions('listed')) {
      expect(ipAddress).toBe('')
      break
    }
    expect(pageCount).toBeGreaterThan(0)
    expect(pageCount).toBeLessThan(4)
    expect(await sessions.listSessions('listed').toArray()).toHaveLength(100)
    expect(pageCount).toBeGreaterThan(5)
  })

  test('S2: revokeAll ends every session that there is, by one conditional write', async () => {
    const { faulty, sessions } = open()
    const tokens = await Promise.all(
      Array.from({ length: 300 }, () => sessions.createSession('everywhere', '')),
    )
    const other = await sessions.createSession('somebody else', '')
    faulty.requests.length = 0
    await sessions.revokeAll('everywhere')
    expect([faulty.conditionalWriteCount, faulty.requests.length]).toEqual([1, 1])
    for (let i = 0; i < tokens.length; i += 7) {
      const reader = open().sessions
      expect(await reader.inspectSession(tokens[i]!)).toEqual({ ok: false, reason: 'revoked' })
    }
    await isInvalid(tokens[0]!)
    expect(await sessions.validateSession(other)).toBe('somebody else')
    const next = await open().sessions.createSession('everywhere', '')
    expect(await sessions.validateSession(next)).toBe('everywhere')
    expect(await sessions.listSessions('everywhere').toArray()).toHaveLength(1)
  })

  test('S2: a session that revokeAll excepts stays valid, rotated or not, until the next one', async () => {
    const { sessions } = open()
    const [kept, gone] = [
      await sessions.createSession('except', ''),
      await sessions.createSession('except', ''),
    ]
    await sessions.revokeAll('except', { except: kept })
    expect(await sessions.validateSession(kept)).toBe('except')
    expect(await sessions.validateSession(gone)).toBeNull()
    const successor = await sessions.rotateSession(kept)
    expect(await sessions.validateSession(successor)).toBe('except')
    await open().sessions.revokeAll('except', { except: successor })
    expect(await sessions.validateSession(successor)).toBe('except')
    await sessions.revokeAll('except')
    expect(await sessions.validateSession(successor)).toBeNull()
    await expect(sessions.revokeAll('except', { except: gone })).rejects.toMatchObject({
      code: 'TSYLLA_SESSION_INVALID',
    })
    const other = await sessions.createSession('someone', '')
    await expect(sessions.revokeAll('except', { except: other })).rejects.toThrow(/except/)
  })

  test('S2: a revokeAll that overtakes another ends the session that the other excepts', async () => {
    const token = await open().sessions.createSession('overtaken', '')
    const overtaking = open().sessions
    let writes = 0
    const slow = wrapExecutor(
      target.session,
      async (call, next) => {
        const isWrite = call.verb === 'executePrepared' && / IF /.test(call.prepared.getStatement())
        if (isWrite && writes++ === 0) await overtaking.revokeAll('overtaken')
        return await next(call)
      },
      { isolated: true },
    )
    const sessions = new SessionManager(slow)
    await expect(sessions.revokeAll('overtaken', { except: token })).rejects.toMatchObject({
      ...{ code: 'TSYLLA_SESSION_INVALID', reason: 'revoked' },
    })
    await isInvalid(token)
  })

  test('S2: a session whose row is written late, or whose answer is lost, is revoked too', async () => {
    for (const fault of ['late', 'lost'] as const) {
      const { faulty, sessions } = open()
      // The first write notes the session for lists, the second is its row.
      faulty.writeFaults.push(undefined as never, fault)
      const creating = sessions.createSession(`late ${fault}`, '')
      while (faulty.writeCount < 2) await new Promise((resolve) => setImmediate(resolve))
      await open().sessions.revokeAll(`late ${fault}`)
      await faulty.deliver()
      expect(await sessions.validateSession(await creating)).toBeNull()
    }
  })

  test('S4: of 64 parallel rotations in four processes all return the same successor', async () => {
    const processes = Array.from({ length: 4 }, () => open().sessions)
    const [first] = processes
    const token = await first!.createSession('rotated', '', { data: { cart: [1] } })
    const successors = await Promise.all(
      Array.from({ length: 64 }, (_, i) => processes[i % 4]!.rotateSession(token)),
    )
    const [successor] = successors
    expect(new Set(successors).size).toBe(1)
    expect(successor).not.toBe(token)
    for (const one of [token, successor!]) {
      expect(await first!.inspectSession(one)).toMatchObject({
        ...{ ok: true, userId: 'rotated', data: { cart: [1] }, isReplaced: one === token },
      })
    }
    expect(processes.reduce((sum, one) => sum + one.stats().rotated, 0)).toBe(1)
    const rows = await target.session.execute('SELECT family, data, status FROM sessions_state')
    const copies = rows.rows().filter((row) => row['data'] !== null && row['status'] === 1)
    expect(copies.every((row) => (row['data'] as Map<string, unknown>).size === 0)).toBe(true)
  })

  test('S4: the old token stands for its successor no longer than rotateGrace', async () => {
    const clock = new VirtualClock(Date.now())
    const { sessions } = open({ clock, rotateGrace: '30s' })
    const token = await sessions.createSession('grace', '')
    const second = await sessions.rotateSession(token)
    clock.advance(20_000)
    const third = await sessions.rotateSession(second)
    // Both old tokens lead to the present one, and what is done by them happens to it.
    expect(await sessions.validateSession(token)).toBe('grace')
    expect(await sessions.rotateSession(token)).toBe(third)
    await sessions.update(token, { by: 'old' })
    expect(await sessions.inspectSession(third)).toMatchObject({ data: { by: 'old' } })
    clock.advance(10_000)
    expect(await sessions.inspectSession(token)).toEqual({ ok: false, reason: 'rotated' })
    expect(await sessions.validateSession(second)).toBe('grace')
    // Any token of a session ends it.
    await sessions.destroySession(token)
    for (const one of [token, second, third]) await isInvalid(one)
  })

  test('S4: a rotation that was interrupted at any write is completed by the old token', async () => {
    for (const faults of [
      ['lost'],
      ['late'],
      [undefined, 'lost'],
      [undefined, 'late'],
      [undefined, new Error('no network')],
      ['lost', new Error('no network')],
    ] as readonly (readonly (Fault | undefined)[])[]) {
      const { faulty, sessions } = open()
      const token = await sessions.createSession('interrupted', '', { data: { a: 1 } })
      faulty.writeFaults.push(...(faults as Fault[]))
      const rotated = await sessions.rotateSession(token).catch(() => undefined)
      const other = open().sessions
      expect(await other.inspectSession(token)).toMatchObject({ ok: true, data: { a: 1 } })
      const again = await other.rotateSession(token)
      await faulty.deliver()
      if (rotated !== undefined && rotated !== again) {
        expect(await other.validateSession(rotated)).toBe('interrupted')
      }
      expect(await sessions.inspectSession(again)).toMatchObject({ ok: true, data: { a: 1 } })
    }
  })

  test('S5: a session in use ends at most a twentieth early, and never after its absolute end', async () => {
    const random = createRandom(5)
    for (let round = 0; round < 5; round++) {
      const clock = new VirtualClock(Date.now())
      const { sessions } = open({ idle: '100s', absolute: '1h', clock })
      const token = await sessions.createSession('idle', '')
      const startMs = clock.nowMs()
      let usedMs = startMs
      for (;;) {
        clock.advance(Math.floor(random() * 110_000))
        // Both are uses.
        const isValid =
          round % 2 === 0
            ? (await sessions.validateSession(token)) !== null
            : (await sessions.inspectSession(token, { use: true })).ok
        const sinceUseMs = clock.nowMs() - usedMs
        if (clock.nowMs() - startMs >= 3_600_000) expect(isValid).toBe(false)
        else if (sinceUseMs < 95_000) expect([sinceUseMs, isValid]).toEqual([sinceUseMs, true])
        else if (sinceUseMs >= 100_000) expect([sinceUseMs, isValid]).toEqual([sinceUseMs, false])
        if (!isValid) break
        usedMs = clock.nowMs()
      }
    }
  })

  test('S5: to inspect a session is a use of it only when that is asked for', async () => {
    const clock = new VirtualClock(Date.now())
    const { sessions } = open({ idle: '100s', clock })
    const token = await sessions.createSession('inspected', '')
    for (let i = 0; i < 3; i++) {
      clock.advance(60_000)
      expect(await sessions.inspectSession(token, { use: true })).toMatchObject({ ok: true })
    }
    clock.advance(60_000)
    expect(await sessions.inspectSession(token)).toMatchObject({ ok: true })
    clock.advance(60_000)
    expect(await sessions.inspectSession(token, { use: true })).toMatchObject({ reason: 'idle' })
    expect(sessions.stats()).toMatchObject({ validated: 3, touched: 3, refused: { idle: 1 } })
    await expect(sessions.inspectSession(token, { uses: true } as object)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
  })

  test('S5: a use that arrives late, or of a clock that is behind, does not shorten a session', async () => {
    const clock = new VirtualClock(Date.now())
    const { faulty, sessions } = open({ idle: '100s', clock })
    const token = await sessions.createSession('late use', '')
    clock.advance(50_000)
    faulty.writeFaults.push('late')
    expect(await sessions.validateSession(token)).toBe('late use')
    clock.advance(40_000)
    expect(await sessions.validateSession(token)).toBe('late use')
    await faulty.deliver()
    const behind = new VirtualClock(clock.nowMs() - 20_000)
    expect(await open({ idle: '100s', clock: behind }).sessions.validateSession(token)).toBe(
      'late use',
    )
    clock.advance(94_000)
    expect(await sessions.validateSession(token)).toBe('late use')
  })

  test('S6: no value that is stored is a token, nor contains one', async () => {
    const { sessions } = open({ idle: '30m' })
    const token = await sessions.createSession('stored', '192.0.2.1', { label: 'x' })
    const successor = await sessions.rotateSession(token)
    const last = await sessions.rotateSession(successor)
    await sessions.revokeAll('stored', { except: last })
    const secrets = [token, successor, last].map((one) =>
      Buffer.from(one, 'base64url').subarray(16),
    )
    let count = 0
    for (const { name } of sessions.tableDefinitions()) {
      for (const row of await target.session.execute(`SELECT * FROM ${name}`)) {
        for (const value of row.columns()) {
          count++
          const bytes =
            value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value))
          for (const secret of secrets) expect(bytes.includes(secret)).toBe(false)
          const texts = [bytes.toString('base64url'), bytes.toString(), String(value)]
          for (const text of texts) {
            for (const one of [token, successor, last]) expect(text).not.toContain(one)
            if (/^[\w-]{43}$|^[\w-]{64}$/.test(text)) {
              expect(await sessions.validateSession(text)).toBeNull()
            }
          }
        }
      }
    }
    expect(count).toBeGreaterThan(50)
    expect(await sessions.validateSession(last)).toBe('stored')
  })
})
