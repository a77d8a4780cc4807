import { Engine, EngineNode, MemoryStore, type NodePeer } from '../../src/engine/index.ts'
import type { ServerEvent } from '../../src/protocol/index.ts'
import { tokenOf } from '../../src/routing/index.ts'
import { Inet } from '../../src/types/index.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedRuntime } from './simulated-runtime.ts'

/** A node that may be down, and may have another address when it comes back. */
interface SimulatedNode {
  readonly node: EngineNode
  host: string
  isUp: boolean
}

/** How long other nodes take to notice a change, at most. */
const gossipMsMax = 1_000

/**
 * Nodes over one engine in a simulated network: they agree at once, so that what was acknowledged
 * can be looked up. Each owns one range of tokens.
 */
export class SimulatedCluster {
  readonly #runtime: SimulatedRuntime
  readonly #network: SimulatedNetwork
  readonly #engine: Engine
  readonly #nodes: SimulatedNode[] = []
  readonly #tokens: readonly bigint[]

  constructor(runtime: SimulatedRuntime, network: SimulatedNetwork, nodeCount: number) {
    this.#runtime = runtime
    this.#network = network
    this.#engine = new Engine({ storage: new MemoryStore(), runtime })
    const width = 2n ** 64n / BigInt(nodeCount)
    this.#tokens = Array.from(
      { length: nodeCount },
      (_, i) => -(2n ** 63n) + width * BigInt(i) + 1n,
    )
    for (let i = 0; i < nodeCount; i++) {
      const node: EngineNode = new EngineNode(this.#engine, {
        identity: { hostId: hostIdOf(i), rack: `rack${i}`, tokens: [String(this.#tokens[i])] },
        peers: (): NodePeer[] =>
          this.#nodes.filter((other) => other.node !== node).map((other) => other.node.system),
      })
      this.#nodes.push({ node, host: `10.0.0.${i + 1}`, isUp: false })
      this.#listen(this.#nodes[i]!)
    }
  }

  get hosts(): string[] {
    return this.#nodes.map(({ host }) => host)
  }

  get downCount(): number {
    return this.#nodes.filter(({ isUp }) => !isUp).length
  }

  /** Address of the node that owns the row of a partition key. */
  ownerOf(key: Uint8Array): string {
    const token = tokenOf(key)
    const at = this.#tokens.findIndex((end) => token <= end)
    return `${this.#nodes[at < 0 ? 0 : at]!.host}:9042`
  }

  #listen(simulated: SimulatedNode): void {
    const { node, host } = simulated
    simulated.isUp = true
    node.system.announce({ address: Inet.parse(host), port: 9042 })
    this.#network.listen(host, (toClient) => {
      const connection = node.connect(toClient, { address: Inet.parse('10.0.0.99'), port: 1 })
      return {
        onBytes: (bytes, start, end) => connection.push(bytes, start, end),
        onClosed: () => connection.close(),
      }
    })
  }

  /** A node dies: its connections are cut, and the others report it a moment later. */
  kill(i: number): void {
    const simulated = this.#nodes[i]!
    if (!simulated.isUp) return
    simulated.isUp = false
    this.#network.unlisten(simulated.host)
    this.#report(i, 'STATUS_CHANGE', 'DOWN')
  }

  /** A node comes back, perhaps at another address. */
  start(i: number, host: string = this.#nodes[i]!.host): void {
    const simulated = this.#nodes[i]!
    if (simulated.isUp) return
    const isMoved = host !== simulated.host
    simulated.host = host
    this.#listen(simulated)
    if (isMoved) this.#report(i, 'TOPOLOGY_CHANGE', 'NEW_NODE')
    this.#report(i, 'STATUS_CHANGE', 'UP')
  }

  /** Two nodes that are down come back with each other's addresses. */
  swap(i: number, j: number): void {
    this.kill(i)
    this.kill(j)
    const [first, second] = [this.#nodes[i]!.host, this.#nodes[j]!.host]
    this.start(i, second)
    this.start(j, first)
  }

  #report(i: number, type: 'STATUS_CHANGE' | 'TOPOLOGY_CHANGE', change: string): void {
    const { host } = this.#nodes[i]!
    const event: ServerEvent = { type, change, address: Inet.parse(host), port: 9042 }
    for (const [at, other] of this.#nodes.entries()) {
      if (at === i) continue
      const delayMs = this.#runtime.random() * gossipMsMax
      this.#runtime.clock.schedule(delayMs, () => {
        if (other.isUp) other.node.sendEvent(event)
      })
    }
  }

  close(): void {
    for (const { node } of this.#nodes) node.close()
  }
}

function hostIdOf(i: number): string {
  return `00000000-0000-4000-8000-0000000000${String(i).padStart(2, '0')}`
}
