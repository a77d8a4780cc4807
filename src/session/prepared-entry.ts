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
  readonly keyspace: string | undefined
  readonly table: string | undefined
  /** Whether a marker's type can change under it. */
  readonly hasUserTypes: boolean
  /** Up to which change of the schema this is what PREPARE says: {@link SchemaLog.epoch}. */
  epoch: number
  readonly isIdempotent: boolean
  /** Whether the client may stamp it. */
  readonly takesTimestamp: boolean
  readonly isCounterUpdate: boolean
  /** Whether it is known to be about one partition. */
  readonly isSinglePartition: boolean

  constructor(
    prepared: PreparedResult,
    facts: StatementFacts,
    options: CodecOptions,
    epoch: number,
  ) {
    const { markers, partitionKeyIndexes } = prepared.bind
    this.id = prepared.id
    this.markers = markers
    this.partitionKeyIndexes = partitionKeyIndexes
    this.resultColumns = prepared.resultColumns
    this.plan = new BindPlan(markers, partitionKeyIndexes, facts.markers, options)
    this.keyspace = markers[0]?.keyspace
    this.table = markers[0]?.table
    this.hasUserTypes = markers.some(({ type }) => JSON.stringify(type).includes('"udt"'))
    this.epoch = epoch
    this.isIdempotent = isRepeatable(markers, facts)
    this.isCounterUpdate = facts.mayUpdateCounter && !assignsCollection(markers, facts)
    this.takesTimestamp = takesTimestamp(facts, this.isCounterUpdate)
    this.isSinglePartition = namesOnePartition(prepared, facts)
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
  }

  get isIdempotent(): boolean {
    return this.state.isIdempotent
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

/** Whether the client may stamp it: a plain write that has no timestamp of its own. */
export function takesTimestamp(facts: StatementFacts, isCounterUpdate: boolean): boolean {
  return isPlainWrite(facts) && !facts.hasUsingTimestamp && !isCounterUpdate
}

/**
 * Whether every attempt means the same moment. A write that the servers stamp is later with every
 * attempt, and would undo what others wrote in between.
 */
export function isStamped(facts: StatementFacts, timestamp: number | bigint | undefined): boolean {
  return facts.kind === 'select' || facts.hasUsingTimestamp || timestamp !== undefined
}

/** Whether repeating it is harmless, now that the types of its markers are known. */
function isRepeatable(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  if (facts.kind !== 'select' && assignsList(markers, facts)) return false
  return facts.isIdempotent || (facts.isIdempotentForMapKeys && elementsAreMapKeys(markers, facts))
}

/**
 * A list assigned twice at one timestamp is there twice: see `cql/facts.ts`. Servers do not say
 * whether it is frozen, and then harmless.
 */
function assignsList(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  return facts.markers.some(
    ({ clause, index }) =>
      (clause === 'set' || clause === 'insert') && markers[index]?.type.kind === 'list',
  )
}

/** `IN (?, ?)` names several partitions with markers that each look like a whole key. */
function namesOnePartition({ bind }: PreparedResult, facts: StatementFacts): boolean {
  const { markers, partitionKeyIndexes } = bind
  if (partitionKeyIndexes.length === 0 || facts.markers.length !== markers.length) return false
  return partitionKeyIndexes.every((index) => {
    const fact = facts.markers[index]
    return fact?.clause === 'insert' || (fact?.clause === 'where' && fact.operator === '=')
  })
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
