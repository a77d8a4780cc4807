import {
  computeReplicas,
  type ReplicaTable,
  type Replication,
  type RingNode,
} from './replication.ts'
import type { Locator, Partition, Target } from './locator.ts'
import { TokenRing } from './token-ring.ts'

const noReplicas: readonly never[] = Object.freeze([])

/**
 * Locates replicas by the tokens of nodes and the replication strategies of keyspaces, as of one
 * moment: a change of the cluster makes a new locator. The replicas of a keyspace are computed when
 * it is first asked for, once for keyspaces that are replicated alike.
 */
export class VnodeLocator<N extends RingNode> implements Locator<N> {
  readonly targets: readonly Target<N>[]
  readonly #nodes: readonly RingNode[]
  readonly #keyspaces: ReadonlyMap<string, Replication>
  readonly #ring: TokenRing
  readonly #tables = new Map<string, ReplicaTable<Target<N>> | undefined>()
  readonly #tablesByReplication = new Map<string, ReplicaTable<Target<N>> | undefined>()

  /** @param unused nodes that own data and take no requests: they are part of the ring alone */
  constructor(
    nodes: readonly N[],
    keyspaces: ReadonlyMap<string, Replication>,
    unused: readonly RingNode[] = [],
  ) {
    this.targets = nodes.map((node) => Object.freeze({ node, shard: undefined, isLeader: false }))
    this.#nodes = [...nodes, ...unused]
    this.#keyspaces = keyspaces
    this.#ring = new TokenRing(this.#nodes.map((node) => node.tokens.flatMap(parseToken)))
  }

  /**
   * As {@link Locator.replicasFor}, in ring order. Replicas are not known when the keyspace or its
   * strategy is unknown, or without tokens.
   */
  replicasFor({ keyspace, tokenHigh, tokenLow }: Omit<Partition, 'table'>): readonly Target<N>[] {
    const table = this.#tables.get(keyspace) ?? this.#tableOf(keyspace)
    if (table === undefined || this.#ring.size === 0) return noReplicas
    return table[this.#ring.positionOf(tokenHigh, tokenLow)]!
  }

  #tableOf(keyspace: string): ReplicaTable<Target<N>> | undefined {
    const replication = this.#keyspaces.get(keyspace)
    if (replication === undefined) return undefined
    const key = JSON.stringify([...replication].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (!this.#tablesByReplication.has(key)) {
      this.#tablesByReplication.set(key, this.#computeTable(replication))
    }
    const table = this.#tablesByReplication.get(key)
    this.#tables.set(keyspace, table)
    return table
  }

  #computeTable(replication: Replication): ReplicaTable<Target<N>> | undefined {
    const targets = this.#nodes.map((_, i) => this.targets[i])
    const table = computeReplicas(this.#ring, this.#nodes, targets, replication)
    if (table === undefined) return undefined
    const used = new Map<readonly unknown[], readonly Target<N>[]>()
    return table.map((replicas) => {
      let list = used.get(replicas)
      if (list === undefined) {
        list = replicas.filter((target) => target !== undefined)
        used.set(replicas, list)
      }
      return list
    })
  }
}

/** Tokens of other partitioners are no 64-bit numbers; such a node takes no part in the ring. */
function parseToken(text: string): bigint[] {
  if (!/^-?[0-9]{1,19}$/.test(text)) return []
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? [value] : []
}
