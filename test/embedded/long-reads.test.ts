import { expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { Batch, type Session } from '../../src/index.ts'

const rowCount = 200_000
const batchRows = 2_000
/** A read gives way at the latest after so many rows (src/engine/execute). */
const rowsPerTurnMax = 2_000

test('a COUNT of many rows yields to other requests every 2,000 rows', async () => {
  const db = await embedded()
  const session = await db.session({
    keyspace: 'k',
    createKeyspace: true,
    requestTimeoutMs: 120_000,
  })
  await session.execute('CREATE TABLE t (p int, c int, v int, PRIMARY KEY (p, c))')
  await fill(session)
  const turnCount = countTurns()
  const counted = session.execute<{ count: bigint }>('SELECT count(*) FROM t')
  let isCounting = true
  const reading = readWhile(session, () => isCounting)
  const { count } = (await counted).singleRow()
  isCounting = false
  expect(count).toBe(BigInt(rowCount))
  expect(turnCount()).toBeGreaterThanOrEqual(rowCount / rowsPerTurnMax)
  // A read of one row takes at most a few turns, so it is answered long before the count.
  expect(await reading).toBeGreaterThan(10)
  await session.close()
  await db.close()
}, 90_000)

async function fill(session: Session): Promise<void> {
  const insert = await session.prepare('INSERT INTO t (p, c, v) VALUES (?, ?, ?)')
  let batch = new Batch('unlogged')
  for (let i = 0; i < batchRows; i++) batch = batch.appendPrepared(insert)
  for (let p = 0; p < rowCount / batchRows; p++) {
    await session.batch(
      batch,
      Array.from({ length: batchRows }, (_, c) => [p, c, c]),
    )
  }
}

/** Counts the turns of the event loop until the returned function is called. */
function countTurns(): () => number {
  let count = 0
  let isActive = true
  const turn = (): void => {
    count++
    if (isActive) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isActive = false
    return count
  }
}

async function readWhile(session: Session, isActive: () => boolean): Promise<number> {
  let readCount = 0
  for (; isActive(); readCount++) await session.execute('SELECT v FROM t WHERE p = 7 AND c = 7')
  return readCount
}
