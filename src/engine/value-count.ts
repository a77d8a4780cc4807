import type { RawValue } from '../protocol/index.ts'
import type { ColumnSpec } from '../types/index.ts'
import { invalid } from './errors.ts'

/** The request that brings values: Cassandra words the same fault differently for each. */
export type ValuesOf = 'query' | 'execute' | 'batch'

/** @throws ServerError unless there is a value for every marker and no more */
export function checkValueCount(
  markers: readonly ColumnSpec[],
  values: readonly RawValue[],
  request: ValuesOf,
): void {
  if (values.length === markers.length) return
  if (request === 'query') throw invalid('Invalid amount of bind variables')
  const there = request === 'batch' ? 'There' : 'there'
  throw invalid(
    `${there} were ${markers.length} markers(?) in CQL but ${values.length} bound variables`,
  )
}
