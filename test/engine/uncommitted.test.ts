import { beforeEach, describe, expect, test } from 'vitest'
import { Engine, EngineNode } from '../../src/engine/index.ts'
import { DiskStore } from '../../src/engine/storage/disk-store.ts'
import { Opcode, writePrepare, writeQueryHead, writeRegister } from '../../src/protocol/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { TestClient } from './node/test-client.ts'
import { ScriptedFile } from './storage/support/scripted-file.ts'

const keyspace = `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`

let file: ScriptedFile
let engine: Engine
let client: TestClient

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Commits what waits, group after group. */
async function commitAll(): Promise<void> {
  await nextTurn()
  for (let count = -1; count !== file.commits.length; await nextTurn()) {
    count = file.commits.length
    for (const commit of file.commits) commit.succeed()
  }
}

let streamId = 0
function query(text: string): number {
  client.send(Opcode.QUERY, (writer) => writeQueryHead(writer, text, 1, 0), {
    streamId: ++streamId,
  })
  return streamId
}

const isAnswered = async (id: number): Promise<boolean> => {
  await nextTurn()
  return client.answers.some((answer) => answer.streamId === id)
}

beforeEach(async () => {
  file = new ScriptedFile()
  engine = new Engine({ storage: new DiskStore(file, 'fsync'), clock: new VirtualClock() })
  client = new TestClient(new EngineNode(engine))
  client.startup()
  for (const text of [
    keyspace,
    'USE k',
    'CREATE TABLE t (p int, c int, v int, l list<int>, PRIMARY KEY (p, c))',
    'INSERT INTO t (p, c, v, l) VALUES (0, 0, 0, [1])',
  ]) {
    query(text)
    await commitAll()
  }
})

describe('while a write is not committed', () => {
  const write = 'INSERT INTO t (p, c, v, l) VALUES (1, 1, 1, [1])'

  test.each([
    'SELECT v FROM t WHERE p = 1 AND c = 1',
    'SELECT v FROM t WHERE p = 1',
    'SELECT count(*) FROM t',
    'SELECT v FROM t WHERE p IN (0, 1)',
    'INSERT INTO t (p, c, v) VALUES (1, 1, 2) IF NOT EXISTS',
    'UPDATE t SET v = 2 WHERE p = 1 AND c = 1 IF v = 9',
    'BEGIN BATCH UPDATE t SET v = 2 WHERE p = 1 AND c = 1 IF v = 9 APPLY BATCH',
    'UPDATE t SET l[7] = 1 WHERE p = 1 AND c = 1',
  ])('what depends on it waits: %s', async (text) => {
    query(write)
    const id = query(text)
    expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test.each([
    'SELECT v FROM t WHERE p = 0 AND c = 0',
    'SELECT v FROM t WHERE p = 0',
    'SELECT v FROM t WHERE p = 2 AND c = 2',
    'UPDATE t SET v = 2 WHERE p = 0 AND c = 0 IF v = 9',
    'INSERT INTO t (p, c, v) VALUES (0, 0, 2) IF NOT EXISTS',
    'SELECT key FROM system.local',
    'SELECT no FROM t',
  ])('what does not leaves at once: %s', async (text) => {
    query(write)
    expect(await isAnswered(query(text))).toBe(true)
  })

  test('a deletion counts as a write', async () => {
    query('DELETE FROM t WHERE p = 0 AND c = 0')
    const id = query('SELECT v FROM t WHERE p = 0 AND c = 0')
    expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test('a read that lasts several turns waits as well', async () => {
    for (let c = 0; c < 3_000; c++) query(`INSERT INTO t (p, c, v) VALUES (5, ${c}, 1)`)
    await commitAll()
    query('INSERT INTO t (p, c, v) VALUES (5, 3000, 1)')
    const id = query('SELECT count(*) FROM t WHERE p = 5')
    for (let turn = 0; turn < 50; turn++) expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test('a read whose write cannot be committed is an error', async () => {
    query(write)
    const id = query('SELECT v FROM t WHERE p = 1 AND c = 1')
    await nextTurn()
    file.commits.at(-1)!.fail()
    expect(await isAnswered(id)).toBe(true)
    const { response } = client.answers.find((answer) => answer.streamId === id)!
    expect(response).toMatchObject({
      opcode: Opcode.ERROR,
      error: { message: expect.stringContaining('could not commit') as string },
    })
  })
})

describe('while a schema change is not committed', () => {
  test.each([
    'SELECT table_name FROM system_schema.tables',
    'SELECT * FROM new',
    'CREATE TABLE new (p int PRIMARY KEY)',
    'CREATE TABLE IF NOT EXISTS new (p int PRIMARY KEY)',
    'SELECT x FROM t',
  ])('answers wait for it: %s', async (text) => {
    query('CREATE TABLE new (p int PRIMARY KEY)')
    const id = query(text)
    expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test.each(['SELECT p FROM new', 'SELECT nothing FROM new'])('PREPARE waits: %s', async (text) => {
    query('CREATE TABLE new (p int PRIMARY KEY)')
    const id = ++streamId
    client.send(Opcode.PREPARE, (writer) => writePrepare(writer, text), { streamId: id })
    expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test('a read of a table that was truncated waits', async () => {
    query('TRUNCATE t')
    const id = query('SELECT v FROM t WHERE p = 0')
    expect(await isAnswered(id)).toBe(false)
    await commitAll()
    expect(await isAnswered(id)).toBe(true)
  })

  test('its event comes after the answer, and the answer after the commit', async () => {
    client.ask(Opcode.REGISTER, (writer) => writeRegister(writer, ['SCHEMA_CHANGE']))
    const before = client.answers.length
    const id = query('CREATE TABLE new (p int PRIMARY KEY)')
    await nextTurn()
    await nextTurn()
    expect(client.answers.length).toBe(before)
    await commitAll()
    await nextTurn()
    expect(client.answers.slice(before).map((answer) => answer.streamId)).toEqual([id, -1])
  })

  test('its event comes once the change is committed, even if that failed first', async () => {
    client.ask(Opcode.REGISTER, (writer) => writeRegister(writer, ['SCHEMA_CHANGE']))
    query('CREATE TABLE new (p int PRIMARY KEY)')
    await nextTurn()
    file.commits.at(-1)!.fail()
    expect(await isAnswered(-1)).toBe(false)
    query('INSERT INTO t (p, c) VALUES (9, 9)')
    await commitAll()
    expect(await isAnswered(-1)).toBe(true)
  })
})
