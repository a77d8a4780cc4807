import type { StatementFacts } from '../../cql/index.ts'
import type { RequestKind } from '../../errors/index.ts'
import type { BindMetadata } from '../../protocol/index.ts'
import type { BatchType, ColumnSpec } from '../../types/index.ts'

// The only file that says what may be repeated, what may carry a timestamp of the client, and what
// a failed request counts as. Each answer denies what is not known to be harmless.

/** What the text of a statement and the types of its markers say together. */
export interface Repeatability {
  /** Whether repeating it is harmless, provided its timestamp is fixed. */
  readonly isIdempotent: boolean
  /** Whether the client may send a timestamp with it. */
  readonly acceptsClientTimestamp: boolean
  readonly kind: RequestKind
}

/** For a text that was not prepared: every `c = c + v` may be a counter. */
export function repeatabilityOfText(facts: StatementFacts): Repeatability {
  return {
    isIdempotent: facts.isIdempotent,
    acceptsClientTimestamp: acceptsClientTimestamp(facts, facts.mayUpdateCounter),
    kind: kindOf(facts, facts.mayUpdateCounter, false),
  }
}

export function repeatabilityOfPrepared(
  facts: StatementFacts,
  bind: Pick<BindMetadata, 'markers' | 'partitionKeyIndexes'>,
): Repeatability {
  const { markers } = bind
  const isCounterUpdate = facts.mayUpdateCounter && !assignsCollection(markers, facts)
  return {
    isIdempotent: isIdempotent(markers, facts),
    acceptsClientTimestamp: acceptsClientTimestamp(facts, isCounterUpdate),
    kind: kindOf(facts, isCounterUpdate, namesOnePartition(bind, facts)),
  }
}

/** Whether the client may stamp a batch of these statements: the batch has one timestamp. */
export function batchAcceptsClientTimestamp(
  type: BatchType,
  parts: readonly StatementFacts[],
): boolean {
  return type !== 'counter' && parts.every(isPlainWrite)
}

export function kindOfBatch(type: BatchType, parts: readonly StatementFacts[]): RequestKind {
  if (type === 'counter') return 'counter'
  if (parts.some(({ isConditional }) => isConditional)) return 'lwt'
  return type === 'logged' ? 'logged_batch' : 'unlogged_batch'
}

/**
 * Whether every attempt means the same moment. A write that the servers stamp is later with every
 * attempt, and would undo what others wrote in between.
 */
export function hasFixedTimestamp(
  facts: StatementFacts,
  timestamp: number | bigint | undefined,
): boolean {
  return facts.kind === 'select' || facts.hasUsingTimestamp || timestamp !== undefined
}

/** INSERT, UPDATE, DELETE or a batch of them, without a condition. */
function isPlainWrite({ kind, isConditional }: StatementFacts): boolean {
  const isWrite = kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'batch'
  return isWrite && !isConditional
}

function acceptsClientTimestamp(facts: StatementFacts, isCounterUpdate: boolean): boolean {
  return isPlainWrite(facts) && !facts.hasUsingTimestamp && !isCounterUpdate
}

/** What is not known to be harmless counts as an unlogged batch. */
function kindOf(
  facts: StatementFacts,
  isCounterUpdate: boolean,
  isSinglePartition: boolean,
): RequestKind {
  const { kind } = facts
  if (kind === 'select') return 'read'
  if (facts.isConditional) return 'lwt'
  if (isCounterUpdate) return 'counter'
  if (kind === 'insert') return 'write'
  const isRowWrite = kind === 'update' || kind === 'delete'
  return isRowWrite && isSinglePartition ? 'write' : 'unlogged_batch'
}

function isIdempotent(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  if (facts.kind !== 'select' && assignsList(markers, facts)) return false
  return facts.isIdempotent || (facts.isIdempotentForMapKeys && elementsAreMapKeys(markers, facts))
}

/**
 * A list assigned twice at one timestamp is there twice: see `cql/statement-analysis.ts`. Servers
 * do not say whether it is frozen, and then harmless.
 */
function assignsList(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  return facts.markers.some(
    ({ clause, index }) =>
      (clause === 'set' || clause === 'insert') && markers[index]?.type.kind === 'list',
  )
}

/** `IN (?, ?)` names several partitions with markers that each look like a whole key. */
function namesOnePartition(
  { markers, partitionKeyIndexes }: Pick<BindMetadata, 'markers' | 'partitionKeyIndexes'>,
  facts: StatementFacts,
): boolean {
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

/** `c = c + ?` with a collection is no counter update. With a literal the text does not show it. */
function assignsCollection(markers: readonly ColumnSpec[], facts: StatementFacts): boolean {
  const assigned = facts.markers.filter(({ clause }) => clause === 'set')
  return (
    assigned.length > 0 && assigned.every(({ index }) => markers[index]?.type.kind !== 'counter')
  )
}
