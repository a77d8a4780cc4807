/** What a request can be sent to. */
export interface Target<Node> {
  readonly node: Node
  /** Shard of the node, where the node has shards and the right one is known. */
  readonly shard: number | undefined
}

/** Finds the replicas of partitions, by whatever way the cluster distributes them. */
export interface Locator<Node> {
  /** One target per node, without a shard. */
  readonly targets: readonly Target<Node>[]
  /**
   * Returns the replicas of a partition, by the two halves of its token. The list is empty when
   * they cannot be known.
   */
  replicasFor(keyspace: string, tokenHigh: number, tokenLow: number): readonly Target<Node>[]
}
