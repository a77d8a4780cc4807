import {
  computeReplicas,
  type ReplicaTable,
  type Replication,
  type RingNode,
} from './replication.ts'
import { TokenRing } from './token-ring.ts'

const noReplicas: readonly never[] = Object.freeze([])

/**
 * Nodes and keyspaces at one moment. Immutable: a change of the cluster makes a new one. Replicas
 * of a keyspace are computed when it is first asked for, once for keyspaces replicated alike.
 */
export class Topology<N extends RingNode> {
  readonly nodes: readonly N[]
  readonly keyspaces: ReadonlyMap<string, Replication>
  readonly #ring: TokenRing
  readonly #tables = new Map<string, ReplicaTable<N> | undefined>()
  readonly #tablesByReplication = new Map<string, ReplicaTable<N> | undefined>()

  constructor(nodes: readonly N[], keyspaces: ReadonlyMap<string, Replication>) {
    this.nodes = nodes
    this.keyspaces = keyspaces
    this.#ring = new TokenRing(nodes.map((node) => node.tokens.flatMap(parseToken)))
  }

  /**
   * The nodes that hold a partition, in ring order, by the two halves of its token. Empty when that
   * cannot be known: unknown keyspace or strategy, or no tokens.
   */
  replicasFor(keyspace: string, tokenHigh: number, tokenLow: number): readonly N[] {
    const table = this.#tables.get(keyspace) ?? this.#tableOf(keyspace)
    if (table === undefined || this.#ring.size === 0) return noReplicas
    return table[this.#ring.positionOf(tokenHigh, tokenLow)]!
  }

  #tableOf(keyspace: string): ReplicaTable<N> | undefined {
    const replication = this.keyspaces.get(keyspace)
    if (replication === undefined) return undefined
    const key = JSON.stringify([...replication].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (!this.#tablesByReplication.has(key)) {
      this.#tablesByReplication.set(key, computeReplicas(this.#ring, this.nodes, replication))
    }
    const table = this.#tablesByReplication.get(key)
    this.#tables.set(keyspace, table)
    return table
  }
}

/** Tokens of other partitioners are no 64-bit numbers; such a node takes no part in the ring. */
function parseToken(text: string): bigint[] {
  if (!/^-?[0-9]{1,19}$/.test(text)) return []
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? [value] : []
}
