import { computeToken, type Replication, token, Topology } from '../routing/index.ts'
import type { Connection } from '../transport/index.ts'
import type { ClusterNode } from './cluster-node.ts'

/** The partition a request is for. */
export interface Route {
  readonly keyspace: string
  readonly tokenHigh: number
  readonly tokenLow: number
}

export interface PlacementSource {
  readonly nodes: readonly ClusterNode[]
  readonly localDataCenter: string
  /** Replication of every keyspace, as the schema tables describe it. */
  readonly keyspaces: ReadonlyMap<string, Replication>
  readonly partitioner: string
}

type Tried = ReadonlySet<ClusterNode> | undefined

/** The one route that is being used: requests are routed one at a time. */
const current = { keyspace: '', tokenHigh: 0, tokenLow: 0 }

/**
 * Chooses a node for a request, at one moment of the cluster: a local replica of the partition,
 * else a local node, else any. Those that are alike take turns.
 */
export class Placement {
  static readonly empty: Placement = new Placement({
    nodes: [],
    localDataCenter: '',
    keyspaces: new Map(),
    partitioner: '',
  })

  /** Whether a route can make a difference: there is a choice, and tokens are those we compute. */
  readonly isTokenAware: boolean
  readonly #topology: Topology<ClusterNode>
  readonly #localDataCenter: string
  readonly #local: readonly ClusterNode[]
  readonly #remote: readonly ClusterNode[]
  #turn = 0

  constructor(source: PlacementSource) {
    const { nodes, localDataCenter, keyspaces, partitioner } = source
    this.#topology = new Topology(nodes, keyspaces)
    this.#localDataCenter = localDataCenter
    this.#local = nodes.filter(({ dataCenter }) => dataCenter === localDataCenter)
    this.#remote = nodes.filter(({ dataCenter }) => dataCenter !== localDataCenter)
    this.isTokenAware = nodes.length > 1 && partitioner.endsWith('.Murmur3Partitioner')
  }

  /** The route of a key's bytes; valid until the next call. */
  routeOf(keyspace: string, keyBytes: Uint8Array, length: number): Route {
    computeToken(keyBytes, 0, length)
    current.keyspace = keyspace
    current.tokenHigh = token.high
    current.tokenLow = token.low
    return current
  }

  /** A connection with room, or `undefined` when all that may be used are full or lost. */
  pick(route: Route | undefined, tried: Tried): Connection | undefined {
    this.#turn = (this.#turn + 1) & 0x3fff_ffff
    const replica = route === undefined ? undefined : this.#pickReplica(route, tried)
    return replica ?? this.#pickOf(this.#local, tried) ?? this.#pickOf(this.#remote, tried)
  }

  #pickReplica(route: Route, tried: Tried): Connection | undefined {
    const { keyspace, tokenHigh, tokenLow } = route
    const replicas = this.#topology.replicasFor(keyspace, tokenHigh, tokenLow)
    const { length } = replicas
    for (let i = 0; i < length; i++) {
      const node = replicas[(this.#turn + i) % length]!
      if (node.dataCenter !== this.#localDataCenter || tried?.has(node) === true) continue
      const connection = node.pool.pick()
      if (connection !== undefined) return connection
    }
    return undefined
  }

  #pickOf(nodes: readonly ClusterNode[], tried: Tried): Connection | undefined {
    const { length } = nodes
    for (let i = 0; i < length; i++) {
      const node = nodes[(this.#turn + i) % length]!
      if (tried?.has(node) === true) continue
      const connection = node.pool.pick()
      if (connection !== undefined) return connection
    }
    return undefined
  }
}
