import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import type { Session } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

const long = 'x'.repeat(65_536)
const half = 'y'.repeat(40_000)
const row = 'WHERE a = ? AND b = 1 AND'

/** Statements with keys that are too long, and the length that their error names. */
const cases: readonly (readonly [
  text: string,
  values: readonly unknown[],
  length: number | null,
])[] = [
  ['SELECT v FROM single WHERE k = ?', [long], 65_536],
  ["UPDATE single SET v = 1 WHERE k IN (?, 'b')", [long], 65_536],
  ['SELECT v FROM single WHERE token(k) > token(?)', [long], null],
  // The bytes around the parts of a key count only when the parts fit.
  ['INSERT INTO several (a, b, c, d) VALUES (?, 1, ?, ?)', [long, 'c', 'd'], 65_544],
  ['SELECT v FROM several WHERE a = ? AND b = 1', [long.slice(9)], 65_541],
  ['SELECT v FROM several WHERE a IN (?) AND b = 1', [long], 65_544],
  [`SELECT v FROM several ${row} c = ? AND d = ?`, ['a', half, half], null],
  [`SELECT v FROM several ${row} (c, d) >= (?, ?)`, ['a', half, half], null],
  [`DELETE FROM several ${row} c > ?`, ['a', long], null],
  [`DELETE FROM several ${row} (c, d) = (?, ?)`, ['a', half, half], 80_000],
  [`UPDATE several SET v = 1 ${row} c = ? AND d IN (?, 'd')`, ['a', half, half], 80_000],
  ['INSERT INTO several (a, b, c, d) VALUES (?, 1, ?, ?)', ['a', half, half], 80_000],
  [`UPDATE several SET v = 1 ${row} c = ? AND d = ? IF EXISTS`, ['a', half, half], null],
]

async function createTables(session: Session): Promise<void> {
  await session.execute('CREATE TABLE single (k text PRIMARY KEY, v int)')
  await session.execute(
    'CREATE TABLE several (a text, b bigint, c text, d text, v int, PRIMARY KEY ((a, b), c, d))',
  )
}

describeOnServers('keys that are too long', (target) => {
  beforeAll(() => createTables(target.session))

  test.each(cases)('%s', async (text, values, length) => {
    const answer = target.session.execute(text, values)
    if (length === null) {
      expect((await answer).rows()).toHaveLength(text.endsWith('IF EXISTS') ? 1 : 0)
    } else {
      await expect(answer).rejects.toMatchObject({
        code: 'TSYLLA_SERVER_INVALID',
        message: `Key length of ${length} is longer than maximum of 65535`,
      })
    }
  })

  test('a conditional write has no limit for its row', async () => {
    await insertAndRead(target.session)
  })
})

/** As Cassandra does it. */
async function insertAndRead(session: Session): Promise<void> {
  const insert = 'INSERT INTO several (a, b, c, d, v) VALUES (?, 1, ?, ?, 7) IF NOT EXISTS'
  const values = ['conditional', half, half]
  expect((await session.execute(insert, values)).applied).toBe(true)
  expect((await session.execute(insert, values)).applied).toBe(false)
  const select = `SELECT c, d, v FROM several ${row} c = ? AND d = ?`
  const found = (await session.execute(select, values)).singleRow()
  expect(found).toMatchObject({ c: half, d: half, v: 7 })
}

test('a row with a long key is found on disk', async () => {
  const path = mkdtempSync(join(tmpdir(), 'tsylla-key-lengths-'))
  const options = { keyspace: 'keys', createKeyspace: true } as const
  try {
    await using db = await embedded({ path })
    await using session = await db.session(options)
    await createTables(session)
    await insertAndRead(session)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})
