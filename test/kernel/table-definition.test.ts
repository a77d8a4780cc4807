import { expect, test } from 'vitest'
import { planTables, type TableDefinition } from '../../src/kernel/index.ts'
import { createTableText } from '../../src/kernel/table-definition.ts'
import { type Executor, wrapExecutor } from '../../src/index.ts'
import { embedded } from '../../src/embedded.ts'

const points: TableDefinition = {
  name: 'points',
  columns: { name: 'text', bucket: 'bigint', ts: 'timestamp', select: 'int static' },
  partitionKey: ['name', 'bucket'],
  clusteringKey: { ts: 'desc' },
  writes: 'plain',
  ttlSeconds: 604_800,
  compaction: 'time-window',
}
const scylla = { server: 'scylla', majorVersion: 3 } as const

function optionsOf(text: string): readonly string[] {
  return text.slice(text.indexOf(' WITH ') + 6).split(' AND ')
}

test('a table has the options that its server knows', () => {
  const text = createTableText(points, scylla)
  expect(text).toContain(
    'CREATE TABLE IF NOT EXISTS points (name text, bucket bigint, ts timestamp, "select" int static, PRIMARY KEY ((name, bucket), ts)) WITH ',
  )
  const common = [
    'CLUSTERING ORDER BY (ts DESC)',
    "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '5'}",
    'gc_grace_seconds = 10800',
  ]
  const comment = "comment = 'tsylla: plain writes only'"
  expect(optionsOf(text)).toEqual([...common, "tombstone_gc = {'mode': 'timeout'}", comment])
  for (const majorVersion of [3, 4, 5]) {
    const ofCassandra = createTableText(points, { server: 'cassandra', majorVersion })
    expect(optionsOf(ofCassandra)).toEqual([...common, comment])
  }
})

test('tables that are rewritten have the compaction that the server recommends', () => {
  const { clusteringKey: _, compaction: __, ttlSeconds: ___, ...rest } = points
  const locks: TableDefinition = { ...rest, writes: 'conditional' }
  const comment = "comment = 'tsylla: conditional writes only'"
  expect(optionsOf(createTableText(locks, scylla))).toEqual([comment])
  expect(optionsOf(createTableText(locks, { server: 'cassandra', majorVersion: 4 }))).toEqual([
    comment,
  ])
  expect(optionsOf(createTableText(locks, { server: 'cassandra', majorVersion: 5 }))).toEqual([
    "compaction = {'class': 'UnifiedCompactionStrategy'}",
    comment,
  ])
})

test.each([
  [1, 'MINUTES', 1],
  [3_600, 'MINUTES', 2],
  [86_400, 'MINUTES', 36],
  [7 * 86_400, 'HOURS', 5],
  [40 * 86_400, 'HOURS', 24],
  [365 * 86_400, 'DAYS', 10],
])('rows of %d s have windows of their own, at most 40', (ttlSeconds, unit, size) => {
  const text = createTableText({ ...points, ttlSeconds }, scylla)
  expect(text).toContain(`'compaction_window_unit': '${unit}', 'compaction_window_size': '${size}'`)
  const unitSeconds = { MINUTES: 60, HOURS: 3_600, DAYS: 86_400 }[unit as 'DAYS']
  expect(ttlSeconds / unitSeconds / size).toBeLessThanOrEqual(40)
})

test('deletions are kept as long as the rows they hide', () => {
  const text = createTableText({ ...points, hasDeletions: true }, scylla)
  expect(text).toContain('gc_grace_seconds = 604800')
})

/** Reports itself as ScyllaDB does: a version of Cassandra, and a table of its own. */
function asScylla(executor: Executor): Executor {
  return wrapExecutor(executor, (call, next) => {
    const isQuestion = call.verb === 'execute' && String(call.statement).includes('scylla_local')
    if (!isQuestion) return next(call)
    return next({ ...call, statement: 'SELECT key FROM system.local', values: [] })
  })
}

test('ScyllaDB is found by its own table', async () => {
  await using db = await embedded()
  await using session = await db.session({ keyspace: 'app', createKeyspace: true })
  const owner = { tableDefinitions: () => [points] }
  const [ofEngine] = await planTables(session, [owner])
  const [ofScylla] = await planTables(asScylla(session), [owner])
  expect(ofEngine?.statement).not.toContain('tombstone_gc')
  expect(ofScylla?.statement).toContain('tombstone_gc')
})
