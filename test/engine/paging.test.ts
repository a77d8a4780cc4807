import { beforeAll, describe, expect, test } from 'vitest'
import { Engine, MemoryStore, resultRows, type RowsResult } from '../../src/engine/index.ts'

const engine = Engine.open({ storage: new MemoryStore() })

beforeAll(async () => {
  await engine.query(
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  )
  await engine.query('CREATE TABLE ks.pg (k int, c int, v int, s int static, PRIMARY KEY (k, c))')
  for (let k = 0; k < 3; k++) {
    for (let c = 0; c < 4; c++) {
      await engine.query(`INSERT INTO ks.pg (k, c, v, s) VALUES (${k}, ${c}, ${c}, ${k})`)
    }
  }
  await engine.query('INSERT INTO ks.pg (k, s) VALUES (10, 10)')
})

function texts(result: RowsResult): string[] {
  return resultRows(result).map((row) =>
    row
      .map((cell) => (cell === null ? '' : Number(`0x${Buffer.from(cell).toString('hex')}`)))
      .join('/'),
  )
}

async function pages(cql: string, pageSize: number): Promise<string[][]> {
  const result: string[][] = []
  let pagingState: Uint8Array | undefined
  do {
    const page = (await engine.query(cql, 'ks', [], { pageSize, pagingState })) as RowsResult
    result.push(texts(page))
    pagingState = page.pagingState
  } while (pagingState !== undefined)
  return result
}

/**
 * Pages as Apache Cassandra 5.0.9 cuts them: a full page is followed by another, maybe empty one.
 */
const recorded: [cql: string, pageSize: number, pages: string][] = [
  ['SELECT k, c FROM pg', 3, '10/ 1/0 1/1|1/2 1/3 0/0|0/1 0/2 0/3|2/0 2/1 2/2|2/3'],
  ['SELECT k, c FROM pg WHERE k = 1', 2, '1/0 1/1|1/2 1/3|'],
  ['SELECT k, c FROM pg WHERE k = 1', 4, '1/0 1/1 1/2 1/3|'],
  ['SELECT k, c FROM pg WHERE k = 1 LIMIT 4', 2, '1/0 1/1|1/2 1/3'],
  [
    'SELECT k, c FROM pg WHERE k IN (2, 0, 1)',
    4,
    '0/0 0/1 0/2 0/3|1/0 1/1 1/2 1/3|2/0 2/1 2/2 2/3|',
  ],
  ['SELECT k, c FROM pg WHERE k IN (2, 0, 1) LIMIT 5', 3, '0/0 0/1 0/2|0/3 1/0'],
  ['SELECT k, c FROM pg WHERE k = 1 AND c = 1', 1, '1/1|'],
  ['SELECT k, c FROM pg WHERE k = 1 AND c IN (3, 1)', 1, '1/1|1/3|'],
  ['SELECT DISTINCT k, s FROM pg', 1, '10/10|1/1|0/0|2/2|'],
  ['SELECT DISTINCT k, s FROM pg', 2, '10/10 1/1|0/0 2/2|'],
  ['SELECT k, c FROM pg PER PARTITION LIMIT 2', 3, '10/ 1/0 1/1|0/0 0/1 2/0|2/1'],
  ['SELECT k, c FROM pg PER PARTITION LIMIT 2', 2, '10/ 1/0|1/1 0/0|0/1 2/0|2/1'],
  ['SELECT k, count(*) FROM pg GROUP BY k', 2, '10/1 1/4|0/4 2/4|'],
  ['SELECT count(*) FROM pg', 2, '13'],
  ['SELECT k, c FROM pg WHERE v = 2 ALLOW FILTERING', 1, '1/2|0/2|2/2|'],
  ['SELECT k, c FROM pg LIMIT 5', 5, '10/ 1/0 1/1 1/2 1/3'],
  ['SELECT k, c FROM pg LIMIT 5', 4, '10/ 1/0 1/1 1/2|1/3'],
  ['SELECT k, c, s FROM pg WHERE k = 10', 5, '10//10'],
  ['SELECT k, c, s FROM pg WHERE k = 10 AND c > 0', 5, ''],
  ['SELECT k, c FROM pg WHERE k = 1 ORDER BY c DESC', 3, '1/3 1/2 1/1|1/0'],
  [
    'SELECT k, c FROM pg WHERE k IN (2, 0, 1, 2)',
    100,
    '0/0 0/1 0/2 0/3 1/0 1/1 1/2 1/3 2/0 2/1 2/2 2/3',
  ],
]

describe('paging', () => {
  test.each(recorded)('%s by %i rows', async (cql, pageSize, expected) => {
    const actual = await pages(cql, pageSize)
    expect(actual.map((page) => page.join(' ')).join('|')).toBe(expected)
  })

  test('a paging state is refused by another statement, and when it was changed', async () => {
    const page = (await engine.query('SELECT k FROM pg', 'ks', [], { pageSize: 2 })) as RowsResult
    const state = page.pagingState!
    const refusal = { serverCode: 0x000a, message: 'Invalid value for the paging state' }
    const read = (cql: string, pagingState: Uint8Array) => async () =>
      engine.query(cql, 'ks', [], { pageSize: 2, pagingState })
    await expect(read('SELECT c FROM pg', state)()).rejects.toMatchObject(refusal)
    const changed = Uint8Array.from(state)
    changed[7]! ^= 1
    await expect(read('SELECT k FROM pg', changed)()).rejects.toMatchObject(refusal)
    await expect(read('SELECT k FROM pg', new Uint8Array(3))()).rejects.toMatchObject(refusal)
  })
})
