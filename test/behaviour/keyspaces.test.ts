import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Batch, Session } from '../../src/index.ts'
import { Opcode, ResultKind } from '../../src/protocol/index.ts'
import { type Exchange, prepare, ScriptedNode } from '../support/scripted-node.ts'
import { connect, serverError, settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

let db: EmbeddedDatabase
let session: Session

beforeEach(async () => {
  db = await embedded()
  session = await db.session({ keyspace: 'b', createKeyspace: true })
  await session.execute('CREATE TABLE t (k int PRIMARY KEY)')
  await session.execute(
    "CREATE KEYSPACE a WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  )
  await session.useKeyspace('a')
  await session.execute('CREATE TABLE t (k int PRIMARY KEY)')
})

afterEach(async () => {
  await session.close()
  await db.close()
})

async function keysIn(keyspace: string): Promise<number[]> {
  const rows = await session.execute<{ k: number }>(`SELECT k FROM ${keyspace}.t`)
  return rows
    .rows()
    .map(({ k }) => k)
    .sort((x, y) => x - y)
}

/** Lets so many microtasks pass. */
async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

describe('a statement means the keyspace it was given in', () => {
  test('with values, while the session changes its keyspace, and afterwards', async () => {
    for (let gap = 0; gap < 12; gap++) {
      // A text of its own: the one before is prepared already.
      const text = `INSERT INTO t /* ${gap} */ (k) VALUES (?)`
      const using = session.useKeyspace('b')
      await microtasks(gap)
      const keyspace = session.getKeyspace()
      const inserting = session.execute(text, [gap])
      await Promise.all([using, inserting])
      expect(await keysIn(keyspace!)).toContain(gap)
      await session.useKeyspace('a')
      await session.execute(text, [100 + gap])
      expect(await keysIn('a')).toContain(100 + gap)
    }
  })

  test('as a text, and in a batch of texts', async () => {
    for (let gap = 0; gap < 12; gap++) {
      const using = session.useKeyspace('b')
      await microtasks(gap)
      const keyspace = session.getKeyspace()
      const batch = new Batch('unlogged').appendStatement(`INSERT INTO t (k) VALUES (${gap})`)
      await Promise.all([
        using,
        session.execute(`INSERT INTO t (k) VALUES (${1_000 + gap})`),
        session.batch(batch),
      ])
      expect(await keysIn(keyspace!)).toEqual(expect.arrayContaining([gap, 1_000 + gap]))
      await session.useKeyspace('a')
    }
  })

  test('when USE was a text whose caller gave up', async () => {
    for (let gap = 0; gap < 12; gap++) {
      const controller = new AbortController()
      const { signal } = controller
      const using = session.execute('USE b', undefined, { signal })
      await microtasks(gap)
      controller.abort()
      await using.catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'TSYLLA_ABORTED' })
      })
      await settle()
      const keyspace = session.getKeyspace()
      await session.execute(`INSERT INTO t (k) VALUES (${gap})`)
      expect(await keysIn(keyspace!)).toContain(gap)
      await session.useKeyspace('a')
    }
  })
})

describe('USE as a text', () => {
  test('moves the session, and is refused in the words of the server', async () => {
    await session.execute('USE b')
    expect(session.getKeyspace()).toBe('b')
    await expect(session.execute('USE nowhere')).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
      message: expect.stringContaining('nowhere'),
    })
    expect(session.getKeyspace()).toBe('b')
  })

  test('does so prepared, too: no other text goes astray meanwhile', async () => {
    const using = await session.prepare('USE b')
    for (let gap = 0; gap < 12; gap++) {
      const moving = session.executePrepared(using)
      await microtasks(gap)
      const keyspace = session.getKeyspace()
      await Promise.all([moving, session.execute(`INSERT INTO t (k) VALUES (${gap})`)])
      expect(await keysIn(keyspace!)).toContain(gap)
      expect(session.getKeyspace()).toBe('b')
      await session.execute('USE a')
    }
  })
})

const isUse = ({ request }: Exchange): boolean =>
  request.opcode === Opcode.QUERY && request.text.startsWith('USE')

function answerUse(exchange: Exchange, keyspace: string): void {
  exchange.reply({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace })
}

describe('a session of several connections', () => {
  async function open(): Promise<{ node: ScriptedNode; several: Session; held: Exchange[] }> {
    const node = new ScriptedNode()
    const several = await connect(node, { poolSize: 3, keyspace: 'a', random: () => 0 })
    node.received.length = 0
    const held: Exchange[] = []
    node.script = (exchange) => {
      if (!isUse(exchange)) return 'default'
      held.push(exchange)
      return 'done'
    }
    return { node, several, held }
  }

  test('moves each of them, one first', async () => {
    const { several, held } = await open()
    const using = several.useKeyspace('b')
    await settle()
    expect(held).toHaveLength(1)
    answerUse(held[0]!, 'b')
    await settle()
    expect(new Set(held.map(({ connection }) => connection)).size).toBe(3)
    for (const exchange of held.slice(1)) answerUse(exchange, 'b')
    await using
    expect(several.getKeyspace()).toBe('b')
    await several.close()
  })

  test('sends a text on those that have moved, and its prepared form on the others', async () => {
    const { node, several, held } = await open()
    const using = several.useKeyspace('b')
    await settle()
    answerUse(held[0]!, 'b')
    await settle()
    const moved = held[0]!.connection
    node.received.length = 0
    const texts: Exchange[] = []
    node.script = (exchange) => {
      if (isUse(exchange)) {
        // A connection of its own, for what is prepared beside.
        answerUse(exchange, 'b')
        return 'done'
      }
      if (exchange.request.opcode === Opcode.QUERY) texts.push(exchange)
      return 'default'
    }
    await Promise.all(Array.from({ length: 6 }, (_, i) => several.execute(`SELECT ${i} FROM t`)))
    expect(texts.length).toBeGreaterThan(0)
    expect(texts.every(({ connection }) => connection === moved)).toBe(true)
    for (const exchange of held.slice(1)) answerUse(exchange, 'b')
    await using
    await several.close()
  })

  test('loses one that does not follow', async () => {
    const { node, several, held } = await open()
    const using = several.useKeyspace('b')
    await settle()
    answerUse(held[0]!, 'b')
    await settle()
    held[1]!.reply(serverError(0x1001))
    answerUse(held[2]!, 'b')
    await using
    await settle()
    const isOpen = (exchange: Exchange): boolean =>
      node.connections.some((one) => one === exchange.connection && !one.isClosed)
    expect(held.slice(0, 3).map(isOpen)).toEqual([true, false, true])
    await several.close()
  })

  test('sends no USE while a node prepares a statement on the connection', async () => {
    const { node, several, held } = await open()
    const prepares: Exchange[] = []
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE && prepares.length === 0) {
        prepares.push(exchange)
        return 'done'
      }
      if (!isUse(exchange)) return 'default'
      held.push(exchange)
      answerUse(exchange, 'b')
      return 'done'
    }
    const preparing = several.prepare('INSERT INTO t (c) VALUES (?)')
    await settle()
    expect(prepares).toHaveLength(1)
    const { connection } = prepares[0]!
    const using = several.useKeyspace('b')
    await settle()
    expect(held.every((exchange) => exchange.connection !== connection)).toBe(true)
    const id = Buffer.from('prepared first  ')
    prepares[0]!.reply(prepare('INSERT INTO t (c) VALUES (?)', id))
    await using
    expect(held.filter((exchange) => exchange.connection === connection)).toHaveLength(1)
    expect(Buffer.from((await preparing).getId())).toEqual(id)
    await several.close()
  })
})

describe('on a node that does as it is told', () => {
  test('a USE that is not answered costs its connection', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const scripted = await connect(node, { requestTimeoutMs: 1_000, random: () => 0 })
    const pooled = node.connections[1]!
    node.script = ({ request }) =>
      request.opcode === Opcode.QUERY && request.text.startsWith('USE') ? 'done' : 'default'
    const failed = expect(scripted.useKeyspace('b')).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
    })
    await settle()
    clock.advance(1_100)
    await failed
    await settle()
    expect([scripted.getKeyspace(), pooled.isClosed]).toEqual([undefined, true])
    node.script = () => 'default'
    clock.advance(1_000)
    await settle()
    await scripted.execute('SELECT c FROM t')
    await scripted.close()
  })

  test('a keyspace that is answered in another spelling is set, another one is not', async () => {
    const node = new ScriptedNode()
    let answer = 'A'
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.QUERY || !request.text.startsWith('USE')) return 'default'
      exchange.reply({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace: answer })
      return 'done'
    }
    const scripted = await connect(node, { keyspace: 'a' })
    expect(scripted.getKeyspace()).toBe('a')
    answer = 'other'
    await expect(scripted.useKeyspace('b')).rejects.toMatchObject({ code: 'TSYLLA_PROTOCOL' })
    expect(scripted.getKeyspace()).toBe('a')
    await scripted.close()
  })

  test('any number of statements of another keyspace are prepared again over few connections', async () => {
    const node = new ScriptedNode()
    const scripted = await connect(node, { keyspace: 'a' })
    const statements = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        scripted.prepare(`INSERT INTO t /* ${i} */ (c) VALUES (?)`),
      ),
    )
    await scripted.useKeyspace('b')
    const known = new Set<string>()
    const before = node.connections.length
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) known.add(request.text)
      if (request.opcode !== Opcode.EXECUTE || known.size > 0) return 'default'
      exchange.reply(serverError(0x2500, { statementId: request.id }))
      return 'done'
    }
    await Promise.all(statements.map((one) => scripted.executePrepared(one, [1])))
    await settle()
    expect(node.connections.length - before).toBeLessThan(5)
    expect(node.connections.filter(({ isClosed }) => !isClosed)).toHaveLength(2)
    await scripted.close()
  })

  test('a session whose keyspace was dropped comes back, and creates it again', async () => {
    const first = await db.listen({ port: 0 })
    const remote = await Session.connect([`127.0.0.1:${first.port}`], { keyspace: 'a' })
    const insert = await remote.prepare('INSERT INTO t (k) VALUES (?)')
    await session.execute('DROP KEYSPACE a')
    await first.close()
    const again = await db.listen({ port: first.port })
    const isBack = (): boolean => remote.getClusterData().nodes.some((node) => node.isAvailable)
    await expect.poll(isBack, { timeout: 20_000 }).toBe(true)
    await remote.execute('SELECT key FROM system.local WHERE key = ?', ['local'])
    await expect(remote.execute('SELECT k FROM t')).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
    })
    await remote.execute(
      "CREATE KEYSPACE a WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )
    await remote.execute('CREATE TABLE t (k int PRIMARY KEY)')
    await remote.execute('INSERT INTO t (k) VALUES (?)', [1])
    await remote.executePrepared(insert, [2])
    expect(await keysIn('a')).toEqual([1, 2])
    await remote.close()
    await again.close()
  })
})
