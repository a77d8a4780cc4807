import type { Clock } from '../../util/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { KeyspaceSchema } from '../catalog/schema.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import { openRowStore, type RowStore } from '../rows/index.ts'
import { MemoryStore } from '../storage/index.ts'
import { systemKeyspaceDefinitions } from './definitions.ts'
import {
  loopbackAddress,
  type AdvertisedAddress,
  type NodeIdentity,
  type NodePeer,
} from './node-identity.ts'
import {
  columnRows,
  droppedColumnRows,
  keyspaceRow,
  tableRows,
  typeRows,
  virtualTableRows,
} from './schema-rows.ts'
import { systemKeyspaceSchemas } from './system-keyspaces.ts'
import { mutationOf, type SystemRow } from './system-row.ts'
import { TraceLog } from './trace-log.ts'

/** Source of the rows of a table. */
interface RowSource {
  /** The rows are made again when this value changes. */
  version(): unknown
  rows(): Iterable<SystemRow>
  /** Rows that never change, made once. */
  fixedRows?(): Iterable<SystemRow>
}

interface Content {
  readonly version: unknown
  readonly rows: RowStore
}

/** The state of the running node that the tables show. */
export interface NodeState {
  /** Rows of `system_views.clients`. */
  clients(): Iterable<SystemRow>
  /** Rows of `system.prepared_statements`. */
  preparedStatements(): Iterable<SystemRow>
  /** The other nodes of the cluster. */
  peers(): Iterable<NodePeer>
}

const virtualNames: ReadonlySet<string> = new Set(
  systemKeyspaceDefinitions.filter((each) => each.isVirtual).map((each) => each.name),
)

/**
 * The tables a node has about itself, over the catalog in memory. Their rows are made when they are
 * read, into a store of their own, so that everything SELECT can do works on them as on any table.
 */
export class SystemTables {
  readonly identity: NodeIdentity
  readonly traces: TraceLog = new TraceLog()
  readonly #catalog: Catalog
  readonly #clock: Clock
  readonly #sources: ReadonlyMap<string, RowSource>
  readonly #contents: Map<string, Content> = new Map()
  readonly #fixed: Map<string, MemoryStore> = new Map()
  readonly #startedAtSeconds: number
  #address: AdvertisedAddress = loopbackAddress
  #state: NodeState | undefined

  /** Adds the keyspaces to the catalog. */
  constructor(catalog: Catalog, identity: NodeIdentity, clock: Clock) {
    this.identity = identity
    this.#catalog = catalog
    this.#clock = clock
    this.#startedAtSeconds = Math.floor(clock.nowMs() / 1000)
    for (const keyspace of systemKeyspaceSchemas) catalog.addVirtualKeyspace(keyspace)
    this.#sources = this.#makeSources()
  }

  /** The address `system.local` shows. */
  get address(): AdvertisedAddress {
    return this.#address
  }

  announce(address: AdvertisedAddress): void {
    this.#address = address
  }

  /** Connects the tables that show the state of the running node. */
  attach(state: NodeState): void {
    this.#state = state
  }

  /** The rows of a system table as of now; `undefined` for every other table. */
  rowsOf(table: TableSchema): RowStore | undefined {
    if (!this.#catalog.virtualKeyspaces.has(table.keyspace)) return undefined
    const name = `${table.keyspace}.${table.name}`
    const source = this.#sources.get(name) ?? emptySource
    const version = source.version()
    const before = this.#contents.get(name)
    if (before !== undefined && before.version === version) return before.rows
    const rows = openRowStore(this.#fixedStore(name, table, source).fork(), this.#clock)
    rows.apply([...source.rows()].map((row) => mutationOf(table, row)))
    this.#contents.set(name, { version, rows })
    return rows
  }

  #fixedStore(name: string, table: TableSchema, source: RowSource): MemoryStore {
    let store = this.#fixed.get(name)
    if (store === undefined) {
      store = new MemoryStore()
      const rows = [...(source.fixedRows?.() ?? [])].map((row) => mutationOf(table, row))
      openRowStore(store, this.#clock).apply(rows)
      this.#fixed.set(name, store)
    }
    return store
  }

  #makeSources(): ReadonlyMap<string, RowSource> {
    const traces = this.traces
    return new Map<string, RowSource>([
      ['system.local', { version: () => this.#localVersion(), rows: () => [this.#localRow()] }],
      ['system.peers', this.#live((state) => this.#peerRows(state))],
      ['system.peers_v2', this.#live((state) => this.#peerV2Rows(state))],
      ['system.prepared_statements', this.#live((state) => state.preparedStatements())],
      ['system_schema.keyspaces', this.#schema((keyspace) => [keyspaceRow(keyspace)])],
      ['system_schema.tables', this.#schema(tableRows)],
      ['system_schema.columns', this.#schema(columnRows)],
      ['system_schema.dropped_columns', this.#schema(droppedColumnRows)],
      ['system_schema.types', this.#schema(typeRows)],
      ['system_virtual_schema.keyspaces', this.#virtual(({ name }) => [{ keyspace_name: name }])],
      ['system_virtual_schema.tables', this.#virtual(virtualTableRows)],
      ['system_virtual_schema.columns', this.#virtual(columnRows)],
      [
        'system_traces.sessions',
        { version: () => traces.version, rows: () => traces.sessionRows() },
      ],
      ['system_traces.events', { version: () => traces.version, rows: () => traces.eventRows() }],
      ['system_views.clients', this.#live((state) => state.clients())],
      ['system_views.settings', { version: () => 0, rows: () => this.#settingRows() }],
    ])
  }

  /** Rows per keyspace of a table of `system_schema`. */
  #schema(rowsOf: (keyspace: KeyspaceSchema) => Iterable<SystemRow>): RowSource {
    const catalog = this.#catalog
    const rowsOfAll = function* (keyspaces: Iterable<KeyspaceSchema>): Generator<SystemRow> {
      for (const keyspace of keyspaces) yield* rowsOf(keyspace)
    }
    return {
      version: () => catalog.schema.version,
      rows: () => rowsOfAll(catalog.schema.keyspaces.values()),
      fixedRows: () => {
        const own = [...catalog.virtualKeyspaces.values()]
        return rowsOfAll(own.filter(({ name }) => !virtualNames.has(name)))
      },
    }
  }

  /** Rows per virtual keyspace of a table of `system_virtual_schema`. */
  #virtual(rowsOf: (keyspace: KeyspaceSchema) => Iterable<SystemRow>): RowSource {
    const own = [...this.#catalog.virtualKeyspaces.values()]
    const keyspaces = own.filter(({ name }) => virtualNames.has(name))
    return { version: () => 0, rows: () => keyspaces.flatMap((each) => [...rowsOf(each)]) }
  }

  /** Rows that are made for every read. */
  #live(rowsOf: (state: NodeState) => Iterable<SystemRow>): RowSource {
    return {
      version: () => Symbol('now'),
      rows: () => (this.#state === undefined ? [] : rowsOf(this.#state)),
    }
  }

  #localVersion(): string {
    const { address, port } = this.#address
    return `${this.#catalog.schema.version} ${address.toString()} ${port}`
  }

  #localRow(): SystemRow {
    const { identity } = this
    const { address, port } = this.#address
    return {
      key: 'local',
      bootstrapped: 'COMPLETED',
      broadcast_address: address,
      broadcast_port: 7000,
      cluster_name: identity.clusterName,
      cql_version: identity.cqlVersion,
      data_center: identity.dataCenter,
      gossip_generation: this.#startedAtSeconds,
      host_id: identity.hostId,
      listen_address: address,
      listen_port: 7000,
      native_protocol_version: identity.nativeProtocolVersion,
      partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
      rack: identity.rack,
      release_version: identity.releaseVersion,
      rpc_address: address,
      rpc_port: port,
      schema_version: this.#catalog.schema.version,
      tokens: new Set(identity.tokens),
    }
  }

  *#peerRows(state: NodeState): Generator<SystemRow> {
    for (const { identity, address } of state.peers()) {
      yield { ...this.#peerRow(identity), peer: address.address, rpc_address: address.address }
    }
  }

  *#peerV2Rows(state: NodeState): Generator<SystemRow> {
    for (const { identity, address } of state.peers()) {
      yield {
        ...this.#peerRow(identity),
        peer: address.address,
        peer_port: 7000,
        native_address: address.address,
        native_port: address.port,
      }
    }
  }

  /** Returns the columns that both tables of peers have. */
  #peerRow(identity: NodeIdentity): SystemRow {
    return {
      data_center: identity.dataCenter,
      host_id: identity.hostId,
      rack: identity.rack,
      release_version: identity.releaseVersion,
      schema_version: this.#catalog.schema.version,
      tokens: new Set(identity.tokens),
    }
  }

  *#settingRows(): Generator<SystemRow> {
    yield { name: 'cluster_name', value: this.identity.clusterName }
    yield { name: 'partitioner', value: 'org.apache.cassandra.dht.Murmur3Partitioner' }
  }
}

const emptySource: RowSource = { version: () => 0, rows: () => [] }
