import { NodeRecorder } from '../observability/index.ts'
import type { Endpoint, NodePool } from '../transport/index.ts'
import type { NodeInfo } from '../types/index.ts'
import { NodeView } from './node-view.ts'
import type { NodeAddress, NodeDescription } from './system-tables.ts'

/** One node of the cluster. Its host id is its identity; address and pool may change. */
export class ClusterNode {
  readonly hostId: string
  readonly endpoint: Endpoint
  readonly dataCenter: string
  readonly rack: string
  /** The address in the last description that had one. */
  #describedAddress: NodeAddress | undefined
  /** As of the last refresh. */
  tokens: readonly string[]
  /**
   * Whether it owns no tokens while other nodes do. Such a node is known, but gets neither
   * connections nor requests.
   */
  isZeroToken = false
  readonly pool: NodePool
  /** Counts the requests to the node; it outlives a change of the address. */
  readonly recorder: NodeRecorder
  /** Whether it has a connection: a copy of what the pool says, because every request asks. */
  isUp = false
  /** The node as policies of users see it. */
  readonly info: NodeInfo
  /**
   * Whether other nodes have reported it as down, or it has disagreed about the schema for long
   * without being reachable. Schema agreement does not wait for such a node; once it has a
   * connection it is asked like any other.
   */
  isPresumedDown = false

  constructor(
    described: Pick<NodeDescription, 'hostId' | 'dataCenter' | 'rack' | 'tokens' | 'address'>,
    endpoint: Endpoint,
    pool: NodePool,
    recorder: NodeRecorder = new NodeRecorder(),
  ) {
    this.hostId = described.hostId
    this.dataCenter = described.dataCenter
    this.rack = described.rack
    this.tokens = described.tokens
    this.#describedAddress = described.address
    this.endpoint = endpoint
    this.pool = pool
    this.recorder = recorder
    this.info = new NodeView(this)
  }

  get address(): string {
    return this.endpoint.address
  }

  /** Whether an address is the one that the node had when it was found. */
  isAt(address: NodeAddress | undefined): boolean {
    const before = this.#describedAddress
    if (before === undefined || address === undefined) return true
    const isPortKnown = before.port !== undefined && address.port !== undefined
    return before.host === address.host && (!isPortKnown || before.port === address.port)
  }

  /** Updates the node by a newer description; the way to it stays. */
  update({ tokens, address }: Pick<NodeDescription, 'tokens' | 'address'>): void {
    this.tokens = tokens
    if (!this.isAt(address) || address?.port !== undefined || this.#describedAddress === undefined)
      this.#describedAddress = address
  }
}
