/**
 * Where a partition lies in the store. Keys are latin1 strings, one character per byte, so that the
 * tree compares them natively.
 */
export interface PartitionKey {
  /** The routing key: one component as it is, several in Cassandra's composite form. */
  readonly bytes: Uint8Array
  readonly tokenHi: number
  readonly tokenLo: number
  /** What every key of the partition begins with: tag, generation, token, escaped key. */
  readonly prefix: string
}

/** A full clustering key: one row of a partition. */
export interface ClusteringKey {
  /** Wire bytes of every component, in the order of the table. */
  readonly components: readonly Uint8Array[]
  /** Byte-comparable, follows the partition's prefix. */
  readonly key: string
}

/** A place between rows: before or after all rows that begin with some clustering components. */
export interface ClusteringBound {
  /** Byte-comparable, never equal to the key of a row. */
  readonly key: string
}
