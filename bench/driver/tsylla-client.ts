import { AsyncLocalStorage } from 'node:async_hooks'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Registry } from 'prom-client'
import type * as tsylla from 'tsylla'
import { TsyllaCollector } from 'tsylla/adapters/prometheus'
import {
  batchRowCount,
  type BenchClient,
  type BenchRow,
  insertTime,
  insertValues,
  name,
  readRow,
  selectIdCount,
  statements,
} from './workload.ts'

/** What is switched on, and how the session is used. */
const variants = {
  prepared: 'executePrepared',
  text: 'execute(text, values)',
  tls: 'with TLS',
  lz4: 'with LZ4',
  v5: 'with protocol v5',
  als: 'with AsyncLocalStorage',
  metrics: 'with metrics for Prometheus',
} as const
export type TsyllaVariant = keyof typeof variants

/**
 * Opens tsylla in one of its variants. `checkout` is the folder of another built checkout, whose
 * package is measured instead of this one.
 */
export async function openTsylla(
  address: string,
  variant: TsyllaVariant,
  checkout?: string,
): Promise<BenchClient> {
  const entry = checkout && pathToFileURL(`${checkout}/dist/index.mjs`).href
  const { Batch, Session, Statement }: typeof tsylla = await import(entry ?? 'tsylla')
  const session = await Session.connect([address], {
    protocolVersionMax: variant === 'v5' ? 5 : 4,
    ...(variant === 'lz4' ? { compression: 'lz4' } : {}),
    ...(variant === 'tls' ? { tls: { ca: readFileSync(process.env['RESPONDER_CA']!) } } : {}),
  })
  if (variant === 'als') new AsyncLocalStorage<object>().enterWith({})
  if (variant === 'metrics') new TsyllaCollector({ registry: new Registry() }).add(session)
  const byText = variant === 'text'
  const [insert, select, page] = await Promise.all([
    session.prepare(statements.insert.text),
    session.prepare(statements.select.text),
    session.prepare(statements.page.text),
  ])
  let batch = new Batch('unlogged')
  for (let i = 0; i < batchRowCount; i++) {
    batch = byText
      ? batch.appendStatement(new Statement(statements.insert.text))
      : batch.append(insert)
  }
  return {
    name: `tsylla ${variants[variant]}${checkout ? ', before' : ''}`,
    insert: byText
      ? (i) => session.execute(statements.insert.text, insertValues(i))
      : (i) => session.executePrepared(insert, insertValues(i)),
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
    async columns() {
      const result = await session.executePrepared(page, [-1n])
      return readColumns(result.toColumns())
    },
    batch(i) {
      const id = BigInt(i)
      const values = []
      for (let row = 0; row < batchRowCount; row++) values.push([id, name, row, 1.5, insertTime])
      return session.batch(batch, values)
    },
    close: () => session.close(),
  }
}

/** Decodes every column of a page. */
function readColumns(columns: tsylla.ColumnarRows): number {
  columns.bigInt64('id')
  columns.dictionary('name')
  columns.int32('count')
  columns.float64('score')
  columns.float64('at')
  columns.dictionary('ref')
  return columns.length
}
