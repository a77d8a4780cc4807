import { Engine, EngineNode, MemoryStore, type NodePlacement } from '../engine/index.ts'
import { ClosedError } from '../errors/index.ts'
import type { ServerEvent } from '../protocol/index.ts'
import { Inet } from '../types/index.ts'
import { type Listener, openListener, type ShardPlace } from './listener.ts'

/** What a node of a cluster is, as its system tables say. */
export interface MemberIdentity {
  readonly hostId: string
  readonly dataCenter: string
  readonly rack: string
  readonly tokens: readonly string[]
}

/** Where a member listens. */
export interface MemberPorts {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Port whose connections choose their shard by the port they come from. */
  readonly shardAwarePort?: number | undefined
  /** Chooses the shard of a connection. */
  readonly place: (clientPort: number, isShardAware: boolean) => ShardPlace
}

/** Where a member is reached. */
export interface MemberAddress {
  readonly host: string
  readonly port: number
  readonly shardAwarePort?: number
}

/** One of several nodes over one engine: each sees what the others have written, at once. */
export class ClusterMember {
  readonly identity: MemberIdentity
  readonly #node: EngineNode
  #listeners: readonly Listener[] = []

  /** @internal */
  constructor(engine: Engine, identity: MemberIdentity, options: MemberOptions) {
    const { placement, peers } = options
    this.identity = identity
    this.#node = new EngineNode(engine, {
      identity,
      placement,
      peers: () => peers().map(({ system }) => system),
    })
  }

  /** @internal */
  get system(): EngineNode['system'] {
    return this.#node.system
  }

  get isListening(): boolean {
    return this.#listeners.length > 0
  }

  /**
   * @returns where it listens
   * @throws ConfigError when a port cannot be listened on
   */
  async listen({ host, port, shardAwarePort, place }: MemberPorts): Promise<MemberAddress> {
    const plain = await openListener(
      this.#node,
      { host, port },
      { place: (clientPort) => place(clientPort, false) },
    )
    this.#listeners = [plain]
    const address = { host, port: plain.port }
    if (shardAwarePort === undefined) return address
    try {
      const chosen = await openListener(
        this.#node,
        { host, port: shardAwarePort },
        { isAnnounced: false, place: (clientPort) => place(clientPort, true) },
      )
      this.#listeners = [plain, chosen]
      return { ...address, shardAwarePort: chosen.port }
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends all connections and listens no more. */
  async stop(): Promise<void> {
    const listeners = this.#listeners
    this.#listeners = []
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  /** Sends an event to the clients that have registered for it. */
  sendEvent(event: ServerEvent): void {
    this.#node.sendEvent(event)
  }

  /** @internal */
  async close(): Promise<void> {
    await this.stop()
    this.#node.close()
  }
}

interface MemberOptions {
  readonly placement: NodePlacement | undefined
  readonly peers: () => readonly ClusterMember[]
}

/** An engine in memory that several nodes answer for. */
export class EngineCluster {
  readonly #members = new Set<ClusterMember>()
  readonly #engine = new Engine({
    storage: new MemoryStore(),
    dataCenters: () => [...new Set([...this.#members].map(({ identity }) => identity.dataCenter))],
  })
  #isClosed = false

  /** Adds a node, which does not listen yet. @throws ClosedError */
  add(identity: MemberIdentity, placement?: NodePlacement): ClusterMember {
    if (this.#isClosed) throw new ClosedError('cluster')
    const member: ClusterMember = new ClusterMember(this.#engine, identity, {
      placement,
      peers: () => [...this.#members].filter((other) => other !== member),
    })
    this.#members.add(member)
    return member
  }

  /** Removes a node: the others do not know it any more. */
  async remove(member: ClusterMember): Promise<void> {
    this.#members.delete(member)
    await member.close()
  }

  /** Sends an event from all nodes. @param address where the node listens that it is about */
  announce(
    type: 'STATUS_CHANGE' | 'TOPOLOGY_CHANGE',
    change: string,
    { host, port }: { readonly host: string; readonly port: number },
  ): void {
    const event: ServerEvent = { type, change, address: Inet.parse(host), port }
    for (const member of this.#members) member.sendEvent(event)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([...this.#members].map((member) => member.close()))
    await this.#engine.close()
  }
}
