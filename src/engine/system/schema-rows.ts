import { cqlTypeText } from '../../types/index.ts'
import type { KeyspaceSchema, TableEntry } from '../catalog/schema.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { SystemRow } from './system-row.ts'

// SchemaKeyspace.makeCreateKeyspaceMutation and what it calls: what each keyspace leaves in
// system_schema.

export function keyspaceRow({ name, replication, durableWrites }: KeyspaceSchema): SystemRow {
  return { keyspace_name: name, durable_writes: durableWrites, replication }
}

export function* tableRows(keyspace: KeyspaceSchema): Generator<SystemRow> {
  for (const { schema, options } of keyspace.tables.values()) {
    yield {
      keyspace_name: keyspace.name,
      table_name: schema.name,
      additional_write_policy: options.additionalWritePolicy,
      allow_auto_snapshot: options.allowAutoSnapshot,
      bloom_filter_fp_chance: options.bloomFilterFpChance,
      caching: options.caching,
      cdc: options.cdc,
      comment: options.comment,
      compaction: options.compaction,
      compression: options.compression,
      crc_check_chance: options.crcCheckChance,
      dclocal_read_repair_chance: 0,
      default_time_to_live: options.defaultTimeToLive,
      extensions: new Map(),
      flags: new Set(schema.isCounter ? ['compound', 'counter'] : ['compound']),
      gc_grace_seconds: options.gcGraceSeconds,
      id: schema.id,
      incremental_backups: options.incrementalBackups,
      max_index_interval: options.maxIndexInterval,
      memtable: options.memtable,
      memtable_flush_period_in_ms: options.memtableFlushPeriodInMs,
      min_index_interval: options.minIndexInterval,
      read_repair: options.readRepair,
      read_repair_chance: 0,
      speculative_retry: options.speculativeRetry,
    }
  }
}

export function* columnRows(keyspace: KeyspaceSchema): Generator<SystemRow> {
  for (const { schema } of keyspace.tables.values()) {
    for (const column of schema.columns.values()) {
      yield {
        keyspace_name: keyspace.name,
        table_name: schema.name,
        column_name: column.name,
        clustering_order: clusteringOrder(column),
        column_name_bytes: Buffer.from(column.name),
        kind: column.kind,
        position: column.position,
        type: cqlTypeText(column.type),
      }
    }
  }
}

function clusteringOrder(column: ColumnSchema): string {
  if (column.kind !== 'clustering') return 'none'
  return column.descending ? 'desc' : 'asc'
}

export function* droppedColumnRows(keyspace: KeyspaceSchema): Generator<SystemRow> {
  for (const { schema } of keyspace.tables.values()) {
    for (const { column, droppedAt } of schema.droppedColumns.values()) {
      yield {
        keyspace_name: keyspace.name,
        table_name: schema.name,
        column_name: column.name,
        dropped_time: droppedAt / 1000n,
        kind: column.kind,
        type: cqlTypeText(column.type),
      }
    }
  }
}

export function* typeRows(keyspace: KeyspaceSchema): Generator<SystemRow> {
  for (const type of keyspace.types.values()) {
    yield {
      keyspace_name: keyspace.name,
      type_name: type.name,
      field_names: type.fields.map((field) => field.name),
      field_types: type.fields.map((field) => cqlTypeText(field.type)),
    }
  }
}

/** Rows of `system_virtual_schema.tables`. */
export function* virtualTableRows(keyspace: KeyspaceSchema): Generator<SystemRow> {
  for (const { schema, options } of keyspace.tables.values() as Iterable<TableEntry>) {
    yield { keyspace_name: keyspace.name, table_name: schema.name, comment: options.comment }
  }
}
