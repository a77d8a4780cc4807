import { expect, test } from 'vitest'
import { Engine, MemoryStore } from '../../../src/engine/index.ts'
import { WriteBatch } from '../../../src/engine/storage/index.ts'
import { TsyllaError } from '../../../src/errors/index.ts'
import { ask } from '../support/ask.ts'

const catalogKey = '\u0001catalog'

function storeWith(catalog: string): MemoryStore {
  const storage = new MemoryStore()
  const batch = new WriteBatch()
  batch.put(catalogKey, Buffer.from(catalog))
  storage.write(batch)
  return storage
}

function openError(catalog: string): unknown {
  try {
    return Engine.open({ storage: storeWith(catalog) })
  } catch (error) {
    return error
  }
}

/** A catalog as version 0.1.0 wrote it. */
const format1 = JSON.stringify({
  format: 1,
  nextGeneration: 7,
  version: '5bd95c1a-6b4d-41ee-8c99-0242ac120002',
  keyspaces: [
    {
      name: 'ks',
      replication: [['class', 'org.apache.cassandra.locator.SimpleStrategy']],
      durableWrites: true,
      types: [
        {
          kind: 'udt',
          keyspace: 'ks',
          name: 'u',
          fields: [{ name: 'x', type: { kind: 'int' } }],
          frozen: false,
        },
      ],
      tables: [
        {
          name: 't',
          id: '5bd95c1a-6b4d-11ee-8c99-0242ac120002',
          generation: 6,
          nextColumnId: 3,
          columns: [
            {
              id: 0,
              name: 'k',
              type: { kind: 'int' },
              kind: 'partition_key',
              position: 0,
              descending: false,
              isComplex: false,
            },
            {
              id: 1,
              name: 'm',
              type: {
                kind: 'map',
                key: { kind: 'text' },
                value: { kind: 'int' },
                frozen: false,
              },
              kind: 'regular',
              position: -1,
              descending: false,
              isComplex: true,
            },
          ],
          dropped: [],
          options: { comment: 'old', caching: { map: [['keys', 'ALL']] } },
        },
      ],
    },
  ],
})

test('a catalog of format 1 is read, with or without dropped generations', async () => {
  for (const dropped of [undefined, [5]]) {
    const catalog = JSON.stringify({ ...(JSON.parse(format1) as object), dropped })
    const engine = Engine.open({ storage: storeWith(catalog) })
    await engine.query("INSERT INTO t (k, m) VALUES (1, {'a': 1})", 'ks')
    expect(await ask(engine, 'SELECT k, m FROM t')).toEqual([[1, new Map([['a', 1]])]])
    expect(engine.catalog.keyspace('ks')!.types.get('u')).toMatchObject({ name: 'u' })
    await engine.close()
  }
})

test('it is written in format 2 once it changes, and read again', async () => {
  const storage = storeWith(format1)
  const engine = Engine.open({ storage })
  await engine.query('CREATE TABLE t2 (k int PRIMARY KEY)', 'ks')
  await engine.close()
  const again = Engine.open({ storage })
  expect([...again.catalog.keyspace('ks')!.tables.keys()]).toEqual(['t', 't2'])
  expect(again.catalog.keyspace('ks')!.tables.get('t')!.options.comment).toBe('old')
})

test.each([
  [
    'a newer format',
    JSON.stringify({ format: 3 }),
    'has the format 3, this version of tsylla reads 1 and 2',
  ],
  ['no format', '{}', 'has the format undefined'],
  ['null', 'null', 'has the format undefined'],
  ['no JSON', '{"format": 2', 'The catalog of the store is damaged'],
])(
  'a catalog of %s is refused with a typed error that says what to do',
  (_what, catalog, message) => {
    const error = openError(catalog)
    expect(TsyllaError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'TSYLLA_ENGINE_STORAGE', outcome: 'not_applied' })
    expect(String(error)).toContain(message)
  },
)
