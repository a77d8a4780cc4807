import type { Expression } from '../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { resolveType } from '../catalog/types.ts'
import { constantFit, type Fit } from '../functions/literals.ts'
import type { PrepareContext } from './prepare-context.ts'

/** Whether values of `from` may be stored as `to`: the same type, or bytes that mean the same. */
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

/** How well a term fits a type, without preparing it (AssignmentTestable.testAssignment). */
export function fitOf(context: PrepareContext, value: Expression, type: CqlType): Fit {
  switch (value.kind) {
    case 'constant':
      return constantFit(value, type)
    case 'null':
      return type.kind === 'counter' ? 'none' : 'weak'
    case 'marker':
      return 'weak'
    case 'list':
      if (type.kind === 'list' || type.kind === 'vector') {
        return worst(value.elements.map((each) => fitOf(context, each, type.element)))
      }
      return 'none'
    case 'set':
      if (value.elements.length === 0 && type.kind === 'map') return 'weak'
      if (type.kind !== 'set') return 'none'
      return worst(value.elements.map((each) => fitOf(context, each, type.element)))
    case 'map':
      if (type.kind !== 'map') return 'none'
      return worst(
        value.entries.flatMap(({ key, value: item }) => [
          fitOf(context, key, type.key),
          fitOf(context, item, type.value),
        ]),
      )
    case 'udt': {
      if (type.kind !== 'udt') return 'none'
      const fields = value.fields.map(({ field, value: each }) =>
        fitOfField(context, each, type.fields.find(({ name }) => name === field)?.type),
      )
      return fields.includes('none') ? 'none' : 'weak'
    }
    case 'tuple':
      if (value.elements.length === 1) return fitOf(context, value.elements[0]!, type)
      if (type.kind !== 'tuple') return 'none'
      return worst(value.elements.map((each, i) => fitOfField(context, each, type.elements[i])))
    case 'hint':
    case 'cast':
      return fitOfType(type, resolveType(value.type, context.scope))
    default:
      return 'weak'
  }
}

function fitOfField(context: PrepareContext, value: Expression, type: CqlType | undefined): Fit {
  return type === undefined ? 'none' : fitOf(context, value, type)
}

export function fitOfType(to: CqlType, from: CqlType): Fit {
  if (cqlTypeText(to) === cqlTypeText(from)) return 'exact'
  return isAssignable(to, from) ? 'weak' : 'none'
}

function worst(fits: readonly Fit[]): Fit {
  if (fits.includes('none')) return 'none'
  return fits.includes('weak') || fits.length === 0 ? 'weak' : 'exact'
}
