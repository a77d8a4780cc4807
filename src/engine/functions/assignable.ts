import { type CqlType, cqlTypeText } from '../../types/index.ts'

/** Whether values of `from` may be stored as `to`: equal types, or types with equal encodings. */
export function isAssignable(to: CqlType, from: CqlType): boolean {
  if (to.kind === from.kind && cqlTypeText(to) === cqlTypeText(from)) return true
  if (to.kind === 'text') return from.kind === 'ascii'
  if (to.kind === 'blob') return from.kind !== 'counter' && from.kind !== 'duration'
  if (to.kind === 'bigint') return from.kind === 'timestamp' || from.kind === 'counter'
  if (to.kind === 'counter') return from.kind === 'bigint'
  if (to.kind === 'uuid') return from.kind === 'timeuuid'
  if (to.kind === 'varint') return ['int', 'bigint', 'smallint', 'tinyint'].includes(from.kind)
  return false
}
