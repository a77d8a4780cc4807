import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { Term } from '../evaluate/term.ts'
import type { TupleTerms } from '../evaluate/tuple-terms.ts'
import { invalid } from '../errors.ts'
import {
  equalityAndInequality,
  moreThanOneEqual,
  moreThanOneIn,
  precedingNotEqual,
  precedingNotEqualKey,
  secondBound,
} from './messages.ts'
import type { Restriction, SliceOperator } from './relations.ts'

export interface Bound {
  readonly columns: readonly ColumnSchema[]
  readonly value: TupleTerms
  readonly inclusive: boolean
  readonly isTuple: boolean
}

/** Restrictions of the same columns, merged. */
export type MergedRestriction =
  | Extract<Restriction, { kind: 'eq' | 'in' }>
  | {
      readonly kind: 'slice'
      readonly columns: readonly ColumnSchema[]
      readonly start: Bound | undefined
      readonly end: Bound | undefined
    }
  | {
      readonly kind: 'contains'
      readonly columns: readonly ColumnSchema[]
      readonly tests: Extract<Restriction, { kind: 'contains' | 'element' }>[]
    }

export type KeyedRestriction = Exclude<Restriction, { kind: 'token' }>

function asMergedRestriction(restriction: KeyedRestriction): MergedRestriction {
  switch (restriction.kind) {
    case 'eq':
    case 'in':
      return restriction
    case 'slice': {
      const { columns, operator, value, isTuple } = restriction
      const bound: Bound = { columns, value, inclusive: isInclusive(operator), isTuple }
      const isStart = operator === '>' || operator === '>='
      return {
        kind: 'slice',
        columns,
        start: isStart ? bound : undefined,
        end: isStart ? undefined : bound,
      }
    }
    default:
      return { kind: 'contains', columns: [restriction.column], tests: [restriction] }
  }
}

function isInclusive(operator: SliceOperator): boolean {
  return operator === '>=' || operator === '<='
}

function inCommon(a: MergedRestriction, b: MergedRestriction): string {
  const common = a.columns.filter((column) => b.columns.includes(column))
  return common.map((column) => column.name).join(', ')
}

/** SingleColumnRestriction.doMergeWith and MultiColumnRestriction.doMergeWith. */
function merge(existing: MergedRestriction, added: MergedRestriction): MergedRestriction {
  const common = inCommon(existing, added)
  if (existing.kind === 'eq') throw invalid(moreThanOneEqual(common))
  if (existing.kind === 'in') throw invalid(moreThanOneIn(common))
  if (existing.kind === 'contains') {
    if (added.kind !== 'contains') {
      throw invalid(
        `Collection column ${common} can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality`,
      )
    }
    // The set owns the array. A copy per relation would take quadratic time.
    existing.tests.push(...added.tests)
    return existing
  }
  const first = existing.columns[0]!
  if (added.kind !== 'slice') throw invalid(equalityAndInequality(common))
  if (first !== added.columns[0]) {
    throw invalid(
      `Column "${added.columns[0]!.name}" cannot be restricted by two inequalities not starting with the same column`,
    )
  }
  if (existing.start !== undefined && added.start !== undefined) {
    throw invalid(secondBound('start', common))
  }
  if (existing.end !== undefined && added.end !== undefined) {
    throw invalid(secondBound('end', common))
  }
  const longer = existing.columns.length >= added.columns.length ? existing : added
  return {
    kind: 'slice',
    columns: longer.columns,
    start: existing.start ?? added.start,
    end: existing.end ?? added.end,
  }
}

/** Restrictions of columns of one kind, in the order of the columns (RestrictionSet). */
export class RestrictionSet {
  #items: MergedRestriction[] = []

  get items(): readonly MergedRestriction[] {
    return this.#items
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  columns(): ColumnSchema[] {
    return this.#items.flatMap((item) => [...item.columns])
  }

  has(kind: MergedRestriction['kind']): boolean {
    return this.#items.some((item) => item.kind === kind)
  }

  of(column: ColumnSchema): MergedRestriction | undefined {
    return this.#items.find((item) => item.columns.includes(column))
  }

  add(restriction: KeyedRestriction): void {
    let added = asMergedRestriction(restriction)
    const rest: MergedRestriction[] = []
    for (const item of this.#items) {
      if (item.columns.some((column) => added.columns.includes(column))) added = merge(item, added)
      else rest.push(item)
    }
    rest.push(added)
    this.#items = rest.sort((a, b) => compareColumns(a.columns[0]!, b.columns[0]!))
  }

  /** Like `add`, but refuses restrictions of columns after a slice. */
  addClustering(restriction: KeyedRestriction, allowFiltering: boolean): void {
    const last = this.#items.at(-1)
    const before = this.#items
    this.add(restriction)
    if (last === undefined || allowFiltering) return
    const start = asMergedRestriction(restriction).columns[0]!
    const lastStart = last.columns[0]!
    if (last.kind === 'slice' && start.position > lastStart.position) {
      throw invalid(precedingNotEqual(start.name, lastStart.name))
    }
    if (start.position < lastStart.position && restriction.kind === 'slice') {
      const next = before
        .flatMap((item) => item.columns)
        .find((column) => column.position > start.position)
      throw invalid(precedingNotEqualKey(next!.name, start.name))
    }
  }
}

function compareColumns(a: ColumnSchema, b: ColumnSchema): number {
  if (a.position !== b.position) return a.position - b.position
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

export interface TokenBounds {
  readonly start: { readonly value: Term; readonly inclusive: boolean } | undefined
  readonly end: { readonly value: Term; readonly inclusive: boolean } | undefined
  readonly isEqual: boolean
}

/** TokenRestriction.mergeWith. */
export function mergeToken(
  existing: TokenBounds | undefined,
  { operator, value }: Extract<Restriction, { kind: 'token' }>,
  columns: string,
): TokenBounds {
  if (existing?.isEqual) throw invalid(moreThanOneEqual(columns))
  if (operator === '=') {
    if (existing !== undefined) {
      throw invalid(
        `Columns "${columns}" cannot be restricted by both an equality and an inequality relation`,
      )
    }
    const bound = { value, inclusive: true }
    return { start: bound, end: bound, isEqual: true }
  }
  const bound = { value, inclusive: isInclusive(operator) }
  if (operator === '>' || operator === '>=') {
    if (existing?.start !== undefined) throw invalid(secondBound('start', columns))
    return { start: bound, end: existing?.end, isEqual: false }
  }
  if (existing?.end !== undefined) throw invalid(secondBound('end', columns))
  return { start: existing?.start, end: bound, isEqual: false }
}
