import { expect, test } from 'vitest'
import { Engine, MemoryStore } from '../../../src/engine/index.ts'

async function openWithTable(): Promise<Engine> {
  const engine = Engine.open({ storage: new MemoryStore() })
  await engine.query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
  await engine.query('CREATE TYPE ks.point (x int)')
  await engine.query('CREATE TABLE ks.t (k int PRIMARY KEY, v int)')
  await engine.query('CREATE TABLE ks.u (k int PRIMARY KEY, v int)')
  return engine
}

test('a plan is made again when a type changes that only the statement names', async () => {
  const engine = await openWithTable()
  const text = 'SELECT (ks.point)? FROM ks.t'
  const before = engine.prepare(text)
  expect(engine.prepare(text)).toBe(before)
  await engine.query('ALTER TYPE ks.point ADD y int')
  const { type } = engine.prepare(text).resultColumns[0]!
  expect(type.kind === 'udt' && type.fields.map(({ name }) => name)).toEqual(['x', 'y'])
})

test('a plan depends on the tables and types it names, each once', async () => {
  const engine = await openWithTable()
  const dependenciesOf = (text: string): string[] =>
    engine
      .prepare(text)
      .dependencies.map(
        (each) => `${each.kind} ${'schema' in each ? each.schema.name : each.type.name}`,
      )
  expect(dependenciesOf('SELECT (ks.point)?, (list<frozen<ks.point>>)? FROM ks.t')).toEqual([
    'table t',
    'type point',
  ])
  const deletes = ['t', 'u', 't'].map((name) => `DELETE FROM ks.${name} WHERE k = 1;`)
  expect(dependenciesOf(`BEGIN BATCH ${deletes.join(' ')} APPLY BATCH`)).toEqual([
    'table t',
    'table u',
  ])
  expect(dependenciesOf('USE ks')).toEqual([])
})
