import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type AuthenticationContext,
  type Authenticator,
  type AuthProvider,
  Session,
  SessionBuilder,
  type SessionOptions,
  type TsyllaError,
} from '../../src/index.ts'
import { ServerError } from '../../src/errors/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { plainAuthenticators } from '../../src/transport/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const passwordAuthenticator = 'org.apache.cassandra.auth.PasswordAuthenticator'
const dseAuthenticator = 'com.datastax.bdp.cassandra.auth.DseAuthenticator'
const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

const sessions: Session[] = []
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

/** A node that asks for an authenticator, and answers its n-th response by `challenges[n]`. */
class AskingNode extends ScriptedNode {
  readonly tokens: string[] = []

  constructor(
    clock: VirtualClock,
    authenticator: string,
    challenges: (count: number) => string | undefined,
  ) {
    super(clock)
    const counts = new Map<unknown, number>()
    this.script = (exchange) => {
      const { request, connection } = exchange
      if (request.opcode === Opcode.STARTUP) {
        exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator })
      } else if (request.opcode === Opcode.AUTH_RESPONSE) {
        const count = counts.get(connection) ?? 0
        counts.set(connection, count + 1)
        this.tokens.push(text(request.token))
        const challenge = challenges(count)
        exchange.reply(
          challenge === undefined
            ? { opcode: Opcode.AUTH_SUCCESS, token: Buffer.from('welcome') }
            : { opcode: Opcode.AUTH_CHALLENGE, token: Buffer.from(challenge) },
        )
      } else return 'default'
      return 'done'
    }
  }

  get isEveryConnectionClosed(): boolean {
    return this.connections.length > 0 && this.connections.every(({ isClosed }) => isClosed)
  }
}

interface Outcome {
  readonly node: AskingNode
  readonly clock: VirtualClock
  readonly error: TsyllaError | undefined
}

/** Connects; when it fails, the error and whether the node has lost every connection count. */
async function attempt(
  options: Partial<SessionOptions>,
  {
    authenticator = passwordAuthenticator,
    challenges = () => undefined,
    advanceMs = 0,
  }: {
    readonly authenticator?: string
    readonly challenges?: (count: number) => string | undefined
    readonly advanceMs?: number
  } = {},
): Promise<Outcome> {
  const clock = new VirtualClock()
  const node = new AskingNode(clock, authenticator, challenges)
  const connecting = connect(node, options).then(
    (session) => void sessions.push(session),
    (error: TsyllaError) => error,
  )
  await settle()
  clock.advance(advanceMs)
  const error = await connecting
  await settle()
  if (error !== undefined) expect(node.isEveryConnectionClosed).toBe(true)
  return { node, clock, error }
}

const providerOf = (
  authenticator: Partial<Authenticator>,
  onCreated: (context: AuthenticationContext) => void = () => {},
): AuthProvider => ({
  authenticators: ['com.example.Challenging'],
  newAuthenticator(context) {
    onCreated(context)
    return {
      initialResponse: () => Buffer.from('hello'),
      evaluateChallenge: (challenge) => Buffer.from(`answer to ${text(challenge)}`),
      ...authenticator,
    }
  },
})

const asking = { authenticator: 'com.example.Challenging' }

describe('a login with a password', () => {
  test.each(plainAuthenticators.filter((name) => name !== dseAuthenticator))(
    'is sent to %s',
    async (authenticator) => {
      const { node } = await attempt({ user: 'ada', password: 'secret' }, { authenticator })
      expect(new Set(node.tokens)).toEqual(new Set(['\0ada\0secret']))
    },
  )

  test('names the mechanism first where DataStax Enterprise asks', async () => {
    const { node } = await attempt(
      { user: 'ada', password: 'secret' },
      {
        authenticator: dseAuthenticator,
        challenges: (count) => (count === 0 ? 'PLAIN-START' : undefined),
      },
    )
    expect(node.tokens.slice(0, 2)).toEqual(['PLAIN', '\0ada\0secret'])
  })

  test.each([
    'com.example.Unknown',
    'PasswordAuthenticator',
    `${passwordAuthenticator} `,
    '',
    'constructor',
  ])('is not sent to the unknown class %j, nor in the error', async (authenticator) => {
    const { node, error } = await attempt({ user: 'ada', password: 'secret' }, { authenticator })
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION', outcome: 'not_applied' })
    expect(error!.message).toContain('option authenticators')
    expect(node.tokens).toEqual([])
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('secret')
  })

  test('is not sent to a class that the option authenticators leaves out', async () => {
    const options = { user: 'ada', password: 'secret', authenticators: ['com.example.Only'] }
    expect((await attempt(options)).error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    const { node } = await attempt(options, { authenticator: 'com.example.Only' })
    expect(node.tokens).toContain('\0ada\0secret')
  })

  test('is not sent again when the server challenges it', async () => {
    for (const authenticator of [passwordAuthenticator, dseAuthenticator]) {
      const { node, error } = await attempt(
        { user: 'ada', password: 'secret' },
        { authenticator, challenges: () => 'more' },
      )
      expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
      expect(node.tokens).toHaveLength(1)
    }
  })

  test('that is missing is asked for', async () => {
    const { error, node } = await attempt({})
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(error!.message).toContain('set user and password, or authProvider')
    expect(node.tokens).toEqual([])
  })

  test('is not sent before the server has asked for it', async () => {
    const node = new ScriptedNode(new VirtualClock())
    const opcodes = new Set<number>()
    node.script = ({ request }) => {
      opcodes.add(request.opcode)
      return 'default'
    }
    sessions.push(await connect(node, { user: 'ada', password: 'secret' }))
    expect(opcodes.has(Opcode.STARTUP)).toBe(true)
    expect(opcodes.has(Opcode.AUTH_RESPONSE)).toBe(false)
  })

  test('is not sent when TLS is set and the port answers without it', async () => {
    const received: Buffer[] = []
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        received.push(bytes)
        socket.end(Buffer.from([0x84, 0, 0, 0, Opcode.AUTHENTICATE, 0, 0, 0, 0]))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const options = { tls: true, user: 'ada', password: 'secret' }
      await expect(Session.connect([`127.0.0.1:${port}`], options)).rejects.toMatchObject({
        code: 'TSYLLA_TLS',
      })
      expect(received.length).toBeGreaterThan(0)
      expect(Buffer.concat(received).toString('latin1')).not.toMatch(/secret|ada/)
    } finally {
      server.close()
    }
  })
})

describe('an authenticator', () => {
  test('answers challenges in turn, is told about its connection, and is closed once', async () => {
    const contexts: AuthenticationContext[] = []
    const steps: string[] = []
    const authProvider = providerOf(
      {
        // Some answer at once, some later.
        evaluateChallenge: async (challenge) => Buffer.from(`answer to ${text(challenge)}`),
        onSuccess: (token) => void steps.push(`success ${text(token)}`),
        close: () => void steps.push('close'),
      },
      (context) => contexts.push(context),
    )
    const { node } = await attempt(
      { authProvider },
      { ...asking, challenges: (count) => ['one', 'two', 'three'][count] },
    )
    const login = ['hello', 'answer to one', 'answer to two', 'answer to three']
    const connectionCount = node.connections.length
    expect(connectionCount).toBeGreaterThan(1)
    expect(node.tokens.toSorted()).toEqual(
      login.flatMap((token) => Array.from({ length: connectionCount }, () => token)).toSorted(),
    )
    expect(steps.toSorted()).toEqual(
      ['close', 'success welcome'].flatMap((step) => node.connections.map(() => step)),
    )
    expect(new Set(contexts).size).toBe(connectionCount)
    expect(contexts[0]).toMatchObject({
      ...{ address: 'scripted:', authenticator: asking.authenticator },
      ...{ hostId: undefined, isEncrypted: false },
    })
    expect(contexts[0]!.signal.aborted).toBe(false)
  })

  test('that answers 16 challenges is heard, and a server with more is given up', async () => {
    const authProvider = providerOf({})
    const ends = (count: number): string | undefined => (count < 16 ? 'again' : undefined)
    expect(await attempt({ authProvider }, { ...asking, challenges: ends })).toMatchObject({
      error: undefined,
    })
    const endless = await attempt({ authProvider }, { ...asking, challenges: () => 'again' })
    expect(endless.error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(endless.error!.message).toContain('given up after 16 challenges')
    expect(endless.node.tokens).toHaveLength(17)
  })

  const thrown = (): never => {
    throw new Error('the vault says: secret')
  }
  test.each([
    ['throws when it is made', { ...providerOf({}), newAuthenticator: thrown }],
    ['throws at the beginning', providerOf({ initialResponse: thrown })],
    ['rejects at the beginning', providerOf({ initialResponse: async () => thrown() })],
    ['throws at a challenge', providerOf({ evaluateChallenge: thrown })],
    ['refuses the server', providerOf({ onSuccess: thrown })],
    [
      'throws when it fails, and again when it is closed',
      providerOf({ initialResponse: thrown, close: thrown }),
    ],
  ])('that %s fails the connection, with its error as the cause', async (_, authProvider) => {
    const { error } = await attempt(
      { authProvider },
      { ...asking, challenges: (count) => (count === 0 ? 'one' : undefined) },
    )
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION', outcome: 'not_applied' })
    expect(error!.message).toMatch(/of the authenticator failed$/)
    expect(error!.cause).toMatchObject({ message: 'the vault says: secret' })
  })

  test('that throws while it is closed does not fail the connection', async () => {
    const authProvider = providerOf({ close: thrown })
    expect((await attempt({ authProvider }, asking)).error).toBeUndefined()
  })

  test.each([
    ['a text', 'hello', 'string'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'object'],
    ['too many bytes', new Uint8Array(1024 * 1024 + 1), '1048577 bytes'],
    ['other numbers', new Uint16Array(1), 'object'],
  ])('that returns %s fails the connection', async (_, answer, named) => {
    for (const step of ['initialResponse', 'evaluateChallenge'] as const) {
      const { error, node } = await attempt(
        { authProvider: providerOf({ [step]: () => answer }) },
        { ...asking, challenges: (count) => (count === 0 ? 'one' : undefined) },
      )
      expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
      expect(error!.message).toContain(`${step} of the authenticator returned ${named} instead of`)
      expect(node.tokens).toEqual(step === 'initialResponse' ? [] : ['hello'])
    }
  })

  test.each(['initialResponse', 'evaluateChallenge', 'onSuccess'] as const)(
    'that hangs in %s fails the connection at its deadline, and is told',
    async (step) => {
      const signals: AbortSignal[] = []
      const closes: string[] = []
      const authProvider = providerOf(
        { [step]: () => new Promise(() => {}), close: () => void closes.push('close') },
        ({ signal }) => signals.push(signal),
      )
      const { error } = await attempt(
        { authProvider, connectionTimeoutMs: 700 },
        {
          ...asking,
          challenges: (count) => (count === 0 ? 'one' : undefined),
          advanceMs: 700,
        },
      )
      expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
      expect(error!.message).toContain(`${step} of the authenticator has not answered within 700`)
      expect(signals.map(({ aborted }) => aborted)).toEqual([true])
      expect(closes).toEqual(['close'])
    },
  )

  test('that arrives after its deadline is closed', async () => {
    const closes: string[] = []
    let arrive: (authenticator: Authenticator) => void = () => {}
    const pending = new Promise<Authenticator>((resolve) => (arrive = resolve))
    const authProvider: AuthProvider = {
      authenticators: [asking.authenticator],
      newAuthenticator: () => pending as unknown as Authenticator,
    }
    const options = { authProvider, connectionTimeoutMs: 700 }
    const { error } = await attempt(options, { ...asking, advanceMs: 700 })
    expect(error!.message).toContain('newAuthenticator of the authenticator has not answered')
    arrive({
      initialResponse: () => new Uint8Array(0),
      evaluateChallenge: () => new Uint8Array(0),
      close: () => void closes.push('close'),
    })
    await settle()
    expect(closes).toEqual(['close'])
  })

  test('that hangs is given up when connecting is aborted', async () => {
    const signals: AbortSignal[] = []
    const authProvider = providerOf(
      { initialResponse: () => new Promise(() => {}) },
      ({ signal }) => signals.push(signal),
    )
    const node = new AskingNode(new VirtualClock(), asking.authenticator, () => undefined)
    const controller = new AbortController()
    const building = new SessionBuilder({ authProvider })
      .knownNode(node.contactPoint)
      .build({ signal: controller.signal })
    await settle()
    controller.abort()
    await expect(building).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await settle()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(node.isEveryConnectionClosed).toBe(true)
  })

  test('is not asked for a class that it does not name', async () => {
    let createdCount = 0
    const authProvider = providerOf({}, () => createdCount++)
    const { error, node } = await attempt({ authProvider })
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(node.tokens).toEqual([])
    expect(createdCount).toBe(0)
  })

  test('that the server refuses fails with what the server says', async () => {
    const node = new AskingNode(new VirtualClock(), asking.authenticator, () => undefined)
    const script = node.script
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.AUTH_RESPONSE) return script(exchange)
      exchange.reply({ opcode: Opcode.ERROR, error: new ServerError(0x0100, 'who are you?') })
      return 'done'
    }
    await expect(connect(node, { authProvider: providerOf({}) })).rejects.toMatchObject({
      code: 'TSYLLA_AUTHENTICATION',
      message: expect.stringContaining('who are you?'),
    })
  })
})

describe('the options of a login', () => {
  const build = (options: object): Promise<unknown> => Session.connect(['127.0.0.1:1'], options)

  test.each([
    [{ authProvider: providerOf({}), user: 'ada', password: 'p' }, /excludes the options user/],
    [{ authProvider: providerOf({}), authenticators: ['a'] }, /excludes the options user/],
    [{ authProvider: null }, /must be an object with authenticators/],
    [{ authProvider: { newAuthenticator() {} } }, /must be an object with authenticators/],
    [{ authProvider: { authenticators: [], newAuthenticator() {} } }, /must be an object/],
    [{ authProvider: { authenticators: ['a'] } }, /the method newAuthenticator/],
    [{ authProvider: { authenticators: [1], newAuthenticator() {} } }, /must be an object/],
    [{ user: 'ada' }, /needed together/],
  ])('that contradict each other or are incomplete are refused: %#', async (options, message) => {
    await expect(build(options)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    await expect(build(options)).rejects.toThrow(message)
  })
})
