import type { BatchStatement } from '../../cql/index.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import type { ModifyPlan } from './modify.ts'

export type BatchKind = BatchStatement['type']

/** BEGIN BATCH … APPLY BATCH, ready to be executed. */
export interface BatchPlan {
  readonly kind: 'batch'
  readonly type: BatchKind
  readonly parts: readonly ModifyPlan[]
  readonly timestamp: Term | undefined
}

/** BatchStatement.validate */
export function checkBatch(
  type: BatchKind,
  parts: readonly ModifyPlan[],
  hasTimestamp: boolean,
): void {
  const hasConditions = parts.some((part) => part.condition !== undefined)
  const hasCounters = parts.some((part) => part.table.isCounter)
  const hasOthers = parts.some((part) => !part.table.isCounter)
  if (hasTimestamp) {
    if (hasConditions) throw invalid('Cannot provide custom timestamp for conditional BATCH')
    if (type === 'counter') throw invalid('Cannot provide custom timestamp for counter BATCH')
    if (hasCounters) {
      throw invalid('Cannot provide custom timestamp for a BATCH containing counters')
    }
    if (parts.some((part) => part.timestamp !== undefined)) {
      throw invalid('Timestamp must be set either on BATCH or individual statements')
    }
  }
  if (hasCounters && hasOthers) {
    throw invalid('Counter and non-counter mutations cannot exist in the same batch')
  }
  if (hasCounters && type === 'logged') {
    throw invalid('Cannot include a counter statement in a logged batch')
  }
  if (hasOthers && type === 'counter') {
    throw invalid('Cannot include non-counter statement in a counter batch')
  }
  if (!hasConditions) return
  const [first] = parts
  if (
    parts.some(
      ({ table }) => table.keyspace !== first!.table.keyspace || table.name !== first!.table.name,
    )
  ) {
    throw invalid('Batch with conditions cannot span multiple tables')
  }
}
