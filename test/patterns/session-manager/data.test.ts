import { beforeAll, expect, test } from 'vitest'
import { Decimal } from '../../../src/index.ts'
import {
  type SessionData,
  SessionManager,
  type SessionManagerOptions,
  type StandardSchema,
} from '../../../src/patterns.ts'
import { createRandom } from '../../../src/util/index.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('data of SessionManager', (target) => {
  beforeAll(() => new SessionManager(target.session).createTables())

  function open(options: SessionManagerOptions = {}): {
    readonly faulty: FaultyExecutor
    readonly sessions: SessionManager
  } {
    const faulty = new FaultyExecutor(target.session)
    return { faulty, sessions: new SessionManager(faulty, options) }
  }

  async function dataOf(sessions: SessionManager, token: string): Promise<SessionData> {
    const inspection = await sessions.inspectSession(token)
    if (!inspection.ok) throw new Error(inspection.reason)
    return inspection.data
  }

  test('comes back as it was, key by key; undefined removes a key', async () => {
    const { sessions } = open()
    const data = {
      text: 'ä',
      date: new Date(5),
      map: new Map([[1n, new Set(['x'])]]),
      price: Decimal.parse('9.90'),
      bytes: new Uint8Array([1, 2]),
      none: null,
      ['__proto__']: { polluted: true },
      '': 0,
    }
    const token = await sessions.createSession('data', '', { data })
    expect(await dataOf(sessions, token)).toEqual(data)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    const after = await sessions.update(token, { text: undefined, none: 5, absent: undefined })
    const { text: _text, ...rest } = data
    expect(after).toEqual({ data: { ...rest, none: 5 }, revision: 1 })
    expect(await dataOf(open().sessions, token)).toEqual({ ...rest, none: 5 })
  })

  test('an update that changes nothing writes nothing', async () => {
    const { faulty, sessions } = open()
    const token = await sessions.createSession('same', '', { data: { a: [1] } })
    faulty.requests.length = 0
    expect(await sessions.update(token, { a: [1] })).toEqual({ data: { a: [1] }, revision: 0 })
    expect(await sessions.update(token, (data) => data)).toMatchObject({ revision: 0 })
    expect(faulty.writeCount).toBe(0)
  })

  test('a function may change its argument or return other data', async () => {
    const { sessions } = open()
    const token = await sessions.createSession('function', '', { data: { cart: [1] } })
    await sessions.update(token, (data) => void (data['cart'] as number[]).push(2))
    expect(await sessions.update(token, ({ cart }) => ({ bought: cart }))).toEqual({
      data: { bought: [1, 2] },
      revision: 2,
    })
  })

  test('S3: concurrent updates of different keys are all kept', async () => {
    const processes = Array.from({ length: 4 }, () => open().sessions)
    const token = await processes[0]!.createSession('keys', '')
    await Promise.all(
      Array.from({ length: 64 }, (_, i) => processes[i % 4]!.update(token, { [`k${i}`]: i })),
    )
    expect(await dataOf(processes[1]!, token)).toEqual(
      Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`k${i}`, i])),
    )
  })

  test('S3: a function is applied exactly once, whatever answers are lost', async () => {
    for (const fault of ['lost', 'late'] as const) {
      const [a, b] = [open(), open()]
      const token = await a.sessions.createSession('once', '', { data: { list: [] } })
      const push = async (one: SessionManager, item: number): Promise<void> => {
        await one.update(token, (data) => void (data['list'] as number[]).push(item))
      }
      for (let i = 0; i < 12; i++) {
        // While the answer of one is lost, another process writes: the row is no longer the same.
        a.faulty.writeFaults.push(fault)
        await Promise.all([
          push(a.sessions, i),
          push(b.sessions, 100 + i),
          push(a.sessions, 50 + i),
        ])
        await a.faulty.deliver()
      }
      const { list } = await dataOf(b.sessions, token)
      const expected = Array.from({ length: 12 }, (_, i) => [i, 50 + i, 100 + i]).flat()
      const byValue = (x: number, y: number): number => x - y
      expect((list as number[]).toSorted(byValue)).toEqual(expected.toSorted(byValue))
    }
  })

  test('S3: a function is applied exactly once, also when the token is replaced meanwhile', async () => {
    for (const fault of ['lost', 'late'] as const) {
      const [a, b, c] = [open(), open(), open()]
      let token = await a.sessions.createSession('once', '', { data: { list: [] } })
      const push = async (one: SessionManager, item: number): Promise<void> => {
        await one.update(token, (data) => void (data['list'] as number[]).push(item))
      }
      for (let i = 0; i < 12; i++) {
        a.faulty.writeFaults.push(fault)
        const rotating = c.sessions.rotateSession(token)
        await Promise.all([push(a.sessions, i), push(b.sessions, 100 + i), rotating])
        token = await rotating
        await a.faulty.deliver()
      }
      const { list } = await dataOf(b.sessions, token)
      const expected = Array.from({ length: 12 }, (_, i) => [i, 100 + i]).flat()
      const byValue = (x: number, y: number): number => x - y
      expect((list as number[]).toSorted(byValue)).toEqual(expected.toSorted(byValue))
    }
  })

  test('S3: random updates, rotations and faults agree with a model', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const random = createRandom(seed)
      const processes = Array.from({ length: 3 }, () => open())
      let token = await processes[0]!.sessions.createSession(`model ${seed}`, '')
      const model = new Map<string, number>()
      for (let round = 0; round < 12; round++) {
        const updates = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, i) => ({
          key: `k${i}`,
          value: Math.floor(random() * 1_000),
          isRemoval: random() < 0.2,
          process: processes[Math.floor(random() * 3)]!,
        }))
        for (const { faulty } of processes) {
          if (random() < 0.3) faulty.writeFaults.push(random() < 0.5 ? 'lost' : 'late')
          if (random() < 0.1) faulty.readFaults.push('lost')
        }
        const rotating =
          random() < 0.3 ? processes[0]!.sessions.rotateSession(token).catch(() => token) : token
        const settled = await Promise.allSettled([
          ...updates.map(({ key, value, isRemoval, process }) =>
            process.sessions.update(token, { [key]: isRemoval ? undefined : value }),
          ),
        ])
        token = await rotating
        for (const { faulty } of processes) {
          faulty.writeFaults.length = 0
          faulty.readFaults.length = 0
          await faulty.deliver()
        }
        for (const [i, { status }] of settled.entries()) {
          const { key, value, isRemoval, process } = updates[i]!
          // A read that was lost is an error of that call; it is repeated.
          if (status === 'rejected') {
            await process.sessions.update(token, { [key]: isRemoval ? undefined : value })
          }
          if (isRemoval) model.delete(key)
          else model.set(key, value)
        }
        const { data } = await open().sessions.update(token, {})
        expect(data).toEqual(Object.fromEntries(model))
      }
    }
  })

  test('ifRevision admits one of many, and says which revision the session has', async () => {
    const processes = Array.from({ length: 4 }, () => open().sessions)
    const token = await processes[0]!.createSession('strict', '')
    const settled = await Promise.allSettled(
      Array.from({ length: 16 }, (_, i) =>
        processes[i % 4]!.update(token, { winner: i }, { ifRevision: 0 }),
      ),
    )
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect(processes[0]!.update(token, { a: 1 }, { ifRevision: 5 })).rejects.toMatchObject({
      ...{ code: 'TSYLLA_REVISION_CONFLICT', expectedRevision: 5, actualRevision: 1 },
      outcome: 'not_applied',
    })
    expect(await processes[1]!.update(token, { a: 1 }, { ifRevision: 1 })).toMatchObject({
      revision: 2,
    })
  })

  test('ifRevision does not conflict with itself when the answer is lost', async () => {
    for (const fault of ['lost', 'late'] as const) {
      const { faulty, sessions } = open()
      const token = await sessions.createSession('itself', '')
      faulty.writeFaults.push(fault)
      expect(await sessions.update(token, { a: 1 }, { ifRevision: 0 })).toMatchObject({
        revision: 1,
      })
      await faulty.deliver()
      expect(await dataOf(open().sessions, token)).toEqual({ a: 1 })
    }
  })

  test('a function that throws changes nothing, and does not disturb others', async () => {
    const { faulty, sessions } = open()
    const token = await sessions.createSession('throws', '', { data: { a: 1 } })
    faulty.requests.length = 0
    const thrown = new Error('of the caller')
    const failing = sessions.update(token, (data) => {
      data['a'] = 2
      throw thrown
    })
    const [failed, other] = await Promise.allSettled([failing, sessions.update(token, { b: 2 })])
    expect(failed).toMatchObject({ status: 'rejected', reason: thrown })
    expect(other.status).toBe('fulfilled')
    expect(await dataOf(sessions, token)).toEqual({ a: 1, b: 2 })
    faulty.requests.length = 0
    await expect(
      sessions.update(token, () => {
        throw thrown
      }),
    ).rejects.toBe(thrown)
    await expect(sessions.update(token, (async () => ({})) as never)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    expect(faulty.writeCount).toBe(0)
  })

  test('what is asynchronous is refused, also when it fails', async () => {
    const { sessions } = open()
    const token = await sessions.createSession('asynchronous', '')
    const fail = async (): Promise<never> => {
      throw new Error('nobody waits for this')
    }
    const isRefused = { code: 'TSYLLA_CONFIG', outcome: 'not_applied' }
    await expect(sessions.update(token, fail as never)).rejects.toMatchObject(isRefused)
    const schema = { '~standard': { version: 1, vendor: 'test', validate: fail } } as const
    const create = open({ schema }).sessions.createSession('asynchronous', '', { data: { a: 1 } })
    await expect(create).rejects.toMatchObject(isRefused)
  })

  test('data that is too large, or not plain, is refused before anything is written', async () => {
    const { faulty, sessions } = open()
    const big = 'x'.repeat(130 * 1_024)
    const token = await sessions.createSession('large', '', { data: { big } })
    faulty.requests.length = 0
    const circular: { self?: unknown } = {}
    circular.self = circular
    for (const [change, path] of [
      [{ other: big }, 'data'],
      [{ huge: 'x'.repeat(300 * 1_024) }, 'data.huge'],
      [{ fn: { deep: [() => 1] } }, 'data.fn.deep[0]'],
      [{ circular }, 'data.circular.self'],
      [{ symbol: Symbol('s') }, 'data.symbol'],
      [{ '\ud800': 1 }, 'data'],
      [new Map(), 'data'],
      [[1], 'data'],
      [null, 'data'],
      [5, 'data'],
      [
        new (class Cart {
          items = 0
        })(),
        'data',
      ],
      [() => 5, 'data'],
      [() => ({ a: () => 1 }), 'data.a'],
      [() => ({ a: big, b: big }), 'data'],
    ] as const) {
      await expect(sessions.update(token, change as never), path).rejects.toMatchObject({
        ...{ code: 'TSYLLA_SESSION_DATA', path, outcome: 'not_applied' },
      })
    }
    await expect(sessions.createSession('large', '', { data: [] as never })).rejects.toThrow(/data/)
    expect(faulty.writeCount).toBe(0)
    expect(await dataOf(sessions, token)).toEqual({ big })
  })

  test('a schema checks what is stored, and may change it', async () => {
    interface Cart {
      readonly items: readonly number[]
      readonly note?: string
    }
    const schema: StandardSchema<Cart> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          const { items = [], ...rest } = value as Partial<Cart>
          return items.every(Number.isInteger)
            ? { value: { ...rest, items } }
            : { issues: [{ message: 'items must be integers' }] }
        },
      },
    }
    const sessions = new SessionManager<Cart>(target.session, { schema })
    const token = await sessions.createSession('schema', '')
    expect(await sessions.inspectSession(token)).toMatchObject({ data: { items: [] } })
    expect(await sessions.update(token, { note: 'x' })).toMatchObject({
      data: { items: [], note: 'x' },
    })
    for (const change of [{ items: [1.5] }, () => ({ items: [1.5] })]) {
      await expect(sessions.update(token, change)).rejects.toMatchObject({
        code: 'TSYLLA_SESSION_DATA',
        issues: [{ message: 'items must be integers' }],
      })
    }
    await sessions.update(token, ({ items }) => ({ items: [...items, 7] }))
    expect(await sessions.inspectSession(token)).toMatchObject({ data: { items: [7] } })
    const later = { '~standard': { ...schema['~standard'], validate: async () => ({ value: {} }) } }
    const asynchronous = new SessionManager(target.session, { schema: later })
    await expect(asynchronous.createSession('schema', '')).rejects.toThrow(/synchronously/)
  })

  test('an update of an ended session is refused with the reason', async () => {
    const { sessions } = open()
    const token = await sessions.createSession('ended', '')
    await sessions.destroySession(token)
    for (const [text, reason] of [
      [token, 'revoked'],
      ['A'.repeat(64), 'unknown'],
      ['x', 'malformed'],
    ] as const) {
      await expect(sessions.update(text, { a: 1 })).rejects.toMatchObject({
        ...{ code: 'TSYLLA_SESSION_INVALID', reason, outcome: 'not_applied' },
      })
    }
  })
})
