/** Where the engine differs from Cassandra on purpose, each with its reason. */
export interface KnownDifference {
  /** Script and statement, as the failing test prints them. */
  readonly script: string
  readonly statement: string
  readonly reason: string
}

export const knownDifferences: readonly KnownDifference[] = []
