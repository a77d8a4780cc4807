import { BindPlan, type CodecOptions } from '../../codec/index.ts'
import type { StatementFacts } from '../../cql/index.ts'
import type { PreparedResult } from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import { type Repeatability, repeatabilityOfPrepared } from './repeatability.ts'

/**
 * What one PREPARE answered. Id, markers and plan belong together: a request keeps the metadata it
 * was encoded with until its answer is read, whatever a re-PREPARE changes meanwhile.
 */
export class PreparedMetadata {
  readonly id: Uint8Array
  /**
   * Ids of nodes that call the same statement otherwise: servers of different versions hash other
   * things into it (CASSANDRA-15252).
   */
  #otherIds: Map<string, Uint8Array> | undefined
  readonly markers: readonly ColumnSpec[]
  readonly partitionKeyIndexes: readonly number[]
  readonly resultColumns: readonly ColumnSpec[]
  readonly plan: BindPlan
  /** Keyspace of the table, for routing. */
  readonly keyspace: string | undefined
  readonly table: string | undefined
  /** Whether a marker's type can change under it. */
  readonly hasUserTypes: boolean
  /** Up to which change of the schema the metadata is current: `SchemaChangeTracker.epoch`. */
  epoch: number
  readonly repeatability: Repeatability
  /** Whether it runs Paxos, as its text or the node says. */
  readonly isConditional: boolean

  /** @param lwtMarkMask flags by which the node marks conditional statements */
  constructor(
    prepared: PreparedResult,
    facts: StatementFacts,
    options: CodecOptions,
    epoch: number,
    lwtMarkMask: number | undefined,
  ) {
    const { markers, partitionKeyIndexes, flags } = prepared.bind
    this.id = prepared.id
    this.markers = markers
    this.partitionKeyIndexes = partitionKeyIndexes
    this.resultColumns = prepared.resultColumns
    this.plan = new BindPlan(markers, partitionKeyIndexes, facts.markers, options)
    this.keyspace = markers[0]?.keyspace
    this.table = markers[0]?.table
    this.hasUserTypes = markers.some(({ type }) => JSON.stringify(type).includes('"udt"'))
    this.epoch = epoch
    this.repeatability = repeatabilityOfPrepared(facts, prepared.bind)
    // The mask may be the sign bit.
    const isMarked = lwtMarkMask !== undefined && (flags & lwtMarkMask) >>> 0 === lwtMarkMask
    this.isConditional = facts.isConditional || isMarked
  }

  /** Returns the id by which a node knows the statement. */
  idOn(address: string): Uint8Array {
    return this.#otherIds === undefined ? this.id : (this.#otherIds.get(address) ?? this.id)
  }

  /** Stores the id that a node has answered to another PREPARE. */
  learnId(address: string, id: Uint8Array): void {
    if (Buffer.compare(this.id, id) !== 0) (this.#otherIds ??= new Map()).set(address, id)
    else this.#otherIds?.delete(address)
  }

  /** Whether another PREPARE of the text has returned the same markers. */
  hasMarkersOf({ bind }: PreparedResult): boolean {
    return (
      JSON.stringify(this.markers) === JSON.stringify(bind.markers) &&
      JSON.stringify(this.partitionKeyIndexes) === JSON.stringify(bind.partitionKeyIndexes)
    )
  }
}
