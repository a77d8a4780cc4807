/** Options of a table as `system_schema.tables` shows them (TableParams). */
export interface TableOptions {
  readonly additionalWritePolicy: string
  readonly allowAutoSnapshot: boolean | undefined
  readonly bloomFilterFpChance: number
  readonly caching: ReadonlyMap<string, string>
  readonly cdc: boolean | undefined
  readonly comment: string
  readonly compaction: ReadonlyMap<string, string>
  readonly compression: ReadonlyMap<string, string>
  readonly crcCheckChance: number
  readonly defaultTimeToLive: number
  readonly gcGraceSeconds: number
  readonly incrementalBackups: boolean | undefined
  readonly maxIndexInterval: number
  readonly memtable: string | undefined
  readonly memtableFlushPeriodInMs: number
  readonly minIndexInterval: number
  readonly readRepair: string
  readonly speculativeRetry: string
}

export const tableOptionsDefault: TableOptions = Object.freeze({
  additionalWritePolicy: '99p',
  allowAutoSnapshot: undefined,
  bloomFilterFpChance: 0.01,
  caching: new Map([
    ['keys', 'ALL'],
    ['rows_per_partition', 'NONE'],
  ]),
  cdc: undefined,
  comment: '',
  compaction: new Map([
    ['class', 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy'],
    ['max_threshold', '32'],
    ['min_threshold', '4'],
  ]),
  compression: new Map([
    ['chunk_length_in_kb', '16'],
    ['class', 'org.apache.cassandra.io.compress.LZ4Compressor'],
  ]),
  crcCheckChance: 1,
  defaultTimeToLive: 0,
  gcGraceSeconds: 864_000,
  incrementalBackups: undefined,
  maxIndexInterval: 2048,
  memtable: undefined,
  memtableFlushPeriodInMs: 0,
  minIndexInterval: 128,
  readRepair: 'BLOCKING',
  speculativeRetry: '99p',
})
