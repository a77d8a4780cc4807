import type { TokenRing } from './token-ring.ts'

/** A node as far as replication knows it. */
export interface RingNode {
  readonly dataCenter: string
  readonly rack: string
  /** Tokens as the system tables spell them. */
  readonly tokens: readonly string[]
}

/** Options of a keyspace as `system_schema.keyspaces.replication` has them. */
export type Replication = ReadonlyMap<string, string>

/** Replicas by position of the ring; positions with the same replicas share one list. */
export type ReplicaTable<T> = readonly (readonly T[])[]

/**
 * Returns the replicas of every range, or `undefined` for a strategy whose replicas no client can
 * compute.
 *
 * @param targets by node index: what stands for the node in the table
 */
export function computeReplicas<T>(
  ring: TokenRing,
  nodes: readonly RingNode[],
  targets: readonly T[],
  replication: Replication,
): ReplicaTable<T> | undefined {
  const strategy = replication.get('class')?.split('.').at(-1)
  switch (strategy) {
    case 'SimpleStrategy': {
      const factor = replicaCount(replication.get('replication_factor'))
      return tableOf(ring, targets, (position) => simpleReplicas(ring, position, factor))
    }
    case 'NetworkTopologyStrategy': {
      const dataCenters = dataCentersOf(nodes, replication)
      return tableOf(ring, targets, (position) =>
        topologyReplicas(ring, nodes, position, dataCenters),
      )
    }
    case 'EverywhereStrategy': {
      const all = [...nodes.keys()]
      return tableOf(ring, targets, () => all)
    }
    default:
      return undefined
  }
}

/** `3`, or `3/1` where one of three replicas is transient. */
function replicaCount(text: string | undefined): number {
  const count = Number.parseInt(text ?? '', 10)
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}

function tableOf<T>(
  ring: TokenRing,
  targets: readonly T[],
  replicasAt: (position: number) => number[],
): ReplicaTable<T> {
  const shared = new Map<string, readonly T[]>()
  return Array.from({ length: ring.size }, (_, position) => {
    const indexes = replicasAt(position)
    const key = indexes.join()
    const known = shared.get(key) ?? Object.freeze(indexes.map((index) => targets[index]!))
    shared.set(key, known)
    return known
  })
}

/** The next distinct nodes of the ring (org.apache.cassandra.locator.SimpleStrategy). */
function simpleReplicas(ring: TokenRing, position: number, factor: number): number[] {
  const replicas: number[] = []
  for (let step = 0; step < ring.size && replicas.length < factor; step++) {
    const owner = ring.owners[(position + step) % ring.size]!
    if (!replicas.includes(owner)) replicas.push(owner)
  }
  return replicas
}

interface DataCenter {
  readonly replicaCount: number
  /** How many replicas may share a rack with another: those beyond the number of racks. */
  readonly rackRepeatCount: number
}

function dataCentersOf(
  nodes: readonly RingNode[],
  replication: Replication,
): ReadonlyMap<string, DataCenter> {
  const dataCenters = new Map<string, DataCenter>()
  for (const name of new Set(nodes.map((node) => node.dataCenter))) {
    const factor = replicaCount(replication.get(name))
    if (factor === 0) continue
    const members = nodes.filter((node) => node.dataCenter === name && node.tokens.length > 0)
    const rackCount = new Set(members.map((node) => node.rack)).size
    dataCenters.set(name, {
      replicaCount: Math.min(factor, members.length),
      rackRepeatCount: factor - rackCount,
    })
  }
  return dataCenters
}

/**
 * For each data center the next nodes of the ring, racks not yet used first
 * (org.apache.cassandra.locator.NetworkTopologyStrategy, DatacenterEndpoints).
 */
function topologyReplicas(
  ring: TokenRing,
  nodes: readonly RingNode[],
  position: number,
  dataCenters: ReadonlyMap<string, DataCenter>,
): number[] {
  const replicas: number[] = []
  const left = new Map<string, { replicas: number; rackRepeats: number; racks: Set<string> }>()
  let open = 0
  for (const [name, { replicaCount: count, rackRepeatCount }] of dataCenters) {
    left.set(name, { replicas: count, rackRepeats: rackRepeatCount, racks: new Set() })
    if (count > 0) open++
  }
  for (let step = 0; step < ring.size && open > 0; step++) {
    const owner = ring.owners[(position + step) % ring.size]!
    const { dataCenter, rack } = nodes[owner]!
    const state = left.get(dataCenter)
    if (state === undefined || state.replicas === 0 || replicas.includes(owner)) continue
    if (state.racks.has(rack)) {
      if (state.rackRepeats <= 0) continue
      state.rackRepeats--
    }
    state.racks.add(rack)
    replicas.push(owner)
    state.replicas--
    if (state.replicas === 0) open--
  }
  return replicas
}
