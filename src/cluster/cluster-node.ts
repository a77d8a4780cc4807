import type { Endpoint, NodePool } from '../transport/index.ts'
import type { NodeAddress, NodeDescription } from './system-tables.ts'

/** One node of the cluster. Its host id is its identity; address and pool may change. */
export class ClusterNode {
  readonly hostId: string
  readonly endpoint: Endpoint
  readonly dataCenter: string
  readonly rack: string
  /** The address that it was last described with, if any description had one. */
  #says: NodeAddress | undefined
  /** As of the last refresh. */
  tokens: readonly string[]
  readonly pool: NodePool
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
  ) {
    this.hostId = described.hostId
    this.dataCenter = described.dataCenter
    this.rack = described.rack
    this.tokens = described.tokens
    this.#says = described.address
    this.endpoint = endpoint
    this.pool = pool
  }

  get address(): string {
    return this.endpoint.address
  }

  /** Whether the address it is described with now is the one it had when it was found. */
  isAt(address: NodeAddress | undefined): boolean {
    const before = this.#says
    if (before === undefined || address === undefined) return true
    const isPortKnown = before.port !== undefined && address.port !== undefined
    return before.host === address.host && (!isPortKnown || before.port === address.port)
  }

  /** Takes over what it is described with now; the node {@link isAt} that address. */
  update({ tokens, address }: Pick<NodeDescription, 'tokens' | 'address'>): void {
    this.tokens = tokens
    if (address?.port !== undefined || this.#says === undefined) this.#says = address
  }
}
