import { describe, expect, test } from 'vitest'
import { Batch, Statement, TsyllaError } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { connect, isExecute, serverError } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'

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
      if (what === 'a stream') continue
      expect([what, firstFrame(error)]).toEqual([
        what,
        expect.stringContaining('failed-statements.test'),
      ])
    }
  })

  test('does not show the password of a role', async () => {
    const { session } = target
    for (const text of [
      "CREATE ROLE broken WITH PASSWORD = 'very secret' AND NONSENSE = 1",
      "ALTER USER broken WITH PASSWORD 'very secret' GARBAGE",
      'CREATE ROLE broken WITH PASSWORD = $$very secret$$ AND NONSENSE',
    ]) {
      const error = await failureOf(() => session.execute(text))
      const shown = [error.statement, error.message, error.stack].join(' ')
      expect(shown).not.toContain('very secret')
      expect(error.statement).toContain('[redacted]')
    }
  })
})

describe('an error of a request that was sent', () => {
  test('begins at its caller, through functions that await each other', async () => {
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
  })

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
