import { shareAcrossBuilds } from '../util/index.ts'
import type { ColumnSpec } from './column-spec.ts'
import { StatementBase, type StatementOptions } from './statement.ts'

/** Data of a statement that a session has prepared. Implemented by the session. */
export interface PreparedSource {
  readonly text: string
  /** Keyspace in effect when it was prepared. */
  readonly keyspace: string | undefined
  /** Id of the statement on the servers. */
  readonly id: Uint8Array
  readonly markers: readonly ColumnSpec[]
  /** Columns of its result as known at PREPARE; empty when it returns no rows. */
  readonly resultColumns: readonly ColumnSpec[]
  /** Positions of the markers that make up the partition key, in key order. */
  readonly partitionKeyIndexes: readonly number[]
  readonly isIdempotent: boolean
}

/** A statement the server has parsed. Immutable; valid for as long as its session. */
export class PreparedStatement extends StatementBase {
  static {
    shareAcrossBuilds(this, 'PreparedStatement')
  }

  /** @internal */
  readonly source: PreparedSource

  /** @internal Made by `session.prepare()`. */
  constructor(source: PreparedSource, options: StatementOptions = {}) {
    super(options)
    this.source = source
  }

  protected override with(options: StatementOptions): this {
    return new PreparedStatement(this.source, options) as this
  }

  /** Id of the statement on the servers, as a copy. */
  getId(): Uint8Array {
    return this.source.id.slice()
  }
  /** The CQL text. */
  getStatement(): string {
    return this.source.text
  }
  /** The bind markers in order, named as the server names them. */
  getMarkers(): readonly ColumnSpec[] {
    return this.source.markers
  }
  /** Columns of the result when the statement was prepared; empty when it returns no rows. */
  getResultColumns(): readonly ColumnSpec[] {
    return this.source.resultColumns
  }
  /** As it was declared, or else as inferred from the text and the types of its markers. */
  override isIdempotent(): boolean {
    return this.options.idempotent ?? this.source.isIdempotent
  }
}
