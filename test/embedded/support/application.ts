import { embedded, type EmbeddedOptions } from '../../../src/embedded.ts'
import { Batch } from '../../../src/index.ts'

/** What an application does with a database, from opening it to closing it. */
export async function live(options: EmbeddedOptions): Promise<bigint> {
  const db = await embedded(options)
  const session = await db.session({ keyspace: 'k', createKeyspace: true })
  await session.execute('CREATE TABLE t (p int, c int, v text, PRIMARY KEY (p, c))')
  const insert = await session.prepare('INSERT INTO t (p, c, v) VALUES (?, ?, ?)')
  for (let p = 0; p < 5; p++) {
    let batch = new Batch('unlogged')
    for (let c = 0; c < 500; c++) batch = batch.appendPrepared(insert)
    await session.batch(
      batch,
      Array.from({ length: 500 }, (_, c) => [p, c, `value ${c}`]),
    )
  }
  await Promise.all(
    Array.from({ length: 300 }, (_, c) => session.executePrepared(insert, [9, c, 'x'])),
  )
  let rowCount = 0
  for await (const row of session.stream('SELECT * FROM t')) if (row !== undefined) rowCount++
  if (rowCount !== 2_800) throw new Error(`${rowCount} rows`)
  const { count } = (await session.execute<{ count: bigint }>('SELECT count(*) FROM t')).singleRow()
  await session.execute('TRUNCATE t')
  await session.execute('DROP TABLE t')
  const fork = await db.fork()
  await fork.close()
  await session.close()
  await db.close()
  return count
}
