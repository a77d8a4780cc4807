import { BindPlan, type CodecOptions } from '../codec/index.ts'
import type { StatementFacts } from '../cql/index.ts'
import type { PreparedResult } from '../protocol/index.ts'
import type { ColumnSpec, PreparedSource } from '../types/index.ts'
import type { ShapeCache } from './shape-cache.ts'

/**
 * What one PREPARE answered. Id, markers and plan belong together: a request keeps the one it was
 * encoded with until its answer is read, whatever a re-PREPARE changes meanwhile.
 */
export class PreparedState {
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
  readonly tableKeyspace: string | undefined
  /** Whether a marker's type can change under it. */
  readonly hasUserTypes: boolean

  constructor(prepared: PreparedResult, facts: StatementFacts, options: CodecOptions) {
    this.id = prepared.id
    this.markers = prepared.bind.markers
    this.partitionKeyIndexes = prepared.bind.partitionKeyIndexes
    this.resultColumns = prepared.resultColumns
    this.plan = new BindPlan(this.markers, this.partitionKeyIndexes, facts.markers, options)
    this.tableKeyspace = this.markers[0]?.keyspace
    this.hasUserTypes = this.markers.some(({ type }) => JSON.stringify(type).includes('"udt"'))
  }

  /** The id by which a node knows the statement. */
  idOn(address: string): Uint8Array {
    return this.#otherIds?.get(address) ?? this.id
  }

  /** Keeps what a node that was asked anew calls the statement. */
  learnId(address: string, id: Uint8Array): void {
    if (Buffer.compare(this.id, id) !== 0) (this.#otherIds ??= new Map()).set(address, id)
    else this.#otherIds?.delete(address)
  }

  /** Whether another PREPARE of the text told the same markers. */
  hasMarkersOf(prepared: PreparedResult): boolean {
    return (
      JSON.stringify(this.markers) === JSON.stringify(prepared.bind.markers) &&
      JSON.stringify(this.partitionKeyIndexes) === JSON.stringify(prepared.bind.partitionKeyIndexes)
    )
  }
}

/** A statement prepared by one session, shared by all `PreparedStatement`s of its text. */
export class PreparedEntry implements PreparedSource {
  /** Who prepared it: a session takes only entries of its own. */
  readonly owner: object
  readonly text: string
  readonly keyspace: string | undefined
  readonly facts: StatementFacts
  readonly isIdempotent: boolean
  /** Whether the client may stamp it: a plain write that has no timestamp of its own. */
  readonly takesTimestamp: boolean
  readonly isCounterUpdate: boolean
  /** Row shapes of its results, by the metadata they came with. */
  readonly shapes: ShapeCache
  state: PreparedState
  /** PREPAREs under way, by node address: single flight. */
  readonly preparing: Map<string, Promise<void>> = new Map()

  constructor(
    owner: object,
    statement: Pick<PreparedEntry, 'text' | 'keyspace' | 'facts'>,
    state: PreparedState,
    shapes: ShapeCache,
  ) {
    const { text, keyspace, facts } = statement
    this.owner = owner
    this.text = text
    this.keyspace = keyspace
    this.facts = facts
    this.state = state
    this.shapes = shapes
    this.isIdempotent =
      facts.isIdempotent ||
      (facts.isIdempotentForMapKeys && elementsAreMapKeys(state.markers, facts))
    this.isCounterUpdate = facts.mayUpdateCounter && !assignsCollection(state.markers, facts)
    this.takesTimestamp = isPlainWrite(facts) && !facts.hasUsingTimestamp && !this.isCounterUpdate
  }

  get id(): Uint8Array {
    return this.state.id
  }
  get markers(): readonly ColumnSpec[] {
    return this.state.markers
  }
  get resultColumns(): readonly ColumnSpec[] {
    return this.state.resultColumns
  }
  get partitionKeyIndexes(): readonly number[] {
    return this.state.partitionKeyIndexes
  }
}

/** INSERT, UPDATE, DELETE or a batch of them, without a condition. */
export function isPlainWrite(facts: StatementFacts): boolean {
  const { kind } = facts
  const isWrite = kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'batch'
  return isWrite && !facts.isConditional
}

/**
 * Whether every attempt means the same moment. A write that the servers stamp is later with every
 * attempt, and would undo what others wrote in between.
 */
export function isStamped(facts: StatementFacts, timestamp: number | bigint | undefined): boolean {
  return facts.kind === 'select' || facts.hasUsingTimestamp || timestamp !== undefined
}

/** Setting an element is harmless to repeat by key, not by index of a list. */
function elementsAreMapKeys(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  return facts.markers.every(
    ({ clause, index }) => clause !== 'element' || markers[index]?.name.startsWith('key(') === true,
  )
}

/** `c = c + ?` with a collection is no counter's. With a literal the text alone cannot tell. */
function assignsCollection(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  const assigned = facts.markers.filter(({ clause }) => clause === 'set')
  return (
    assigned.length > 0 && assigned.every(({ index }) => markers[index]?.type.kind !== 'counter')
  )
}
