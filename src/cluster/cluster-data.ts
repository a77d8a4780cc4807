import type { KeyspaceDescription } from './system-tables.ts'

/** Description of one node in {@link ClusterData}. */
export interface NodeData {
  readonly hostId: string
  readonly address: string
  readonly dataCenter: string
  readonly rack: string
  readonly releaseVersion: string | undefined
  /** Number of open connections in the pool of the node. */
  readonly connectionCount: number
  readonly isAvailable: boolean
  /** Whether it owns no part of the ring: it is known, but gets no connections and no requests. */
  readonly isZeroToken: boolean
}

/** Result of `session.getClusterData()`: a snapshot, which later changes do not affect. */
export interface ClusterData {
  readonly clusterName: string
  readonly partitioner: string
  readonly localDataCenter: string
  readonly nodes: readonly NodeData[]
  readonly keyspaces: ReadonlyMap<string, KeyspaceDescription>
}
