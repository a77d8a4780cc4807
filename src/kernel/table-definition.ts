import { quoteIdentifier } from '../cql/index.ts'

/** The server that a CREATE TABLE is written for. */
export interface ServerDialect {
  readonly server: 'cassandra' | 'scylla'
  /** First number of `release_version`, as Cassandra counts. */
  readonly majorVersion: number
}

const portableDialect: ServerDialect = { server: 'cassandra', majorVersion: 3 }

/** A table of a pattern as data, from which its DDL and its upgrades are computed. */
export interface TableDefinition {
  /** With a keyspace before a dot, or in the keyspace of the session. */
  readonly name: string
  /** CQL type of each column by name, `static` included: `'bigint static'`. */
  readonly columns: { readonly [name: string]: string }
  readonly partitionKey: readonly string[]
  /** Order of each clustering column, in the order of the key. Default: none. */
  readonly clusteringKey?: { readonly [name: string]: 'asc' | 'desc' } | undefined
  /**
   * How every row is written. Cells written both ways would be ordered by two different clocks.
   */
  readonly writes: 'conditional' | 'plain'
  /** Longest time that a row lives, in seconds; `undefined` when rows live for ever. */
  readonly ttlSeconds?: number | undefined
  /** Whether rows or cells are deleted before they expire. */
  readonly hasDeletions?: boolean | undefined
  /**
   * `time-window` for rows that are written once, in the order of time, and all expire. Default:
   * that of the server.
   */
  readonly compaction?: 'default' | 'time-window' | undefined
}

/** How long nodes keep the writes for a node that is down (`max_hint_window`, cassandra.yaml). */
const hintWindowSeconds = 10_800

/** ScyllaDB refuses more than 50 (`twcs_max_window_count`); the current and late ones are extra. */
const windowCountMax = 40

/** CREATE TABLE of a definition; it does nothing when the table exists. */
export function createTableText(definition: TableDefinition, dialect: ServerDialect): string {
  const { columns, partitionKey, clusteringKey = {} } = definition
  const clustering = Object.keys(clusteringKey)
  const parts = Object.entries(columns).map(([name, type]) => `${quoteIdentifier(name)} ${type}`)
  const partition = `(${partitionKey.map(quoteIdentifier).join(', ')})`
  const key = [partition, ...clustering.map(quoteIdentifier)].join(', ')
  return `CREATE TABLE IF NOT EXISTS ${tableText(definition.name)} (${parts.join(', ')}, PRIMARY KEY (${key})) WITH ${tableOptions(definition, dialect).join(' AND ')}`
}

/** CREATE TABLE of each definition, with options that every supported server accepts. */
export function tableTexts(definitions: readonly TableDefinition[]): string[] {
  return definitions.map((definition) => createTableText(definition, portableDialect))
}

/** A checked table name as CQL; reserved words are quoted. */
export function tableText(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.')
}

function tableOptions(definition: TableDefinition, dialect: ServerDialect): readonly string[] {
  const { clusteringKey = {}, compaction = 'default', writes, ttlSeconds } = definition
  const options: string[] = []
  // ScyllaDB refuses an order that leaves out clustering columns.
  const order = Object.entries(clusteringKey).map(
    ([name, direction]) => `${quoteIdentifier(name)} ${direction.toUpperCase()}`,
  )
  if (order.length > 0) options.push(`CLUSTERING ORDER BY (${order.join(', ')})`)
  if (compaction === 'time-window' && ttlSeconds !== undefined) {
    const { unit, size } = compactionWindow(ttlSeconds)
    options.push(
      `compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': '${unit}', 'compaction_window_size': '${size}'}`,
    )
  } else if (dialect.server === 'cassandra' && dialect.majorVersion >= 5) {
    // Cassandra recommends it without making it the default. ScyllaDB has its own default.
    options.push("compaction = {'class': 'UnifiedCompactionStrategy'}")
  }
  if (ttlSeconds !== undefined) {
    options.push(gcGraceOption(definition.hasDeletions === true ? ttlSeconds : 0))
    // With tablets ScyllaDB keeps expired rows until a repair, and ignores gc_grace_seconds.
    if (dialect.server === 'scylla') options.push("tombstone_gc = {'mode': 'timeout'}")
  }
  options.push(`comment = 'tsylla: ${writes} writes only'`)
  return options
}

/**
 * The `gc_grace_seconds` of a table whose rows all expire: expired rows need not be kept for the
 * default of ten days. A deletion is kept as long as the longest-lived row that it may hide, so
 * that a node that missed the deletion has lost the row too.
 *
 * @param ttlSeconds longest TTL of a row that may be deleted, 0 when none is
 */
export function gcGraceOption(ttlSeconds: number): string {
  return `gc_grace_seconds = ${Math.max(hintWindowSeconds, ttlSeconds)}`
}

/** The smallest window of which at most {@link windowCountMax} cover the life of a row. */
function compactionWindow(ttlSeconds: number): { readonly unit: string; readonly size: number } {
  for (const [unit, seconds] of [
    ['MINUTES', 60],
    ['HOURS', 3_600],
  ] as const) {
    const size = Math.max(1, Math.ceil(ttlSeconds / seconds / windowCountMax))
    if (unit === 'MINUTES' ? size <= 60 : size <= 24) return { unit, size }
  }
  return { unit: 'DAYS', size: Math.max(1, Math.ceil(ttlSeconds / 86_400 / windowCountMax)) }
}
