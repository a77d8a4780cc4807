import type { KeyspaceDescription } from './system-tables.ts'

/** A node as the session knows it. */
export interface NodeData {
  readonly hostId: string
  readonly address: string
  readonly dataCenter: string
  readonly rack: string
  readonly releaseVersion: string | undefined
  /** Open connections. */
  readonly connectionCount: number
  readonly isAvailable: boolean
}

/** The result of `session.getClusterData()`: a snapshot, which later changes do not touch. */
export interface ClusterData {
  readonly clusterName: string
  readonly partitioner: string
  readonly localDataCenter: string
  readonly nodes: readonly NodeData[]
  readonly keyspaces: ReadonlyMap<string, KeyspaceDescription>
}
