import { DependencyMissingError } from '../../errors/index.ts'
import {
  type CompressionName,
  type Compressor,
  loadCompressor,
  type SchemaChange,
  type ServerEvent,
} from '../../protocol/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Engine } from '../engine.ts'
import { type NodeIdentity, type NodePeer, nodeIdentityOf } from '../system/node-identity.ts'
import type { SystemRow } from '../system/system-row.ts'
import { type NodeState, SystemTables } from '../system/system-tables.ts'
import type { ClientAddress } from './client-address.ts'
import type { NodeCredentials } from './credentials.ts'
import { NodeConnection } from './node-connection.ts'
import type { NodePlacement } from './node-placement.ts'
import type { NodeHost } from './node-host.ts'
import type { NodeOutput } from './node-output.ts'
import { Statements } from './statements.ts'
import { Tracer } from './tracing.ts'

export interface EngineNodeOptions {
  /** The login that clients need. Default: none. */
  readonly credentials?: NodeCredentials | undefined
  /** Overrides parts of the identity that is kept in the store. */
  readonly identity?: Partial<NodeIdentity> | undefined
  /**
   * The other nodes of the cluster, asked whenever `system.peers` is read. Several nodes over one
   * engine behave like a cluster whose nodes agree at once.
   */
  readonly peers?: (() => Iterable<NodePeer>) | undefined
  /** Where the node keeps which partitions. Default: all of them, and it has no shards. */
  readonly placement?: NodePlacement | undefined
}

const compressionNames: readonly CompressionName[] = ['snappy', 'lz4']

/** The compressions whose packages are installed. */
export async function availableCompressors(): Promise<readonly Compressor[]> {
  const loaded = compressionNames.map(async (name) => {
    try {
      return await loadCompressor(name)
    } catch (error) {
      if (error instanceof DependencyMissingError) return undefined
      throw error
    }
  })
  return (await Promise.all(loaded)).filter((compressor) => compressor !== undefined)
}

/** The node that an engine presents to clients: a cluster of one unless it has peers. */
export class EngineNode implements NodeState, NodeHost {
  readonly engine: Engine
  readonly system: SystemTables
  readonly statements: Statements
  readonly tracer: Tracer
  readonly credentials: NodeCredentials | undefined
  readonly placement: NodePlacement | undefined
  #compressors: ReadonlyMap<string, Compressor> = new Map()
  readonly #connections: Set<NodeConnection> = new Set()
  readonly #peers: () => Iterable<NodePeer>
  readonly #stopListening: () => void

  constructor(engine: Engine, options: EngineNodeOptions = {}) {
    this.engine = engine
    this.statements = new Statements(engine)
    const { runtime } = engine
    const own = nodeIdentityOf(engine.storage, () => randomUuid(runtime).toString())
    const identity = { ...own, ...options.identity }
    this.#peers = options.peers ?? (() => [])
    this.system = new SystemTables(engine.catalog, identity, engine.clock)
    this.system.attach(this)
    engine.readTablesFrom(this.system)
    this.tracer = new Tracer(this.system.traces, runtime)
    this.credentials = options.credentials
    this.placement = options.placement
    this.#stopListening = engine.catalog.onChange((change) => {
      this.#announce({ ...change, argumentTypes: undefined })
    })
  }

  /**
   * The connection of a client: it takes what the client sends and writes responses to `output`.
   */
  connect(output: NodeOutput, client: ClientAddress): NodeConnection {
    const connection = new NodeConnection(this, output, client)
    this.#connections.add(connection)
    return connection
  }

  /** @internal Removes a closed connection. */
  forget(connection: NodeConnection): void {
    this.#connections.delete(connection)
  }

  /** Offers compressions to clients that connect from now on. */
  offerCompression(compressors: readonly Compressor[]): void {
    this.#compressors = new Map(compressors.map((each) => [each.name, each]))
  }

  compressor(name: string): Compressor | undefined {
    return this.#compressors.get(name)
  }

  /** The content of SUPPORTED (OptionsMessage). */
  supported(client: ClientAddress): ReadonlyMap<string, readonly string[]> {
    return new Map<string, readonly string[]>([
      ['CQL_VERSION', [this.system.identity.cqlVersion]],
      ['COMPRESSION', [...this.#compressors.keys()]],
      ['PROTOCOL_VERSIONS', ['4/v4']],
      ...(this.placement?.supported(client) ?? []),
    ])
  }

  *clients(): Generator<SystemRow> {
    for (const connection of this.#connections) yield connection.describe()
  }

  peers(): Iterable<NodePeer> {
    return this.#peers()
  }

  preparedStatements(): Iterable<SystemRow> {
    return this.statements.rows()
  }

  /** Sends an event to the clients that have registered for its kind. */
  sendEvent(event: ServerEvent): void {
    for (const connection of this.#connections) connection.sendEvent(event)
  }

  /** Ends every connection. */
  close(): void {
    this.#stopListening()
    for (const connection of this.#connections) connection.close()
    this.#connections.clear()
  }

  /**
   * Sends an event to the clients that registered for it, once the change is durable and after the
   * answer to the statement that made it.
   */
  #announce(schemaChange: SchemaChange): void {
    void this.engine.schemaAnswered().then(() => {
      this.sendEvent({ type: 'SCHEMA_CHANGE', schemaChange })
    })
  }
}
