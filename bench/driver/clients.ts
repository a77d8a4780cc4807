import { pathToFileURL } from 'node:url'
import cassandra from 'cassandra-driver'
import type * as tsylla from 'tsylla'
import {
  batchRowCount,
  type BenchClient,
  type BenchRow,
  readRow,
  selectIdCount,
  statements,
} from './workload.ts'

const name = 'a name of 20 letters'

/**
 * Opens tsylla, used through `executePrepared` or through `execute(text, values)`. `checkout` is
 * the folder of another built checkout, whose package is measured instead of this one.
 */
export async function openTsylla(
  address: string,
  byText: boolean,
  checkout?: string,
): Promise<BenchClient> {
  const entry = checkout && pathToFileURL(`${checkout}/dist/index.mjs`).href
  const { Batch, SessionBuilder, Statement }: typeof tsylla = await import(entry ?? 'tsylla')
  const session = await new SessionBuilder().knownNode(address).build()
  const [insert, select, page] = await Promise.all([
    session.prepare(statements.insert.text),
    session.prepare(statements.select.text),
    session.prepare(statements.page.text),
  ])
  const at = new Date(1_700_000_000_000)
  let batch = new Batch('unlogged')
  for (let i = 0; i < batchRowCount; i++) {
    batch = byText
      ? batch.appendStatement(new Statement(statements.insert.text))
      : batch.append(insert)
  }
  return {
    name: `tsylla ${byText ? 'execute(text, values)' : 'executePrepared'}${checkout ? ', before' : ''}`,
    insert: byText
      ? (i) => session.execute(statements.insert.text, [BigInt(i), name, i & 0xffff, 1.5, at])
      : (i) => session.executePrepared(insert, [BigInt(i), name, i & 0xffff, 1.5, at]),
    async select(i) {
      const values = [BigInt(i % selectIdCount)]
      const result = byText
        ? await session.execute<BenchRow>(statements.select.text, values)
        : await session.executePrepared<BenchRow>(select, values)
      return readRow(result.firstRow()!)
    },
    async page() {
      const result = await session.executePrepared<BenchRow>(page, [-1n])
      let count = 0
      for (const row of result.rows()) if (readRow(row) && row.ref) count++
      return count
    },
    batch(i) {
      const values = []
      for (let row = 0; row < batchRowCount; row++) values.push([BigInt(i), name, row, 1.5, at])
      return session.batch(batch, values)
    },
    close: () => session.close(),
  }
}

export async function openCassandraDriver(address: string): Promise<BenchClient> {
  const client = new cassandra.Client({
    contactPoints: [address],
    localDataCenter: address.endsWith(':9042') ? 'datacenter1' : 'dc1',
    encoding: { useBigIntAsLong: true },
    pooling: { maxRequestsPerConnection: 2048 },
  })
  await client.connect()
  const at = new Date(1_700_000_000_000)
  const options = { prepare: true, fetchSize: 5_000 }
  return {
    name: 'cassandra-driver',
    insert: (i) =>
      client.execute(statements.insert.text, [BigInt(i), name, i & 0xffff, 1.5, at], options),
    async select(i) {
      const result = await client.execute(
        statements.select.text,
        [BigInt(i % selectIdCount)],
        options,
      )
      return readRow(result.first() as unknown as BenchRow)
    },
    async page() {
      const result = await client.execute(statements.page.text, [-1n], options)
      let count = 0
      for (const row of result.rows as unknown as BenchRow[]) if (readRow(row) && row.ref) count++
      return count
    },
    batch(i) {
      const query = statements.insert.text
      const queries = []
      for (let row = 0; row < batchRowCount; row++) {
        queries.push({ query, params: [BigInt(i), name, row, 1.5, at] })
      }
      return client.batch(queries, { prepare: true, logged: false })
    },
    close: () => client.shutdown(),
  }
}
