import { decodeValue } from '../codec/index.ts'
import { ProtocolError, ServerError, ServerErrorCode } from '../errors/index.ts'
import { Inet } from '../types/index.ts'
import { type InternalRequestOptions, queryAll, type Connection } from '../transport/index.ts'

export interface NodeAddress {
  readonly host: string
  /** `undefined` when the tables contain no ports. */
  readonly port: number | undefined
}

/** A node as it describes itself, or as another node describes it. */
export interface NodeDescription {
  readonly hostId: string
  /** Where clients reach it, as it says; `undefined` when it does not. */
  readonly address: NodeAddress | undefined
  readonly dataCenter: string
  readonly rack: string
  /** Empty for a node that owns no part of the ring. */
  readonly tokens: readonly string[]
  readonly schemaVersion: string | undefined
  readonly releaseVersion: string | undefined
}

/** What a node says of the others. */
export interface PeerDescriptions {
  readonly nodes: readonly NodeDescription[]
  /** Rows that lack an address, a host id, a data center or a rack. */
  readonly unusableCount: number
}

export interface LocalDescription extends NodeDescription {
  readonly clusterName: string
  readonly partitioner: string
}

/** How a keyspace is replicated, from `system_schema.keyspaces`. */
export interface KeyspaceDescription {
  readonly name: string
  readonly replication: ReadonlyMap<string, string>
  readonly durableWrites: boolean
  /** Whether its tables are distributed by tablets, as ScyllaDB can. */
  readonly hasTablets: boolean
}

type Record = ReadonlyMap<string, unknown>

/**
 * Reads all rows of a system table, each by column; null for what a row does not have. ScyllaDB
 * gives up after the time that is waited here, whatever its own limits are.
 */
export async function selectAll(
  connection: Connection,
  cql: string,
  options: InternalRequestOptions,
): Promise<Record[]> {
  const limitMs = Math.max(1, Math.ceil(options.timeoutMs))
  const suffix = connection.features.isScylla ? ` USING TIMEOUT ${limitMs}ms` : ''
  const { metadata, rows } = await queryAll(connection, cql + suffix, options)
  return rows.map(
    (cells) =>
      new Map(
        metadata.columns.map((column, i) => {
          const cell = cells[i]
          const isNull = cell === null || cell === undefined
          return [column.name, isNull ? null : decodeValue(column.type, cell)]
        }),
      ),
  )
}

/** `system.local` of the node behind the connection. */
export async function readLocal(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<LocalDescription> {
  const cql = `SELECT * FROM system.local WHERE key='local'`
  const [row] = await selectAll(connection, cql, options)
  if (row === undefined) throw new ProtocolError(`${connection.address} has no system.local row`)
  const described = describe(row, addressOf(row, 'rpc_address', 'rpc_port', 'broadcast_address'))
  if (described === undefined) {
    throw new ProtocolError(`${connection.address} has an incomplete system.local row`)
  }
  return {
    ...described,
    clusterName: text(row, 'cluster_name') ?? '',
    partitioner: text(row, 'partitioner') ?? '',
  }
}

/**
 * The other nodes, from `system.peers_v2` (Cassandra 4 and later) or `system.peers`. Rows that lack
 * an address, a host id or a place belong to nodes that join or leave: they are left out. Nodes
 * without tokens are among the others: they coordinate nothing, and store no data.
 */
export async function readPeers(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<PeerDescriptions> {
  try {
    const rows = await selectAll(connection, 'SELECT * FROM system.peers_v2', options)
    return peersOf(rows, 'native_address', 'native_port')
  } catch (error) {
    if (!(error instanceof ServerError) || error.serverCode !== ServerErrorCode.INVALID) throw error
    const rows = await selectAll(connection, 'SELECT * FROM system.peers', options)
    return peersOf(rows, 'rpc_address', undefined)
  }
}

function peersOf(
  rows: readonly Record[],
  hostColumn: string,
  portColumn: string | undefined,
): PeerDescriptions {
  const nodes = rows.flatMap((row) => {
    const address = addressOf(row, hostColumn, portColumn, 'peer')
    const described = address === undefined ? undefined : describe(row, address)
    return described === undefined ? [] : [described]
  })
  return { nodes, unusableCount: rows.length - nodes.length }
}

/** @param fallback column of the address other nodes use */
function addressOf(
  row: Record,
  hostColumn: string,
  portColumn: string | undefined,
  fallback: string,
): NodeAddress | undefined {
  const native = text(row, hostColumn)
  // A node that listens everywhere says so instead of an address; then its peer address serves.
  const isEverywhere = native === '0.0.0.0' || native === '::'
  const host = isEverywhere ? text(row, fallback) : native
  if (host === undefined) return undefined
  const port = portColumn === undefined ? undefined : row.get(portColumn)
  return { host, port: typeof port === 'number' ? port : undefined }
}

function describe(row: Record, address: NodeAddress | undefined): NodeDescription | undefined {
  const hostId = text(row, 'host_id')
  const dataCenter = text(row, 'data_center')
  const rack = text(row, 'rack')
  if (hostId === undefined || dataCenter === undefined || rack === undefined) return undefined
  const tokens = row.get('tokens')
  return {
    hostId,
    address,
    dataCenter,
    rack,
    tokens: tokens instanceof Set ? [...tokens].map(String) : [],
    schemaVersion: text(row, 'schema_version'),
    releaseVersion: text(row, 'release_version'),
  }
}

function text(row: Record, column: string): string | undefined {
  const value = row.get(column)
  // The other columns that are read here are uuids and addresses, whose text is what is wanted.
  return typeof value === 'string' ? value : value instanceof Inet ? value.toString() : undefined
}

export async function readKeyspaces(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<KeyspaceDescription[]> {
  const cql = 'SELECT keyspace_name, replication, durable_writes FROM system_schema.keyspaces'
  const [rows, withTablets] = await Promise.all([
    selectAll(connection, cql, options),
    readTabletKeyspaces(connection, options),
  ])
  return rows.map((row) => {
    const replication = row.get('replication')
    const name = text(row, 'keyspace_name') ?? ''
    return {
      name,
      replication: replication instanceof Map ? (replication as Map<string, string>) : new Map(),
      durableWrites: row.get('durable_writes') !== false,
      hasTablets: withTablets.has(name),
    }
  })
}

/** The keyspaces with tablets, from a table that ScyllaDB alone has. */
async function readTabletKeyspaces(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<ReadonlySet<string | undefined>> {
  if (connection.features.tablets === undefined) return new Set()
  const cql = 'SELECT keyspace_name, initial_tablets FROM system_schema.scylla_keyspaces'
  // A version without the column: what nodes say about single tablets has to do.
  const rows = await selectAllOrNone(connection, cql, options)
  const withTablets = rows.filter((row) => typeof row.get('initial_tablets') === 'number')
  return new Set(withTablets.map((row) => text(row, 'keyspace_name')))
}

/** How the log tables of change data capture in ScyllaDB are called. */
export const cdcLogSuffix = '_scylla_cdc_log'

/** The tables whose tokens are part of their keys, by keyspace, which ScyllaDB alone has. */
export async function readCdcTables(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const tables = new Map<string, Set<string>>()
  if (!connection.features.isScylla) return tables
  const cql = 'SELECT keyspace_name, table_name, partitioner FROM system_schema.scylla_tables'
  for (const row of await selectAllOrNone(connection, cql, options)) {
    const [keyspace, table] = [text(row, 'keyspace_name'), text(row, 'table_name')]
    if (text(row, 'partitioner')?.endsWith('CDCPartitioner') !== true) continue
    if (keyspace === undefined || table === undefined) continue
    const ofKeyspace = tables.get(keyspace) ?? new Set()
    tables.set(keyspace, ofKeyspace.add(table))
  }
  return tables
}

/** Reads a table that some versions do not have, or not with these columns. */
async function selectAllOrNone(
  connection: Connection,
  cql: string,
  options: InternalRequestOptions,
): Promise<readonly Record[]> {
  try {
    return await selectAll(connection, cql, options)
  } catch (error) {
    if (error instanceof ServerError && error.serverCode === ServerErrorCode.INVALID) return []
    throw error
  }
}

/** Schema version of the node behind the connection. */
export async function readSchemaVersion(
  connection: Connection,
  options: InternalRequestOptions,
): Promise<string | undefined> {
  const cql = `SELECT schema_version FROM system.local WHERE key='local'`
  const [row] = await selectAll(connection, cql, options)
  return row === undefined ? undefined : text(row, 'schema_version')
}
