import { Session } from 'tsylla'
import { pageRowCount, selectIdCount, statements } from './workload.ts'

/** Creates the table of the benchmark on a real server, with the rows that its statements read. */
export async function fill(address: string): Promise<void> {
  const session = await Session.connect([address], {
    keyspace: 'bench',
    createKeyspace: true,
    requestTimeoutMs: 60_000,
  })
  await session.execute('DROP TABLE IF EXISTS bench.t')
  await session.execute(
    'CREATE TABLE bench.t (id bigint, name text, count int, score double, at timestamp, ref uuid, PRIMARY KEY (id, count))',
  )
  const insert = await session.prepare(statements.insert.text)
  const page = await session.prepare(
    'INSERT INTO bench.t (id, name, count, score, at, ref) VALUES (-1, ?, ?, ?, ?, uuid())',
  )
  const name = 'a name of 20 letters'
  const at = new Date(1_700_000_000_000)
  await Promise.all(
    Array.from({ length: selectIdCount }, (_, i) =>
      session.executePrepared(insert, [BigInt(i), name, i & 0xffff, 1.5, at]),
    ),
  )
  await Promise.all(
    Array.from({ length: pageRowCount }, (_, i) =>
      session.executePrepared(page, [name, i, 1.5, at]),
    ),
  )
  await session.close()
}
