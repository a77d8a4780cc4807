import { configurationError, syntaxError } from '../../errors.ts'
import { ttlSecondsMax } from '../../../types/index.ts'
import { type TableOptions, tableOptionsDefault } from '../table-options.ts'
import {
  booleanProperty,
  checkPropertyNames,
  doubleProperty,
  intProperty,
  mapProperty,
  type PropertyValues,
  stringProperty,
} from './properties.ts'
import { retryPolicyText } from './speculative-retry.ts'

const compactionPackage = 'org.apache.cassandra.db.compaction.'
const compressionPackage = 'org.apache.cassandra.io.compress.'

const knownOptions: ReadonlySet<string> = new Set([
  'additional_write_policy',
  'allow_auto_snapshot',
  'bloom_filter_fp_chance',
  'caching',
  'cdc',
  'comment',
  'compaction',
  'compression',
  'crc_check_chance',
  'default_time_to_live',
  'extensions',
  'gc_grace_seconds',
  'id',
  'incremental_backups',
  'max_index_interval',
  'memtable',
  'memtable_flush_period_in_ms',
  'min_index_interval',
  'read_repair',
  'speculative_retry',
])

/** `base` with the options of a WITH clause. */
export function parseTableOptions(values: PropertyValues, base: TableOptions): TableOptions {
  const compaction = mapProperty(values, 'compaction')
  const bloomFilter = doubleProperty(values, 'bloom_filter_fp_chance')
  const compactionOptions = compaction === undefined ? base.compaction : parseCompaction(compaction)
  const options: TableOptions = {
    additionalWritePolicy: retryPolicy(
      values,
      'additional_write_policy',
      base.additionalWritePolicy,
    ),
    allowAutoSnapshot: booleanProperty(values, 'allow_auto_snapshot') ?? base.allowAutoSnapshot,
    bloomFilterFpChance: bloomFilter ?? defaultBloomFilter(values, compactionOptions, base),
    caching: parseCaching(mapProperty(values, 'caching')) ?? base.caching,
    cdc: booleanProperty(values, 'cdc') ?? base.cdc,
    comment: stringProperty(values, 'comment') ?? base.comment,
    compaction: compactionOptions,
    compression: parseCompression(mapProperty(values, 'compression')) ?? base.compression,
    crcCheckChance: doubleProperty(values, 'crc_check_chance') ?? base.crcCheckChance,
    defaultTimeToLive: intProperty(values, 'default_time_to_live') ?? base.defaultTimeToLive,
    gcGraceSeconds: intProperty(values, 'gc_grace_seconds') ?? base.gcGraceSeconds,
    incrementalBackups: booleanProperty(values, 'incremental_backups') ?? base.incrementalBackups,
    maxIndexInterval: intProperty(values, 'max_index_interval') ?? base.maxIndexInterval,
    memtable: parseMemtable(stringProperty(values, 'memtable')) ?? base.memtable,
    memtableFlushPeriodInMs:
      intProperty(values, 'memtable_flush_period_in_ms') ?? base.memtableFlushPeriodInMs,
    minIndexInterval: intProperty(values, 'min_index_interval') ?? base.minIndexInterval,
    readRepair: parseReadRepair(stringProperty(values, 'read_repair')) ?? base.readRepair,
    speculativeRetry: retryPolicy(values, 'speculative_retry', base.speculativeRetry),
  }
  return options
}

/** What Cassandra checks only of a table that is really made. */
export function checkTableOptions(values: PropertyValues, options: TableOptions): void {
  checkPropertyNames(values, knownOptions)
  checkCompaction(options.compaction)
  checkCompression(options.compression)
  checkRanges(options)
}

/** Leveled compaction comes with another default (TableParams.Builder). */
function defaultBloomFilter(
  values: PropertyValues,
  compaction: ReadonlyMap<string, string>,
  base: TableOptions,
): number {
  const isLeveled = compaction.get('class')?.endsWith('LeveledCompactionStrategy') === true
  const isDefault = base.bloomFilterFpChance === tableOptionsDefault.bloomFilterFpChance
  return isLeveled && isDefault && values.has('compaction') ? 0.1 : base.bloomFilterFpChance
}

function retryPolicy(values: PropertyValues, name: string, base: string): string {
  const text = stringProperty(values, name)
  return text === undefined ? base : retryPolicyText(text)
}

function parseCaching(
  caching: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> | undefined {
  if (caching === undefined) return undefined
  const unknown = [...caching.keys()].filter((k) => k !== 'keys' && k !== 'rows_per_partition')
  if (unknown.length > 0) {
    throw configurationError(
      `Invalid caching sub-options [${unknown.join(', ')}]: only 'keys' and 'rows_per_partition' are allowed`,
    )
  }
  const keys = (caching.get('keys') ?? 'ALL').toUpperCase()
  if (keys !== 'ALL' && keys !== 'NONE') {
    throw configurationError(
      `Invalid value '${caching.get('keys')}' for caching sub-option 'keys': only 'ALL' and 'NONE' are allowed`,
    )
  }
  const rows = (caching.get('rows_per_partition') ?? 'NONE').toUpperCase()
  if (rows !== 'ALL' && rows !== 'NONE' && !/^\d+$/.test(rows)) {
    throw configurationError(
      `Invalid value '${rows}' for caching sub-option 'rows_per_partition': only 'ALL', 'NONE', and integer values are allowed`,
    )
  }
  return new Map([
    ['keys', keys],
    ['rows_per_partition', rows],
  ])
}

const compactionOptions: { readonly [strategy: string]: readonly string[] } = {
  SizeTieredCompactionStrategy: ['min_sstable_size', 'bucket_low', 'bucket_high'],
  LeveledCompactionStrategy: ['sstable_size_in_mb', 'fanout_size', 'single_sstable_uplevel'],
  TimeWindowCompactionStrategy: [
    'compaction_window_unit',
    'compaction_window_size',
    'timestamp_resolution',
    'expired_sstable_check_frequency_seconds',
    'unsafe_aggressive_sstable_expiration',
    'min_sstable_size',
    'bucket_low',
    'bucket_high',
  ],
  UnifiedCompactionStrategy: [
    'scaling_parameters',
    'target_sstable_size',
    'min_sstable_size',
    'flush_size_override',
    'base_shard_count',
    'max_sstables_to_compact',
    'overlap_inclusion_method',
    'sstable_growth',
    'expired_sstable_check_frequency_seconds',
    'unsafe_aggressive_sstable_expiration',
  ],
}
const compactionOptionsCommon = [
  'class',
  'enabled',
  'max_threshold',
  'min_threshold',
  'tombstone_threshold',
  'tombstone_compaction_interval',
  'unchecked_tombstone_compaction',
  'only_purge_repaired_tombstones',
  'log_all',
  'provide_overlapping_tombstones',
]

function parseCompaction(options: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const given = options.get('class')
  if (given === undefined) {
    throw configurationError("Missing sub-option 'class' for the 'compaction' option")
  }
  const strategy = given.startsWith(compactionPackage)
    ? given.slice(compactionPackage.length)
    : given
  if (compactionOptions[strategy] === undefined) {
    const className = given.includes('.') ? given : compactionPackage + given
    throw configurationError(`Unable to find compaction strategy class '${className}'`)
  }
  const thresholds: [string, string][] =
    strategy === 'UnifiedCompactionStrategy'
      ? []
      : [
          ['max_threshold', '32'],
          ['min_threshold', '4'],
        ]
  return sorted(new Map([...thresholds, ...options, ['class', compactionPackage + strategy]]))
}

function checkCompaction(options: ReadonlyMap<string, string>): void {
  const strategy = options.get('class')!.slice(compactionPackage.length)
  const own = compactionOptions[strategy] ?? []
  const unknown = [...options.keys()].filter(
    (name) => !own.includes(name) && !compactionOptionsCommon.includes(name),
  )
  if (unknown.length > 0) {
    throw configurationError(
      `Properties specified [${unknown.join(', ')}] are not understood by ${strategy}`,
    )
  }
}

function checkCompression(options: ReadonlyMap<string, string>): void {
  const chunk = options.get('chunk_length_in_kb')
  if (chunk === undefined) return
  const chunkKb = Number(chunk)
  if (chunkKb <= 0 || (chunkKb & (chunkKb - 1)) !== 0) {
    throw configurationError('chunk_length_in_kb must be a power of 2')
  }
}

const compressors = [
  'LZ4Compressor',
  'SnappyCompressor',
  'DeflateCompressor',
  'ZstdCompressor',
  'NoopCompressor',
]

function parseCompression(
  options: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> | undefined {
  if (options === undefined) return undefined
  if (options.size === 0 || options.get('enabled')?.toLowerCase() === 'false') {
    return new Map([['enabled', 'false']])
  }
  const given = options.get('class')
  if (given === undefined) {
    throw configurationError("Missing sub-option 'class' for the 'compression' option.")
  }
  const name = given.startsWith(compressionPackage) ? given.slice(compressionPackage.length) : given
  if (!compressors.includes(name)) {
    const className = given.includes('.') ? given : compressionPackage + given
    throw configurationError(`Could not create Compression for type ${className}`)
  }
  const chunk = options.get('chunk_length_in_kb') ?? '16'
  if (!/^\d+$/.test(chunk)) {
    throw configurationError(`Invalid value for chunk_length_in_kb: ${chunk}`)
  }
  const rest = new Map(options)
  rest.delete('enabled')
  return sorted(
    new Map([...rest, ['class', compressionPackage + name], ['chunk_length_in_kb', chunk]]),
  )
}

function parseMemtable(name: string | undefined): string | undefined {
  if (name === undefined || name === 'default') return undefined
  throw configurationError(`Memtable configuration "${name}" not found.`)
}

function parseReadRepair(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const value = text.toUpperCase()
  if (value === 'NONE' || value === 'BLOCKING') return value
  throw syntaxError(`Invalid value ${text} for option 'read_repair'`)
}

function sorted(map: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

/** A double as Java prints it. */
function javaDouble(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

function checkRanges(options: TableOptions): void {
  const fail = (name: string, rule: string, got: string | number): never => {
    throw configurationError(`${name} must be ${rule} (got ${got})`)
  }
  const { bloomFilterFpChance, crcCheckChance, defaultTimeToLive, gcGraceSeconds } = options
  if (!(bloomFilterFpChance > 6.71e-5 && bloomFilterFpChance <= 1)) {
    const rule = 'larger than 6.71E-5 and less than or equal to 1.0'
    fail('bloom_filter_fp_chance', rule, javaDouble(bloomFilterFpChance))
  }
  if (!(crcCheckChance >= 0 && crcCheckChance <= 1)) {
    const rule = 'larger than or equal to 0 and smaller than or equal to 1.0'
    fail('crc_check_chance', rule, javaDouble(crcCheckChance))
  }
  if (defaultTimeToLive < 0) {
    fail('default_time_to_live', 'greater than or equal to 0', defaultTimeToLive)
  }
  if (defaultTimeToLive > ttlSecondsMax) {
    fail('default_time_to_live', `less than or equal to ${ttlSecondsMax}`, defaultTimeToLive)
  }
  if (gcGraceSeconds < 0) fail('gc_grace_seconds', 'greater than or equal to 0', gcGraceSeconds)
  const { minIndexInterval, maxIndexInterval, memtableFlushPeriodInMs } = options
  if (minIndexInterval < 1) {
    fail('min_index_interval', 'greater than or equal to 1', minIndexInterval)
  }
  if (maxIndexInterval < minIndexInterval) {
    const rule = `greater than or equal to min_index_interval (${minIndexInterval})`
    fail('max_index_interval', rule, maxIndexInterval)
  }
  if (memtableFlushPeriodInMs < 0) {
    fail('memtable_flush_period_in_ms', 'greater than or equal to 0', memtableFlushPeriodInMs)
  }
}
