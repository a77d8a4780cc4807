import { ConfigError } from '../errors/index.ts'
import { warn } from '../observability/index.ts'
import type { Replication } from '../routing/index.ts'
import type { Connection, InternalRequestOptions } from '../transport/index.ts'
import type { ClusterData, NodeData } from './cluster-data.ts'
import {
  type KeyspaceDescription,
  type LocalDescription,
  type NodeDescription,
  readCdcTables,
  readKeyspaces,
  readLocal,
  readPeers,
} from './system-tables.ts'

/** The cluster as one node describes it. */
export interface ClusterDescription {
  readonly local: LocalDescription
  readonly peers: readonly NodeDescription[]
  readonly keyspaces: readonly KeyspaceDescription[]
  /** Log tables of change data capture, by keyspace. */
  readonly cdcTables: ReadonlyMap<string, ReadonlySet<string>>
}

/** A rack that a policy was told to prefer. */
export interface PreferredRack {
  readonly rack: string
  /** Default: the local data center. */
  readonly dataCenter: string | undefined
}

export interface Preferences {
  /** Default: that of the first node that is read. */
  readonly localDataCenter: string | undefined
  /** Racks that policies of the session prefer. Default: none. */
  readonly preferredRacks?: readonly PreferredRack[] | undefined
}

/** Names, data center and keyspaces of a cluster, as its system tables last described them. */
export class ClusterMetadata {
  readonly #requestOptions: InternalRequestOptions
  /** The data center that the user has chosen. */
  readonly #chosenDataCenter: string | undefined
  readonly #racks: readonly PreferredRack[]
  #localDataCenter: string | undefined
  #local: LocalDescription | undefined
  #unusableCount = 0
  #keyspaces: ReadonlyMap<string, KeyspaceDescription> = new Map()
  #cdcTables: ReadonlyMap<string, ReadonlySet<string>> = new Map()

  constructor(
    requestOptions: InternalRequestOptions,
    { localDataCenter, preferredRacks = [] }: Preferences,
  ) {
    this.#racks = preferredRacks
    this.#requestOptions = requestOptions
    this.#chosenDataCenter = localDataCenter
    this.#localDataCenter = localDataCenter
  }

  get localDataCenter(): string {
    return this.#localDataCenter ?? ''
  }

  get partitioner(): string {
    return this.#local?.partitioner ?? ''
  }

  /** Log tables of change data capture, by keyspace. */
  get cdcTables(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#cdcTables
  }

  /** Replication of every keyspace. */
  get replications(): ReadonlyMap<string, Replication> {
    return new Map([...this.#keyspaces].map(([name, { replication }]) => [name, replication]))
  }

  /** Keyspaces whose tables have tablets. */
  get tabletKeyspaces(): ReadonlySet<string> {
    const all = [...this.#keyspaces.values()]
    return new Set(all.filter(({ hasTablets }) => hasTablets).map(({ name }) => name))
  }

  /**
   * Reads nodes and keyspaces over a control connection.
   *
   * @throws ConfigError when no node is in the chosen data center
   */
  async read(connection: Connection): Promise<ClusterDescription> {
    const [local, described, keyspaces, cdcTables] = await Promise.all([
      readLocal(connection, this.#requestOptions),
      readPeers(connection, this.#requestOptions),
      readKeyspaces(connection, this.#requestOptions),
      readCdcTables(connection, this.#requestOptions),
    ])
    const peers = described.nodes
    this.#warnOfUnusable(connection, described.unusableCount)
    if (this.#local === undefined) this.#checkLocalDataCenter([local, ...peers])
    return { local, peers, keyspaces, cdcTables }
  }

  /** Nodes that join have incomplete rows for a while, and removed ones may leave some for ever. */
  #warnOfUnusable({ address }: Connection, count: number): void {
    if (count > 0 && count !== this.#unusableCount) {
      warn(
        address,
        `${count} rows of system.peers lack an address, a host id, a data center or a rack: these nodes are not used`,
      )
    }
    this.#unusableCount = count
  }

  /** A misspelt data center would silently cost locality and token awareness. */
  #checkLocalDataCenter(nodes: readonly NodeDescription[]): void {
    const chosen = this.#chosenDataCenter
    const known = namesOf(nodes)
    if (chosen === undefined || known.includes(chosen)) return
    const names = known.map((name) => JSON.stringify(name)).join(', ')
    throw new ConfigError(
      `localDataCenter is ${JSON.stringify(chosen)}, but no node is in that data center; the data centers of this cluster are ${names}`,
    )
  }

  /** Replaces what was known by a newer description. */
  adopt({ local, peers, keyspaces, cdcTables }: ClusterDescription, address: string): void {
    const isFirst = this.#local === undefined
    this.#local = local
    this.#cdcTables = cdcTables
    if (this.#localDataCenter === undefined) {
      this.#localDataCenter = local.dataCenter
      warnOfChoice(local.dataCenter, namesOf([local, ...peers]), address)
    }
    if (isFirst) this.#warnOfRacks([local, ...peers], address)
    this.#adoptKeyspaces(keyspaces)
  }

  /** A misspelt rack would silently cost locality. */
  #warnOfRacks(nodes: readonly NodeDescription[], address: string): void {
    for (const { rack, dataCenter = this.localDataCenter } of this.#racks) {
      const local = nodes.filter((node) => node.dataCenter === dataCenter)
      const known = [...new Set(local.map((node) => node.rack))].sort()
      if (known.includes(rack)) continue
      warn(
        address,
        `localRack is ${JSON.stringify(rack)}, but no node of the data center ${JSON.stringify(dataCenter)} is in that rack: its racks are ${known.map((name) => JSON.stringify(name)).join(', ') || 'not known'}`,
      )
    }
  }

  /** Reads the keyspaces again. */
  async refreshKeyspaces(connection: Connection): Promise<void> {
    this.#adoptKeyspaces(await readKeyspaces(connection, this.#requestOptions))
  }

  #adoptKeyspaces(keyspaces: readonly KeyspaceDescription[]): void {
    this.#keyspaces = new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace]))
  }

  /** Returns a snapshot for users. */
  snapshot(nodes: readonly NodeData[]): ClusterData {
    return Object.freeze({
      clusterName: this.#local?.clusterName ?? '',
      partitioner: this.partitioner,
      localDataCenter: this.localDataCenter,
      nodes,
      keyspaces: this.#keyspaces,
    })
  }
}

/** Returns the names of the data centers of nodes. */
function namesOf(nodes: readonly NodeDescription[]): readonly string[] {
  return [...new Set(nodes.map(({ dataCenter }) => dataCenter))].sort()
}

/** Which node is reached first is a matter of chance, and so is the data center then. */
function warnOfChoice(chosen: string, known: readonly string[], address: string): void {
  if (known.length < 2) return
  const names = known.map((name) => JSON.stringify(name)).join(', ')
  warn(
    address,
    `The cluster has the data centers ${names}. Requests go to ${JSON.stringify(chosen)}, that of the node that was reached first: set localDataCenter to choose one`,
  )
}
