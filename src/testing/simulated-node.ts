import type { ClusterMember, MemberAddress } from '../embedded/index.ts'
import { ClosedError, ConfigError } from '../errors/index.ts'

/** What has arrived at a node, since it was added or `resetCounters` was called. */
export interface SimulatedNodeCounters {
  /** Connections that were accepted. */
  connections: number
  /** EXECUTEs whose partition is known. */
  requests: number
  /** Those of them for partitions that the node has no copy of. */
  misrouted: number
  /** Those of them for partitions of the node that came to a connection of another shard. */
  wrongShard: number
}

export const noCounts = (): SimulatedNodeCounters => ({
  ...{ connections: 0, requests: 0, misrouted: 0, wrongShard: 0 },
})

/** What a node may do to its cluster. @internal */
export interface SimulatedNodeHost {
  readonly shards: number
  readonly usesShardAwarePort: boolean
  announce(change: 'UP' | 'DOWN' | 'NEW_NODE', node: SimulatedNode): void
  isClosed(): boolean
}

/** A node of a {@link SimulatedCluster}. */
export class SimulatedNode {
  readonly hostId: string
  readonly dataCenter: string
  readonly rack: string
  /** Tokens as the system tables spell them; empty for a node that owns no data. */
  readonly tokens: readonly string[]
  readonly counters: SimulatedNodeCounters = noCounts()
  readonly #member: ClusterMember
  readonly #host: SimulatedNodeHost
  #address: MemberAddress
  /** Open connections by shard. */
  readonly #connections: number[]

  /** @internal Use {@link SimulatedCluster.addNode}. */
  constructor(member: ClusterMember, host: SimulatedNodeHost, listenHost: string) {
    this.#member = member
    this.#host = host
    this.#address = { host: listenHost, port: 0 }
    this.#connections = Array.from({ length: Math.max(1, host.shards) }, () => 0)
    const { identity } = member
    this.hostId = identity.hostId
    this.dataCenter = identity.dataCenter
    this.rack = identity.rack
    this.tokens = identity.tokens
  }

  /** `host:port` of the node, also while it is stopped. */
  get address(): string {
    return `${this.#address.host}:${this.#address.port}`
  }

  /** Port whose connections choose their shard; `undefined` where nodes have no shards. */
  get shardAwarePort(): number | undefined {
    return this.#address.shardAwarePort
  }

  get isRunning(): boolean {
    return this.#member.isListening
  }

  /** Open connections by shard; one number where nodes have no shards. */
  get openConnections(): readonly number[] {
    return [...this.#connections]
  }

  /** @internal */
  get location(): { readonly host: string; readonly port: number } {
    return this.#address
  }

  /** @internal */
  get member(): ClusterMember {
    return this.#member
  }

  /** Ends all connections and listens no more: to clients the node is down. */
  async stop(): Promise<void> {
    if (!this.isRunning) return
    await this.#member.stop()
    this.#host.announce('DOWN', this)
  }

  /**
   * Listens again, with the same host id and data.
   *
   * @param host where; default: where it was, with the same port
   * @throws ConfigError when it cannot listen there
   * @throws ClosedError when the cluster is closed
   */
  async start(host: string = this.#address.host): Promise<void> {
    if (this.#host.isClosed()) throw new ClosedError('cluster')
    if (this.isRunning) throw new ConfigError(`${this.address} runs already: stop it first`)
    const { port, shardAwarePort = 0 } = this.#address
    this.#address = await this.#member.listen({
      ...{ host, port },
      ...(this.#host.usesShardAwarePort && { shardAwarePort }),
      place: (clientPort, isShardAware) => this.#place(clientPort, isShardAware),
    })
    this.#host.announce('UP', this)
  }

  /**
   * A connection to the shard-aware port belongs to the shard that its client has chosen by the
   * port it comes from; others belong to the shard with the fewest.
   */
  #place(clientPort: number, isShardAware: boolean): { shard: number; release(): void } {
    const open = this.#connections
    const shard = isShardAware ? clientPort % open.length : open.indexOf(Math.min(...open))
    open[shard] = open[shard]! + 1
    this.counters.connections++
    return {
      shard,
      release() {
        open[shard] = open[shard]! - 1
      },
    }
  }
}
