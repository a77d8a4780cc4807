import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { Batch } from '../../src/index.ts'

const rowCount = 1_000_000
const batchRows = 2_000

test('a COUNT of a million rows delays nobody for 50 ms', async () => {
  const db = await embedded()
  const session = await db.session({
    keyspace: 'k',
    createKeyspace: true,
    requestTimeoutMs: 120_000,
  })
  await session.execute('CREATE TABLE t (p int, c int, v int, PRIMARY KEY (p, c))')
  const insert = await session.prepare('INSERT INTO t (p, c, v) VALUES (?, ?, ?)')
  let batch = new Batch('unlogged')
  for (let i = 0; i < batchRows; i++) batch = batch.appendPrepared(insert)
  for (let from = 0; from < rowCount; from += batchRows) {
    const p = from / batchRows
    await session.batch(
      batch,
      Array.from({ length: batchRows }, (_, c) => [p, c, c]),
    )
  }
  const delay = monitorEventLoopDelay({ resolution: 5 })
  const started = session.execute<{ count: bigint }>('SELECT count(*) FROM t')
  delay.enable()
  let pointReads = 0
  let isCounting = true
  const reads = (async () => {
    while (isCounting) {
      await session.execute('SELECT v FROM t WHERE p = 7 AND c = 7')
      pointReads++
    }
  })()
  const { count } = (await started).singleRow()
  delay.disable()
  isCounting = false
  await reads
  expect(count).toBe(BigInt(rowCount))
  expect(delay.max / 1e6).toBeLessThan(50)
  expect(pointReads).toBeGreaterThan(100)
  await session.close()
  await db.close()
}, 90_000)
