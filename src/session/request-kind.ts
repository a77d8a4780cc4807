import type { StatementFacts } from '../cql/index.ts'
import type { RequestKind } from '../errors/index.ts'

/** What PREPARE tells about a statement, and its text alone does not. */
export interface KindDetails {
  readonly isCounterUpdate: boolean
  /** Whether it is known to write to one partition only. */
  readonly isSinglePartition: boolean
}

/** What a failed statement was; what is not known to be harmless counts as an unlogged batch. */
export function kindOfStatement(facts: StatementFacts, details: KindDetails): RequestKind {
  const { kind } = facts
  if (kind === 'select') return 'read'
  if (facts.isConditional) return 'lwt'
  if (details.isCounterUpdate) return 'counter'
  if (kind === 'insert') return 'write'
  const isRowWrite = kind === 'update' || kind === 'delete'
  return isRowWrite && details.isSinglePartition ? 'write' : 'unlogged_batch'
}
