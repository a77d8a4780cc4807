import { describe, expect, test } from 'vitest'
import { Engine, EngineNode, MemoryStore, resultRows } from '../../../src/engine/index.ts'
import { systemTableDefinitions } from '../../../src/engine/system/definitions.ts'
import { TraceLog } from '../../../src/engine/system/trace-log.ts'
import { Inet } from '../../../src/types/index.ts'

async function texts(engine: Engine, cql: string): Promise<(string | null)[][]> {
  const result = await engine.query(cql)
  if (result.kind !== 'rows') throw new Error(`${cql} gives no rows`)
  return resultRows(result).map((row) =>
    row.map((cell) => (cell === null ? null : Buffer.from(cell).toString())),
  )
}

function open(storage = new MemoryStore()): { engine: Engine; node: EngineNode } {
  const engine = new Engine({ storage })
  return { engine, node: new EngineNode(engine) }
}

const createKeyspace = `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`

describe('system tables', () => {
  test('every table can be read as any other', async () => {
    const { engine } = open()
    for (const { keyspace, cql } of systemTableDefinitions) {
      const name = cql.slice(0, cql.indexOf(' '))
      await expect(texts(engine, `SELECT * FROM ${keyspace}.${name}`)).resolves.toBeDefined()
    }
  })

  test('rows follow the schema', async () => {
    const { engine } = open()
    const select = `SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'k'`
    expect(await texts(engine, select)).toEqual([])
    await engine.query(createKeyspace)
    await engine.query('CREATE TABLE k.b (p int PRIMARY KEY)')
    await engine.query('CREATE TABLE k.a (p int PRIMARY KEY)')
    expect(await texts(engine, select)).toEqual([['a'], ['b']])
    await engine.query('DROP TABLE k.a')
    expect(await texts(engine, select)).toEqual([['b']])
    await engine.query('DROP KEYSPACE k')
    expect(await texts(engine, select)).toEqual([])
  })

  test('the schema version changes with the schema alone', async () => {
    const { engine } = open()
    const version = async (): Promise<string> => {
      const result = await engine.query('SELECT schema_version FROM system.local')
      if (result.kind !== 'rows') throw new Error('no rows')
      return Buffer.from(result.content).toString('hex')
    }
    const first = await version()
    expect(await version()).toBe(first)
    await engine.query(createKeyspace)
    const second = await version()
    expect(second).not.toBe(first)
    await engine.query('CREATE TABLE k.t (p int PRIMARY KEY)')
    await engine.query('INSERT INTO k.t (p) VALUES (1)')
    const third = await version()
    await engine.query('TRUNCATE k.t')
    expect(await version()).toBe(third)
  })

  test('the host id stays with the store', async () => {
    const storage = new MemoryStore()
    const hostId = open(storage).node.system.identity.hostId
    expect(open(storage).node.system.identity.hostId).toBe(hostId)
    expect(open().node.system.identity.hostId).not.toBe(hostId)
  })

  test('a page goes on where the last one ended, though the schema has changed', async () => {
    const { engine } = open()
    const prepared = engine.prepare('SELECT keyspace_name FROM system_schema.keyspaces')
    const seen: string[] = []
    let pagingState: Uint8Array | undefined
    let pageCount = 0
    do {
      const page = await engine.execute(prepared, [], { pageSize: 1, pagingState })
      if (page.kind !== 'rows') throw new Error('no rows')
      for (const [cell] of resultRows(page)) seen.push(Buffer.from(cell!).toString())
      pagingState = page.pagingState
      await engine.query(createKeyspace.replace(' k ', ` k${pageCount++} `))
    } while (pagingState !== undefined && seen.length < 20)
    for (const name of ['system', 'system_schema', 'system_traces']) expect(seen).toContain(name)
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('only the last traces are kept', () => {
    const log = new TraceLog()
    const address = Inet.parse('127.0.0.1')
    for (let i = 0; i < 1_000; i++) {
      log.add({
        sessionId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
        client: address,
        coordinator: address,
        coordinatorPort: 9042,
        request: 'Execute CQL3 query',
        parameters: new Map(),
        startedAtMs: 0,
        durationMicros: undefined,
        events: [],
      })
    }
    const rows = [...log.sessionRows()]
    expect(rows).toHaveLength(256)
    expect(rows.at(-1)!['session_id']).toBe('00000000-0000-4000-8000-000000000999')
  })
})
