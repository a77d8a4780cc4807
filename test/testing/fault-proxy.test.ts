import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Session, type SessionOptions } from '../../src/index.ts'
import { FaultProxy, type FaultProxyOptions, ManualClock } from '../../src/testing.ts'

let db: EmbeddedDatabase
let node: string
const opened: AsyncDisposable[] = []

beforeEach(async () => {
  db = await embedded()
  node = (await db.listen({ port: 0 })).address
  await using session = await db.session({ keyspace: 'k', createKeyspace: true })
  await session.execute('CREATE TABLE t (id int PRIMARY KEY, v int)')
})

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]()
  await db.close()
})

async function openProxy(options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(node, options)
  opened.push(proxy)
  return proxy
}

async function sessionOf(
  proxy: FaultProxy,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const session = await Session.connect([proxy.address], {
    ...{ keyspace: 'k', requestTimeoutMs: 400, ...options },
  })
  opened.push(session)
  return session
}

/** What is stored, read without the proxy. */
async function stored(): Promise<number[]> {
  await using session = await db.session({ keyspace: 'k' })
  const rows = (await session.execute<{ id: number }>('SELECT id FROM t')).rows()
  return rows.map(({ id }) => id).sort((a, b) => a - b)
}

const insert = 'INSERT INTO t (id, v) VALUES (?, ?)'
const conditional = 'INSERT INTO t (id, v) VALUES (?, ?) IF NOT EXISTS'

test.each([
  [{ fault: 'loseResponse', time: 1 }, /A fault rule has no option "time".*Did you mean "times"/],
  [{ fault: 'loseResponse', times: -1 }, /times must be an integer from 0/],
  [{ fault: 'loseResponse', skip: 0.5 }, /skip must be an integer from 0/],
  [{ fault: 'loseResponse', connection: '0' }, /connection must be an integer from 0/],
  [{ fault: 'loseResponse', request: 'SELECT' }, /request must be one of STARTUP/],
  [{ fault: 'loseResponse', request: 5 }, /request must be the name/],
  [{ fault: 'loseResponse', when: true }, /when must be a function/],
  [{ fault: 'delay', delayMs: -5 }, /delayMs must be from 0/],
  [{ fault: 'forgeError' }, /forgeError needs an error/],
  [{ fault: 'forgeError', error: { code: 'BUSY' } }, /code must be one of SERVER, /],
  [{ fault: 'forgeError', error: { code: 70_000 } }, /code must be an integer from 0 to 65535/],
  [{ fault: 'forgeError', error: { code: 0, text: '' } }, /has no option "text"/],
  [{ fault: 'forgeError', error: { code: 0, message: 5 } }, /message of an error must be a text/],
  [{ fault: 'forgeError', error: { code: 0, details: 5 } }, /details of an error must be/],
  [
    { fault: 'forgeError', error: { code: 'FUNCTION_FAILURE', details: { argumentTypes: 5 } } },
    /details do not fit the error/,
  ],
  [{ fault: 'forgeError', on: 'event', error: { code: 0 } }, /fault on event must be one of/],
  [{ fault: 'reset', error: { code: 0 } }, /error belongs to forgeError/],
  [{ fault: 'delay', delayMs: [5, 1] }, /delayMs must be from 0/],
  [{ fault: 'delay', delayMs: '5ms' }, /delayMs must be from 0/],
  [{ fault: 'delay', delayMs: null }, /delayMs must be from 0/],
])('a rule that cannot be is refused: %j', async (rule, message) => {
  const proxy = await openProxy()
  expect(() => proxy.inject(rule as never)).toThrow(message)
})

test.each([
  [{ seeds: 1 }, /no option "seeds".*Did you mean "seed"/],
  [{ seed: 'x' }, /seed must be an integer/],
  [{ port: 70_000 }, /port must be an integer from 0 to 65535/],
])('options of a proxy that cannot be are refused: %j', async (options, message) => {
  await expect(FaultProxy.open(node, options as never)).rejects.toThrow(message)
  await expect(FaultProxy.openAll([node], options as never)).rejects.toThrow(/option|integer/)
})

describe('without faults', () => {
  test('a session knows nothing but the proxy, and all its requests pass', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    await session.execute(insert, [1, 1])
    expect((await session.execute('SELECT v FROM t WHERE id = 1')).coordinator).toBe(proxy.address)
    const { connections, requests, responses } = proxy.counters
    expect(connections).toBe(proxy.openConnectionCount)
    expect(requests).toBeGreaterThan(3)
    expect(responses).toBe(requests)
  })

  test('values of several megabytes pass', async () => {
    const session = await sessionOf(await openProxy(), { requestTimeoutMs: 20_000 })
    await session.execute('CREATE TABLE big (id int PRIMARY KEY, v blob)')
    const bytes = new Uint8Array(5_000_000).fill(7)
    await session.execute('INSERT INTO big (id, v) VALUES (1, ?)', [bytes])
    const row = (await session.execute<{ v: Uint8Array }>('SELECT v FROM big')).singleRow()
    expect(Buffer.compare(row.v, bytes)).toBe(0)
  })

  test('bytes that are no frames pass', async () => {
    const proxy = await openProxy()
    const [host, port] = proxy.address.split(':')
    const socket = connect(Number(port), host)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    // The engine refuses what is not its protocol, and the proxy passes that on.
    await once(socket.resume(), 'close')
    expect(proxy.counters.requests).toBe(0)
  })
})

describe('a request that is lost', () => {
  test('times out, and was not executed', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    await session.execute(insert, [1, 1])
    const rule = proxy.inject({ fault: 'loseRequest', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' },
    })
    expect([rule.count, proxy.counters.lostRequests]).toEqual([1, 1])
    expect(await stored()).toEqual([1])
  })
})

describe('a response that is lost', () => {
  test('leaves the outcome unknown, and the request was executed', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    proxy.inject({ fault: 'loseResponse', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' },
    })
    expect(proxy.counters.lostResponses).toBe(1)
    expect(await stored()).toEqual([2])
    await session.execute(insert, [3, 3])
  })
})

describe('a connection', () => {
  test('that is reset before a request arrives: it was not executed', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    const rule = { fault: 'reset', on: 'request', request: 'EXECUTE', times: 1 } as const
    proxy.inject(rule)
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'unknown' },
    })
    expect(proxy.counters.reset).toBe(1)
    expect(await stored()).toEqual([])
  })

  test('that is reset instead of a response: it was executed', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    proxy.inject({ fault: 'reset', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'unknown' },
    })
    expect(await stored()).toEqual([2])
  })

  test('that ends in the middle of a response', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    proxy.inject({ fault: 'cut', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'unknown' },
    })
    expect(proxy.counters.cut).toBe(1)
    expect(await stored()).toEqual([2])
  })

  test('that ends in the middle of a request', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    proxy.inject({ fault: 'cut', on: 'request', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'unknown' },
    })
    expect(await stored()).toEqual([])
  })

  test('in a black hole stays open and silent', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy)
    const before = proxy.openConnectionCount
    proxy.inject({ fault: 'blackHole', on: 'request', request: 'EXECUTE', times: 1 })
    await expect(session.execute(conditional, [2, 2])).rejects.toMatchObject({
      ...{ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' },
    })
    expect([proxy.openConnectionCount, proxy.counters.blackHoles]).toEqual([before, 1])
    expect(await stored()).toEqual([])
  })

  test('that is accepted into silence does not let a session connect', async () => {
    const proxy = await openProxy()
    proxy.inject({ fault: 'blackHole', on: 'connect' })
    const options = { connectionTimeoutMs: 300, requestTimeoutMs: 300 }
    await expect(sessionOf(proxy, options)).rejects.toMatchObject({ outcome: 'not_applied' })
    expect(proxy.counters.blackHoles).toBeGreaterThan(0)
    expect(proxy.counters.responses).toBe(0)
  })

  test('can be reset from outside, and sessions connect again', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy, { requestTimeoutMs: 10_000 })
    const before = proxy.counters.connections
    proxy.resetConnections()
    await expect
      .poll(() => session.execute('SELECT * FROM t').then(() => proxy.counters.connections))
      .toBeGreaterThan(before)
  })
})

describe('a response', () => {
  test('that arrives twice reaches nothing but its own request', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy, { requestTimeoutMs: 10_000 })
    for (let id = 0; id < 20; id++) await session.execute(insert, [id, id * 10])
    const select = await session.prepare('SELECT v FROM t WHERE id = ?')
    proxy.inject({ fault: 'duplicate', request: 'EXECUTE' })
    const ask = async (id: number): Promise<unknown> =>
      (await session.executePrepared<{ v: number }>(select, [id])).singleRow().v
    const answers = await Promise.allSettled(Array.from({ length: 20 }, (_, id) => ask(id)))
    expect(proxy.counters.duplicated).toBeGreaterThan(0)
    for (const [id, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') expect(answer.value).toBe(id * 10)
      else expect(answer.reason).toMatchObject({ code: expect.stringMatching(/^TSYLLA_/) })
    }
  })

  test('that is delayed is overtaken by others, and arrives by the clock of the proxy', async () => {
    const clock = new ManualClock()
    const proxy = await openProxy({ clock })
    const session = await sessionOf(proxy, { requestTimeoutMs: 10_000 })
    const write = await session.prepare(insert)
    proxy.inject({ fault: 'delay', request: 'EXECUTE', times: 1, delayMs: 200 })
    let isAnswered = false
    const slow = session.executePrepared(write, [1, 1]).then(() => (isAnswered = true))
    await session.executePrepared(write, [2, 2])
    expect([isAnswered, await stored()]).toEqual([false, [1, 2]])
    clock.advance(200)
    await slow
    expect(proxy.counters.delayed).toBe(1)
  })
})

describe('rules', () => {
  test('strike with the same seed the same frames', async () => {
    const patternOf = async (seed: number): Promise<string> => {
      await using proxy = await FaultProxy.open(node, { seed })
      const options = { keyspace: 'k', poolSize: 1 }
      await using session = await Session.connect([proxy.address], options)
      const select = await session.prepare('SELECT v FROM t WHERE id = ?')
      proxy.inject({ fault: 'loseResponse', request: 'EXECUTE', probability: 0.3 })
      let pattern = ''
      for (let i = 0; i < 12; i++) {
        await session.executePrepared(select, [i], { timeout: 300 }).then(
          () => (pattern += '.'),
          () => (pattern += 'x'),
        )
      }
      return pattern
    }
    const first = await patternOf(5)
    expect(first).toMatch(/x/)
    expect(first).toMatch(/\./)
    expect(await patternOf(5)).toBe(first)
    expect(await patternOf(6)).not.toBe(first)
  })

  test('spare what they skip, stop after `times`, ask `when`, and end by `remove` and `heal`', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy, { poolSize: 1, requestTimeoutMs: 150 })
    const write = await session.prepare(insert)
    const failures = async (count: number): Promise<string> => {
      let text = ''
      for (let i = 0; i < count; i++) {
        await session.executePrepared(write, [i, i], { idempotent: false }).then(
          () => (text += '.'),
          () => (text += 'x'),
        )
      }
      return text
    }
    const rule = { fault: 'loseRequest', request: ['EXECUTE'] } as const
    const limited = proxy.inject({ ...rule, skip: 2, times: 1 })
    expect(await failures(4)).toBe('..x.')
    expect(limited.count).toBe(1)
    const never = proxy.inject({ ...rule, when: ({ bytes }) => bytes.length > 10_000 })
    expect(await failures(2)).toBe('..')
    const always = proxy.inject(rule)
    expect(await failures(1)).toBe('x')
    always.remove()
    expect(await failures(1)).toBe('.')
    proxy.inject(rule)
    proxy.heal()
    expect(await failures(1)).toBe('.')
    expect(never.count).toBe(0)
  })

  test('that cannot be are refused', async () => {
    const proxy = await openProxy()
    const code = expect.objectContaining({ code: 'TSYLLA_CONFIG' })
    expect(() => proxy.inject({ fault: 'duplicate', on: 'request' })).toThrow(code)
    expect(() => proxy.inject({ fault: 'loseResponse', on: 'connect' })).toThrow(code)
    expect(() => proxy.inject({ fault: 'nonsense' as 'cut' })).toThrow(code)
    expect(() => proxy.inject({ fault: 'cut', probability: 1.5 })).toThrow(code)
    await expect(FaultProxy.open('no address')).rejects.toMatchObject(code)
    await expect(FaultProxy.openAll(['[::1]:9042'])).rejects.toMatchObject(code)
    const [, port] = proxy.address.split(':')
    await expect(FaultProxy.open(node, { port: Number(port) })).rejects.toMatchObject(code)
  })
})

test('close ends connections, timers and the port', async () => {
  const proxy = await FaultProxy.open(node)
  const session = await sessionOf(proxy)
  proxy.inject({ fault: 'delay', request: 'QUERY', delayMs: 60_000 })
  const failing = session.execute('SELECT * FROM t').catch((error: unknown) => error)
  await expect.poll(() => proxy.counters.delayed).toBeGreaterThan(0)
  await Promise.all([proxy.close(), proxy.close()])
  expect(proxy.openConnectionCount).toBe(0)
  expect(await failing).toMatchObject({ code: expect.stringMatching(/^TSYLLA_/) })
  await expect(Session.connect([proxy.address])).rejects.toMatchObject({
    code: 'TSYLLA_CONNECTION',
  })
})

describe('answers and events of the proxy', () => {
  for (const protocolVersionMax of [4, 5] as const) {
    test(`errors are forged, before the node hears of the request or behind its back · v${protocolVersionMax}`, async () => {
      const proxy = await openProxy()
      const session = await sessionOf(proxy, { protocolVersionMax })
      const write = await session.prepare(conditional)
      const error = { code: 'WRITE_TIMEOUT', details: { received: 1, required: 2 } } as const
      proxy.inject({ fault: 'forgeError', request: 'EXECUTE', error, times: 1 })
      await expect(session.executePrepared(write, [1, 1])).rejects.toMatchObject({
        ...{ code: 'TSYLLA_SERVER_WRITE_TIMEOUT', outcome: 'unknown' },
        details: { received: 1, required: 2 },
        message: expect.stringContaining('forged by the proxy') as string,
      })
      proxy.inject({
        ...{ fault: 'forgeError', on: 'response', request: 'EXECUTE', times: 1 },
        error: { code: 0x1001, message: 'too much' },
      })
      await expect(session.executePrepared(write, [2, 2])).rejects.toMatchObject({
        ...{ code: 'TSYLLA_SERVER_OVERLOADED', outcome: 'unknown' },
      })
      expect(await stored()).toEqual([2])
      expect(proxy.counters.forgedErrors).toBe(2)
      await session.executePrepared(write, [3, 3])
    })

    test(`events reach clients that have registered · v${protocolVersionMax}`, async () => {
      const proxy = await openProxy()
      const session = await sessionOf(proxy, { protocolVersionMax })
      await session.execute('SELECT id FROM t')
      const keyspace = 'k'
      const seen: unknown[] = []
      session.onTopologyChange((change) => void seen.push(change))
      const sent = proxy.injectEvent({
        ...{ type: 'SCHEMA_CHANGE', change: 'UPDATED', target: 'TABLE' },
        ...{ keyspace, name: 't' },
      })
      expect(sent).toBe(1)
      const address = proxy.address
      expect(proxy.injectEvent({ type: 'STATUS_CHANGE', change: 'DOWN', address })).toBe(1)
      // The connection is as good as before.
      await session.execute('SELECT id FROM t')
    })
  }

  test.each<[unknown, RegExp]>([
    [null, /An event is an object/],
    [{ type: 'HEARTBEAT' }, /type of an event must be one of STATUS_CHANGE/],
    [{ type: 'STATUS_CHANGE', change: 'LEFT' }, /change of STATUS_CHANGE must be one of UP, DOWN/],
    [{ type: 'STATUS_CHANGE', change: 'UP', address: 'a:b' }, /The address of an event/],
    [{ type: 'SCHEMA_CHANGE', change: 'CREATED', target: 'VIEW' }, /target of SCHEMA_CHANGE/],
    [
      { type: 'SCHEMA_CHANGE', change: 'CREATED', target: 'TABLE', keyspace: 'k' },
      /has a keyspace, and a name/,
    ],
  ])('%j is refused', async (event, message) => {
    const proxy = await openProxy()
    expect(() => proxy.injectEvent(event as never)).toThrow(message)
  })

  test('a side of a connection is ended, and the session connects again', async () => {
    const proxy = await openProxy()
    const session = await sessionOf(proxy, { poolSize: 1 })
    const write = await session.prepare(conditional)
    for (const [id, on] of [[1, 'request'] as const, [2, 'response'] as const]) {
      proxy.inject({ fault: 'halfClose', on, request: 'EXECUTE', times: 1 })
      await expect(session.executePrepared(write, [id, id])).rejects.toMatchObject({
        ...{ code: 'TSYLLA_CONNECTION', outcome: 'unknown' },
      })
      // What is harmless to repeat waits for the next connection.
      await session.execute('SELECT id FROM t', [], { timeout: 30_000 })
    }
    await session.executePrepared(write, [3, 3], { timeout: 30_000 })
    expect(await stored()).toEqual([2, 3])
    expect(proxy.counters.halfClosed).toBe(2)
  })
})
