/** What a request can be sent to. */
export interface Target<Node> {
  readonly node: Node
  /** Shard of the node, where the node has shards and the right one is known. */
  readonly shard: number | undefined
  /** Whether the node leads the replicas of the partition, so that requests begin there. */
  readonly isLeader: boolean
}

/** Where the rows of a request are. */
export interface Partition {
  readonly keyspace: string
  readonly table: string
  /** The two halves of the token. */
  readonly tokenHigh: number
  readonly tokenLow: number
}

/** Finds the replicas of partitions, by whatever way the cluster distributes them. */
export interface Locator<Node> {
  /** One target per node, without a shard. */
  readonly targets: readonly Target<Node>[]
  /** Returns the replicas of a partition. The list is empty when they cannot be known. */
  replicasFor(partition: Partition): readonly Target<Node>[]
}
