import { channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { Batch, Session, SessionBuilder, Statement, TsyllaError } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { connect, isExecute, serverError } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'
import { formatStacks, hasAsyncStacks, isBun } from '../support/runtime.ts'

async function failureOf(call: () => Promise<unknown>): Promise<TsyllaError> {
  try {
    await call()
  } catch (error) {
    if (TsyllaError.is(error)) return error
  }
  throw new Error('it did not fail')
}

/** Returns the first frame of a stack. */
function firstFrame(error: Error): string {
  return error.stack?.split('\n').find((line) => line.trim().startsWith('at ')) ?? ''
}

describeOnServers('a statement that fails', (target) => {
  test('is named by its error, and the stack begins where it was called', async () => {
    const { session } = target
    await session.execute('CREATE TABLE failing (k int PRIMARY KEY, v int)')
    const known = await session.prepare('SELECT v FROM failing WHERE k = ?')
    const cases: readonly [string, string, () => Promise<unknown>][] = [
      ['a text', 'SELECT x FROM failing', () => session.execute('SELECT x FROM failing')],
      [
        'a text with values',
        'SELECT x FROM failing WHERE k = ?',
        () => session.execute('SELECT x FROM failing WHERE k = ?', [1]),
      ],
      [
        'a statement',
        'SELECT y FROM failing',
        () => session.execute(new Statement('SELECT y FROM failing')),
      ],
      ['a page', 'SELECT z FROM failing', () => session.page('SELECT z FROM failing')],
      [
        'a stream',
        'SELECT z FROM failing',
        () => session.stream('SELECT z FROM failing').toArray(),
      ],
      ['PREPARE', 'SELECT w FROM failing', () => session.prepare('SELECT w FROM failing')],
      ['values', 'SELECT v FROM failing WHERE k = ?', () => session.executePrepared(known, [])],
      [
        'a batch',
        'INSERT INTO failing (k, x) VALUES (1, 1)',
        () => session.batch(new Batch().append('INSERT INTO failing (k, x) VALUES (1, 1)')),
      ],
    ]
    for (const [what, text, call] of cases) {
      const error = await failureOf(call)
      expect([what, error.statement]).toEqual([what, text])
      // A stream fetches its pages one after another, whichever of its calls waits.
      if (what === 'a stream' || !hasAsyncStacks) continue
      expect([what, firstFrame(error)]).toEqual([
        what,
        expect.stringContaining('failed-statements.test'),
      ])
    }
  })

  const secret = `very"s''ecret`
  for (const text of [
    `CREATE ROLE broken WITH PASSWORD = '${secret}' AND NONSENSE = 1`,
    `ALTER USER broken WITH PASSWORD '${secret}' GARBAGE`,
    'CREATE ROLE broken WITH PASSWORD = $$very secret$$ AND NONSENSE',
    `CREATE /* a comment */ ROLE broken WITH PASSWORD = '${secret}' AND NONSENSE = 1`,
    `CREATE -- don't\nROLE broken WITH PASSWORD = '${secret}' AND NONSENSE = 1`,
    `CREATE // don't\n\tUSER broken WITH PASSWORD '${secret}' NONSENSE`,
    `/* '' */ alter\r\n\trole broken with password='${secret}' and nonsense`,
    `CREATE ROLE broken WITH PASSWORD = '${secret}`,
    'CREATE ROLE broken WITH PASSWORD = "very secret"',
    'CREATE ROLE broken WITH PASSWORD = verysecret',
    'ALTER USER broken WITH PASSWORD verysecret',
    "CREATE ROLE broken WITH PASSWORD 'verysecret'",
    'CREATE ROLE broken WITH PASSWORD = $$very secret',
    `CREATE ROL broken WITH PASSWORD = '${secret}'`,
    `CREATE ROLE broken WITH HASHED PASSWORD = '${secret}' AND NONSENSE`,
    `CREATE ROLE broken WITH OPTIONS = {'a': '${secret}'} AND NONSENSE`,
    `BEGIN BATCH CREATE ROLE broken WITH PASSWORD = '${secret}'; APPLY BATCH`,
    `UPDATE failing SET password = '${secret}' WHERE k = 1`,
  ]) {
    test(`does not show the password of ${JSON.stringify(text)}`, async () => {
      const { stackTraceLimit } = Error
      for (const limit of [0, stackTraceLimit]) {
        Error.stackTraceLimit = limit
        try {
          const error = await failureOf(() => target.session.execute(text))
          expect(inspect(error)).not.toMatch(/very|ecret/)
          expect([error.statement, error.message, error.stack].join()).not.toMatch(/very|ecret/)
          expect(error.statement).toContain('[redacted]')
          expect(error.statement).toMatch(/broken|failing/)
        } finally {
          Error.stackTraceLimit = stackTraceLimit
        }
      }
    })
  }

  test('keeps its words when a literal of it is short', async () => {
    const text = "CREATE ROLE broken WITH PASSWORD = 'p' AND NONSENSE = 1"
    const error = await failureOf(() => target.session.execute(text))
    expect(error.message).toContain("at input 'NONSENSE'")
  })

  test('shows the literals of all other statements', async () => {
    const text = "SELECT v FROM failing WHERE nothing = 'create role with password'"
    const error = await failureOf(() => target.session.execute(text))
    expect(error.statement).toBe(text)
  })
})

describe('an error of a request that was sent', () => {
  test.runIf(hasAsyncStacks)(
    'begins at its caller, through functions that await each other',
    async () => {
      const node = new ScriptedNode()
      const session = await connect(node)
      const select = await session.prepare('SELECT c FROM t WHERE c = ?')
      node.script = (exchange) => {
        if (!isExecute(exchange)) return 'default'
        exchange.reply(serverError(0x2200))
        return 'done'
      }
      async function innerCaller(): Promise<void> {
        await session.executePrepared(select, [1])
      }
      async function outerCaller(): Promise<void> {
        await innerCaller()
      }
      const error = await failureOf(outerCaller)
      const frames = error.stack?.split('\n').slice(1, 3)
      expect(frames?.[0]).toContain('innerCaller')
      expect(frames?.[1]).toContain('outerCaller')
      expect(error.stack).toMatch(/^ServerError: said the server\n/)
      expect(error.statement).toBe('SELECT c FROM t WHERE c = ?')
      await session.close()
    },
  )

  test.runIf(hasAsyncStacks)(
    'a session that cannot connect says so where it was asked for',
    async () => {
      async function connector(): Promise<void> {
        await Session.connect(['127.0.0.1:9042'], { localDatacenter: 'dc1' } as never)
      }
      async function builder(): Promise<void> {
        await new SessionBuilder().knownNode('127.0.0.9:1').build()
      }
      expect(firstFrame(await failureOf(connector))).toContain('connector')
      expect(firstFrame(await failureOf(builder))).toContain('builder')
    },
  )

  test('cuts a text that is very long', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.QUERY || !request.text.startsWith('SELECT c')) return 'default'
      exchange.reply(serverError(0x2200))
      return 'done'
    }
    const text = `SELECT c FROM t WHERE v = '${'x'.repeat(10_000)}'`
    const error = await failureOf(() => session.execute(text))
    expect(error.statement?.length).toBeLessThan(2_100)
    await session.close()
  })
})

describe('an application that changes errors', () => {
  let restore = (): void => {}

  afterEach(() => restore())

  const formatters: readonly [string, (error: Error, sites: readonly unknown[]) => unknown][] = [
    ['the call sites', (_error, sites) => sites],
    ['nothing', () => undefined],
    ['a text of its own', () => 'a stack'],
    [
      'an exception',
      () => {
        throw new Error('no stack today')
      },
    ],
  ]
  for (const [what, formatter] of formatters) {
    // Of such a formatter Bun makes no error at all: its constructor throws.
    const isPossible = !(isBun && what === 'an exception')
    test.runIf(isPossible)(
      `gets its error when Error.prepareStackTrace returns ${what}`,
      async () => {
        const node = new ScriptedNode()
        const session = await connect(node)
        const select = await session.prepare('SELECT c FROM t WHERE c = ?')
        restore = formatStacks(formatter)
        const failing = session.executePrepared(select, [])
        const error = await failing.catch((reason: unknown) => reason)
        restore()
        expect(error).toMatchObject({ code: 'TSYLLA_BIND_COUNT', statement: select.getStatement() })
        await session.close()
      },
    )
  }

  test('gets an error that it has frozen, with all that is known', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const freeze = (message: unknown): void => {
      Object.freeze((message as { error: object }).error)
    }
    const errors = channel('tracing:tsylla:prepare:error')
    errors.subscribe(freeze)
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.PREPARE) return 'default'
      exchange.reply(serverError(0x2200))
      return 'done'
    }
    const text = 'SELECT c FROM t WHERE c = ?'
    const calls = [session.execute(text, [1]), session.prepare(text), session.page(text, [1])]
    for (const outcome of await Promise.allSettled(calls)) {
      const reason = outcome.status === 'rejected' ? (outcome.reason as unknown) : undefined
      expect(reason).toMatchObject({ code: 'TSYLLA_SERVER_INVALID', statement: text })
    }
    errors.unsubscribe(freeze)
    await session.close()
  })
})
