/** A table of the node itself, as Cassandra 5.0.9 declares it. */
export interface SystemTableDefinition {
  readonly keyspace: string
  /** `name (columns, PRIMARY KEY …)`, without CREATE TABLE. */
  readonly cql: string
  /** UUID of the table, the same on every node. */
  readonly id: string
  readonly comment: string
}

export interface SystemKeyspaceDefinition {
  readonly name: string
  readonly replication: ReadonlyMap<string, string>
  /** Listed in `system_virtual_schema` instead of `system_schema`. */
  readonly isVirtual: boolean
  /** Options every table of the keyspace has. */
  readonly options: string
}

const locator = 'org.apache.cassandra.locator.'
const local: ReadonlyMap<string, string> = new Map([['class', `${locator}LocalStrategy`]])
const flushHourly = 'memtable_flush_period_in_ms = 3600000'

/** SystemKeyspace, SchemaKeyspace, TraceKeyspace, VirtualSchemaKeyspace, SystemViewsKeyspace. */
export const systemKeyspaceDefinitions: readonly SystemKeyspaceDefinition[] = [
  {
    name: 'system',
    replication: local,
    isVirtual: false,
    options: `gc_grace_seconds = 0 AND ${flushHourly}`,
  },
  {
    name: 'system_schema',
    replication: local,
    isVirtual: false,
    options: `gc_grace_seconds = 604800 AND ${flushHourly}`,
  },
  {
    name: 'system_traces',
    replication: new Map([
      ['class', `${locator}SimpleStrategy`],
      ['replication_factor', '2'],
    ]),
    isVirtual: false,
    options: 'gc_grace_seconds = 0',
  },
  { name: 'system_virtual_schema', replication: local, isVirtual: true, options: '' },
  { name: 'system_views', replication: local, isVirtual: true, options: '' },
]

function table(keyspace: string, id: string, comment: string, cql: string): SystemTableDefinition {
  return { keyspace, id, comment, cql }
}

const tableOptionColumns = `additional_write_policy text, allow_auto_snapshot boolean,
  bloom_filter_fp_chance double, caching frozen<map<text, text>>, cdc boolean, comment text,
  compaction frozen<map<text, text>>, compression frozen<map<text, text>>,
  crc_check_chance double, dclocal_read_repair_chance double, default_time_to_live int,
  extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid,
  incremental_backups boolean, max_index_interval int, memtable text,
  memtable_flush_period_in_ms int, min_index_interval int, read_repair text,
  read_repair_chance double, speculative_retry text`

const systemTables: readonly SystemTableDefinition[] = [
  table(
    'system',
    '7ad54392-bcdd-35a6-8417-4e047860b377',
    'information about the local node',
    `local (key text PRIMARY KEY, bootstrapped text, broadcast_address inet, broadcast_port int,
      cluster_name text, cql_version text, data_center text, gossip_generation int, host_id uuid,
      listen_address inet, listen_port int, native_protocol_version text, partitioner text,
      rack text, release_version text, rpc_address inet, rpc_port int, schema_version uuid,
      tokens set<text>, truncated_at map<uuid, blob>)`,
  ),
  table(
    'system',
    '37f71aca-7dc2-383b-a706-72528af04d4f',
    'information about known peers in the cluster',
    `peers (peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text,
      release_version text, rpc_address inet, schema_version uuid, tokens set<text>)`,
  ),
  table(
    'system',
    'c4325fbb-8e5e-3baf-bd07-0f9250ed818e',
    'information about known peers in the cluster',
    `peers_v2 (peer inet, peer_port int, data_center text, host_id uuid, native_address inet,
      native_port int, preferred_ip inet, preferred_port int, rack text, release_version text,
      schema_version uuid, tokens set<text>, PRIMARY KEY (peer, peer_port))`,
  ),
  table(
    'system',
    '4b3c50a9-ea87-3d76-9101-6dbc9c38494a',
    'built views',
    `built_views (keyspace_name text, view_name text, status_replicated boolean,
      PRIMARY KEY (keyspace_name, view_name))`,
  ),
  table(
    'system',
    '9f5c6374-d485-3229-9a0a-5094af9ad1e3',
    'built column indexes',
    `"IndexInfo" (table_name text, index_name text, value blob,
      PRIMARY KEY (table_name, index_name))`,
  ),
  table(
    'system',
    '618f817b-005f-3678-b8a4-53f3930b8e86',
    'per-table primary range size estimates, table is deprecated in favor of table_estimates',
    `size_estimates (keyspace_name text, table_name text, range_start text, range_end text,
      mean_partition_size bigint, partitions_count bigint,
      PRIMARY KEY (keyspace_name, table_name, range_start, range_end))`,
  ),
  table(
    'system',
    '176c39cd-b93d-33a5-a218-8eb06a56f66e',
    'per-table range size estimates',
    `table_estimates (keyspace_name text, table_name text, range_type text, range_start text,
      range_end text, mean_partition_size bigint, partitions_count bigint,
      PRIMARY KEY (keyspace_name, table_name, range_type, range_start, range_end))`,
  ),
  table(
    'system',
    '18a9c257-6a0c-3841-ba71-8cd529849fef',
    'prepared statements',
    'prepared_statements (prepared_id blob PRIMARY KEY, logged_keyspace text, query_string text)',
  ),
]

const schemaTables: readonly SystemTableDefinition[] = [
  table(
    'system_schema',
    'abac5682-dea6-31c5-b535-b3d6cffd0fb6',
    'keyspace definitions',
    `keyspaces (keyspace_name text PRIMARY KEY, durable_writes boolean,
      replication frozen<map<text, text>>)`,
  ),
  table(
    'system_schema',
    'afddfb9d-bc1e-3068-8056-eed6c302ba09',
    'table definitions',
    `tables (keyspace_name text, table_name text, ${tableOptionColumns},
      flags frozen<set<text>>, PRIMARY KEY (keyspace_name, table_name))`,
  ),
  table(
    'system_schema',
    '24101c25-a2ae-3af7-87c1-b40ee1aca33f',
    'column definitions',
    `columns (keyspace_name text, table_name text, column_name text, clustering_order text,
      column_name_bytes blob, kind text, position int, type text,
      PRIMARY KEY (keyspace_name, table_name, column_name))`,
  ),
  table(
    'system_schema',
    '738cc5ed-0168-3268-b9d1-853d4bc278af',
    'column dynamic data masks',
    `column_masks (keyspace_name text, table_name text, column_name text,
      function_argument_nulls frozen<list<boolean>>, function_argument_types frozen<list<text>>,
      function_argument_values frozen<list<text>>, function_keyspace text, function_name text,
      PRIMARY KEY (keyspace_name, table_name, column_name))`,
  ),
  table(
    'system_schema',
    '5e7583b5-f3f4-3af1-9a39-b7e1d6f5f11f',
    'dropped column registry',
    `dropped_columns (keyspace_name text, table_name text, column_name text,
      dropped_time timestamp, kind text, type text,
      PRIMARY KEY (keyspace_name, table_name, column_name))`,
  ),
  table(
    'system_schema',
    '4df70b66-6b05-3251-95a1-32b54005fd48',
    'trigger definitions',
    `triggers (keyspace_name text, table_name text, trigger_name text,
      options frozen<map<text, text>>, PRIMARY KEY (keyspace_name, table_name, trigger_name))`,
  ),
  table(
    'system_schema',
    '9786ac1c-dd58-3201-a7cd-ad556410c985',
    'view definitions',
    `views (keyspace_name text, view_name text, ${tableOptionColumns}, base_table_id uuid,
      base_table_name text, include_all_columns boolean, where_clause text,
      PRIMARY KEY (keyspace_name, view_name))`,
  ),
  table(
    'system_schema',
    '0feb57ac-311f-382f-ba6d-9024d305702f',
    'secondary index definitions',
    `indexes (keyspace_name text, table_name text, index_name text, kind text,
      options frozen<map<text, text>>, PRIMARY KEY (keyspace_name, table_name, index_name))`,
  ),
  table(
    'system_schema',
    '5a8b1ca8-6602-3f77-a045-9273d308917a',
    'user defined type definitions',
    `types (keyspace_name text, type_name text, field_names frozen<list<text>>,
      field_types frozen<list<text>>, PRIMARY KEY (keyspace_name, type_name))`,
  ),
  table(
    'system_schema',
    '96489b79-80be-3e14-a701-66a0b9159450',
    'user defined function definitions',
    `functions (keyspace_name text, function_name text, argument_types frozen<list<text>>,
      argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text,
      return_type text, PRIMARY KEY (keyspace_name, function_name, argument_types))`,
  ),
  table(
    'system_schema',
    '924c5587-2e3a-345b-b10c-12f37c1ba895',
    'user defined aggregate definitions',
    `aggregates (keyspace_name text, aggregate_name text, argument_types frozen<list<text>>,
      final_func text, initcond text, return_type text, state_func text, state_type text,
      PRIMARY KEY (keyspace_name, aggregate_name, argument_types))`,
  ),
]

const traceTables: readonly SystemTableDefinition[] = [
  table(
    'system_traces',
    'c5e99f16-8677-3914-b17e-960613512345',
    'tracing sessions',
    `sessions (session_id uuid PRIMARY KEY, client inet, command text, coordinator inet,
      coordinator_port int, duration int, parameters map<text, text>, request text,
      started_at timestamp)`,
  ),
  table(
    'system_traces',
    '8826e8e9-e16a-3728-8753-3bc1fc713c25',
    'tracing events',
    `events (session_id uuid, event_id timeuuid, activity text, source inet, source_elapsed int,
      source_port int, thread text, PRIMARY KEY (session_id, event_id))`,
  ),
]

const virtualTables: readonly SystemTableDefinition[] = [
  table(
    'system_virtual_schema',
    '00000000-0000-3000-8000-000000000001',
    'virtual keyspace definitions',
    'keyspaces (keyspace_name text PRIMARY KEY)',
  ),
  table(
    'system_virtual_schema',
    '00000000-0000-3000-8000-000000000002',
    'virtual table definitions',
    `tables (keyspace_name text, table_name text, comment text,
      PRIMARY KEY (keyspace_name, table_name))`,
  ),
  table(
    'system_virtual_schema',
    '00000000-0000-3000-8000-000000000003',
    'virtual column definitions',
    `columns (keyspace_name text, table_name text, column_name text, clustering_order text,
      column_name_bytes blob, kind text, position int, type text,
      PRIMARY KEY (keyspace_name, table_name, column_name))`,
  ),
  table(
    'system_views',
    '00000000-0000-3000-8000-000000000004',
    'currently connected clients',
    `clients (address inet, port int, client_options frozen<map<text, text>>,
      connection_stage text, driver_name text, driver_version text, hostname text,
      keyspace_name text, protocol_version int, request_count bigint, ssl_cipher_suite text,
      ssl_enabled boolean, ssl_protocol text, username text, PRIMARY KEY (address, port))`,
  ),
  table(
    'system_views',
    '00000000-0000-3000-8000-000000000005',
    'current settings',
    'settings (name text PRIMARY KEY, value text)',
  ),
]

export const systemTableDefinitions: readonly SystemTableDefinition[] = [
  ...systemTables,
  ...schemaTables,
  ...traceTables,
  ...virtualTables,
]
