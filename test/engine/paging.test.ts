import { beforeAll, describe, expect, test } from 'vitest'
import { Engine, MemoryStore, resultRows, type EncodedRows } from '../../src/engine/index.ts'

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

function texts(result: EncodedRows): string[] {
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
    const page = (await engine.query(cql, 'ks', [], { pageSize, pagingState })) as EncodedRows
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

  const stateOf = async (cql: string, pageSize = 2): Promise<Uint8Array> => {
    const page = (await engine.query(cql, 'ks', [], { pageSize })) as EncodedRows
    return page.pagingState!
  }
  const resumed = async (cql: string, pagingState: Uint8Array, pageSize = 10): Promise<string> => {
    const page = (await engine.query(cql, 'ks', [], { pageSize, pagingState })) as EncodedRows
    return texts(page).join(' ')
  }

  // Answers of Apache Cassandra 5.0.9; many more are asked for in
  // test/differential/paging-states.long.test.ts.
  test.each([
    ['SELECT k, c FROM pg WHERE k = 1 AND c >= 2', '1/2 1/3'],
    ['SELECT k, c FROM pg WHERE k = 1 AND c = 3', '1/3'],
    ['SELECT c, v FROM pg WHERE k = 1', '2/2 3/3'],
    ['SELECT k, c FROM pg WHERE k = 1 LIMIT 20', '1/2 1/3'],
    ['SELECT k, c FROM pg WHERE k = 1 ORDER BY c DESC', '1/0'],
    ['SELECT k, c FROM pg WHERE k = 1 AND v > 2 ALLOW FILTERING', '1/3'],
    ['SELECT k, c FROM pg WHERE k = 2', '2/2 2/3'],
  ])('the state of one read of a partition resumes another: %s', async (cql, expected) => {
    expect(await resumed(cql, await stateOf('SELECT k, c FROM pg WHERE k = 1 ORDER BY c'))).toBe(
      expected,
    )
  })

  test('the state of a scan resumes the read of a partition, and other scans', async () => {
    const state = await stateOf('SELECT * FROM pg', 3)
    expect(await resumed('SELECT k, c FROM pg WHERE k = 1', state)).toBe('1/2 1/3')
    expect(await resumed('SELECT k, c FROM pg WHERE k = 0', state)).toBe('0/2 0/3')
    const filtered = 'SELECT k, c FROM pg WHERE v = 3 ALLOW FILTERING'
    expect(await resumed(filtered, state)).toBe('1/3 0/3 2/3')
  })

  test('what LIMIT has left is in the state', async () => {
    const state = await stateOf('SELECT k, c FROM pg WHERE k = 1 LIMIT 3')
    expect(await resumed('SELECT k, c FROM pg WHERE k = 1', state)).toBe('1/2')
    // A page that holds all LIMIT lets through is read from the start, whatever the state.
    expect(await resumed('SELECT k, c FROM pg WHERE k = 1 LIMIT 2', state)).toBe('1/0 1/1')
  })

  test('a state that was changed, or is of no row of the table, is refused', async () => {
    const refusal = { serverCode: 0x000a, message: 'Invalid value for the paging state' }
    const state = await stateOf('SELECT k FROM pg')
    const changed = Uint8Array.from(state)
    changed[7]! ^= 1
    await engine.query('CREATE TABLE ks.other (k int, c text, d int, PRIMARY KEY (k, c, d))')
    await engine.query('CREATE TABLE ks.shorter (k int, c tinyint, PRIMARY KEY (k, c))')
    const ofPartition = await stateOf('SELECT k FROM pg WHERE k = 1')
    const refused: [cql: string, state: Uint8Array][] = [
      ['SELECT k FROM pg', changed],
      ['SELECT k FROM pg', new Uint8Array(3)],
      ['SELECT k FROM other', state],
      ['SELECT k FROM shorter', state],
      // A scan goes on in a partition, which the state of one partition does not name.
      ['SELECT k FROM pg', ofPartition],
    ]
    for (const [cql, each] of refused) {
      await expect(resumed(cql, each)).rejects.toMatchObject(refusal)
    }
  })
})
