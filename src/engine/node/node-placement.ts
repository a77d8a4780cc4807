import type { ClientAddress } from './client-address.ts'

/** The partition that a statement with a bound partition key is for. */
export interface RequestedPartition {
  readonly keyspace: string
  readonly table: string
  /** Replication of the keyspace, as `system_schema.keyspaces` has it. */
  readonly replication: ReadonlyMap<string, string>
  readonly token: bigint
}

/** What a node of a cluster says about where partitions are, and hears of requests for them. */
export interface NodePlacement {
  /** Options of SUPPORTED besides those of every node. */
  supported(client: ClientAddress): Iterable<readonly [name: string, values: readonly string[]]>
  /**
   * Returns what the engine runs for the text of a QUERY or a PREPARE: other servers know clauses
   * that Cassandra does not.
   */
  statementText(text: string): string
  /**
   * Called for every EXECUTE with a bound partition key.
   *
   * @returns custom payload of the response
   */
  onRequest(
    client: ClientAddress,
    partition: RequestedPartition,
  ): ReadonlyMap<string, Uint8Array> | undefined
}
