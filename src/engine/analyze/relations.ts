import {
  type Expression,
  type Marker,
  printExpression,
  quoteIdentifier,
  type Relation,
} from '../../cql/index.ts'
import { cqlTypeText, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { someType } from '../catalog/type-resolution.ts'
import type { Term } from '../evaluate/term.ts'
import type { ListTerm, TupleTerms } from '../evaluate/tuple-terms.ts'
import { invalid } from '../errors.ts'
import { compileTerm } from './compile-term.ts'
import { tokenOfAll, tokenOrder } from './messages.ts'
import { columnReceiver, type PrepareContext, type Receiver } from './prepare-context.ts'

export type SliceOperator = '<' | '<=' | '>' | '>='

/** A relation of WHERE with its columns found and its values compiled. */
export type Restriction =
  | { readonly kind: 'eq'; readonly columns: readonly ColumnSchema[]; readonly value: TupleTerms }
  | {
      readonly kind: 'in'
      readonly columns: readonly ColumnSchema[]
      readonly values: readonly TupleTerms[] | ListTerm
    }
  | {
      readonly kind: 'slice'
      readonly columns: readonly ColumnSchema[]
      readonly operator: SliceOperator
      readonly value: TupleTerms
      /** Whether it was written `(a) > …`, which no filter takes. */
      readonly isTuple: boolean
    }
  | {
      readonly kind: 'contains'
      readonly column: ColumnSchema
      readonly isKey: boolean
      readonly value: Term
    }
  | {
      readonly kind: 'element'
      readonly column: ColumnSchema
      readonly key: Term
      readonly value: Term
    }
  | { readonly kind: 'token'; readonly operator: SliceOperator | '='; readonly value: Term }

export function relationText(relation: Relation): string {
  switch (relation.kind) {
    case 'compare':
      return `${quoteIdentifier(relation.column)} ${relation.operator} ${printExpression(relation.value)}`
    case 'like':
      return `${quoteIdentifier(relation.column)} LIKE ${printExpression(relation.value)}`
    case 'is_not_null':
      return `${quoteIdentifier(relation.column)} IS NOT NULL`
    case 'tuple':
      return `(${relation.columns.map(quoteIdentifier).join(', ')}) ${relation.operator} ${printExpression(relation.value)}`
    case 'tuple_in': {
      const values = Array.isArray(relation.values)
        ? `(${(relation.values as Expression[]).map(printExpression).join(', ')})`
        : '?'
      return `(${relation.columns.map(quoteIdentifier).join(', ')}) IN ${values}`
    }
    default:
      return ''
  }
}

export function compileRelation(context: PrepareContext, relation: Relation): Restriction {
  switch (relation.kind) {
    case 'compare':
      return compileComparison(context, relation)
    case 'in':
      return compileIn(context, relation.column, relation.values)
    case 'contains':
      return compileContains(context, relation)
    case 'element':
      return compileElement(context, relation)
    case 'token':
      return compileTokenRelation(context, relation)
    case 'tuple':
      return compileTupleRelation(context, relation)
    case 'tuple_in':
      return compileTupleIn(context, relation)
    case 'like':
      context.column(relation.column)
      throw invalid(
        `LIKE restriction is only supported on properly indexed columns. ${relationText(relation)} is not valid.`,
      )
    case 'is_not_null':
      context.column(relation.column)
      throw invalid(`Unsupported restriction: ${relationText(relation)}`)
    case 'index_expression':
      throw invalid(`Invalid index name ${relation.index.name}: custom indexes are not supported`)
  }
}

/** Refuses columns that no relation can compare as a whole. */
function checkComparable(column: ColumnSchema, operator: string): void {
  const { type } = column
  if (!column.isComplex) return
  if (type.kind === 'udt') {
    throw invalid(
      `Non-frozen UDT column '${column.name}' (${cqlTypeText(type)}) cannot be restricted by any relation`,
    )
  }
  throw invalid(
    `Collection column '${column.name}' (${cqlTypeText(type)}) cannot be restricted by a '${operator}' relation`,
  )
}

function checkSlice({ type }: ColumnSchema): void {
  if (!someType(type, (part) => part.kind === 'duration')) return
  const isCollection = type.kind === 'list' || type.kind === 'set' || type.kind === 'map'
  const what = isCollection ? 'collections' : type.kind === 'tuple' ? 'tuples' : 'UDTs'
  throw invalid(
    type.kind === 'duration'
      ? 'Slice restrictions are not supported on duration columns'
      : `Slice restrictions are not supported on ${what} containing durations`,
  )
}

function compileComparison(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'compare' }>,
): Restriction {
  const column = context.column(relation.column)
  const { operator } = relation
  if (operator === '!=') throw invalid(`Unsupported "!=" relation: ${relationText(relation)}`)
  if (operator !== '=') checkSlice(column)
  checkComparable(column, operator)
  const value = [compileTerm(context, relation.value, columnReceiver(column))]
  if (operator === '=') return { kind: 'eq', columns: [column], value }
  return { kind: 'slice', columns: [column], operator, value, isTuple: false }
}

function isMarker(values: Marker | readonly Expression[]): values is Marker {
  return !Array.isArray(values)
}

function compileIn(
  context: PrepareContext,
  name: string,
  values: Marker | readonly Expression[],
): Restriction {
  const column = context.column(name)
  checkComparable(column, 'IN')
  if (isMarker(values)) {
    const type = { kind: 'list', element: column.type, frozen: false } as const
    const receiver = { name: `in(${column.name})`, type, allowsNullElements: true }
    const marker = compileTerm(context, values, receiver)
    return { kind: 'in', columns: [column], values: { list: marker, hasTuples: false } }
  }
  const terms = values.map((value) => [compileTerm(context, value, columnReceiver(column))])
  if (terms.length === 1) return { kind: 'eq', columns: [column], value: terms[0]! }
  return { kind: 'in', columns: [column], values: terms }
}

function compileContains(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'contains' }>,
): Restriction {
  const column = context.column(relation.column)
  const { type } = column
  // Cassandra sees the type of a descending column as ReversedType here, not as a collection.
  const isReversed = column.descending
  if (relation.isKey && (isReversed || type.kind !== 'map')) {
    throw invalid(`Cannot use CONTAINS KEY on non-map column ${column.name}`)
  }
  if (isReversed || (type.kind !== 'map' && type.kind !== 'list' && type.kind !== 'set')) {
    throw invalid(`Cannot use CONTAINS on non-collection column ${column.name}`)
  }
  const part = type.kind === 'map' ? (relation.isKey ? type.key : type.value) : type.element
  const name = `${relation.isKey ? 'key' : 'value'}(${column.name})`
  const value = compileTerm(context, relation.value, { name, type: part })
  return { kind: 'contains', column, isKey: relation.isKey, value }
}

function compileElement(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'element' }>,
): Restriction {
  const column = context.column(relation.column)
  const { type, name } = column
  if (type.kind === 'list' && !column.descending) {
    throw invalid(`Indexes on list entries (${name}[index] = value) are not currently supported.`)
  }
  if (column.descending || type.kind !== 'map') {
    throw invalid(`Column ${name} cannot be used as a map`)
  }
  if (!column.isComplex) {
    throw invalid(`Map-entry equality predicates on frozen map column ${name} are not supported`)
  }
  if (relation.operator !== '=') throw invalid('Only EQ relations are supported on map entries')
  const key = compileTerm(context, relation.key, { name: `key(${name})`, type: type.key })
  const value = compileTerm(context, relation.value, { name: `value(${name})`, type: type.value })
  return { kind: 'element', column, key, value }
}

function compileTokenRelation(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'token' }>,
): Restriction {
  const { table } = context
  const columns = relation.columns.map((name) => context.column(name))
  const isSame = (a: readonly ColumnSchema[], b: readonly ColumnSchema[]): boolean =>
    a.length === b.length && a.every((column, index) => column.name === b[index]!.name)
  if (!isSame(columns, table.partitionKey)) {
    const isPermuted =
      columns.length === table.partitionKey.length &&
      table.partitionKey.every((key) => columns.some((column) => column.name === key.name))
    throw invalid(isPermuted ? tokenOrder(table) : tokenOfAll)
  }
  if (relation.operator === '!=') {
    throw invalid(`Unsupported "!=" relation: token(${relation.columns.join(', ')}) != …`)
  }
  const receiver = { name: 'partition key token', type: nativeTypes.bigint }
  const value = compileTerm(context, relation.value, receiver)
  return { kind: 'token', operator: relation.operator, value }
}

function tupleColumns(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'tuple' | 'tuple_in' }>,
): ColumnSchema[] {
  const columns: ColumnSchema[] = []
  for (const name of relation.columns) {
    const column = context.column(name)
    if (column.kind !== 'clustering') {
      throw invalid(
        `Multi-column relations can only be applied to clustering columns but was applied to: ${column.name}`,
      )
    }
    if (columns.includes(column)) {
      throw invalid(
        `Column "${column.name}" appeared twice in a relation: ${relationText(relation)}`,
      )
    }
    const previous = columns.at(-1)
    if (previous !== undefined && column.position !== previous.position + 1) {
      throw invalid(
        `Clustering columns must appear in the PRIMARY KEY order in multi-column relations: ${relationText(relation)}`,
      )
    }
    columns.push(column)
  }
  return columns
}

function tupleReceiver(columns: readonly ColumnSchema[]): Receiver {
  const name = `(${columns.map((column) => column.name).join(',')})`
  return { name, type: { kind: 'tuple', elements: columns.map((column) => column.type) } }
}

function compileTupleValue(
  context: PrepareContext,
  value: Expression,
  columns: readonly ColumnSchema[],
): TupleTerms {
  if (value.kind === 'marker') {
    return { tuple: compileTerm(context, value, tupleReceiver(columns)) }
  }
  const elements = value.kind === 'tuple' ? value.elements : [value]
  if (elements.length !== columns.length) {
    throw invalid(
      `Expected ${columns.length} elements in value tuple, but got ${elements.length}: ${printExpression(value)}`,
    )
  }
  return elements.map((each, index) => compileTerm(context, each, columnReceiver(columns[index]!)))
}

function compileTupleRelation(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'tuple' }>,
): Restriction {
  const { operator } = relation
  const columns = tupleColumns(context, relation)
  if (operator === '!=') throw invalid(`Unsupported "!=" relation: ${relationText(relation)}`)
  const value = compileTupleValue(context, relation.value, columns)
  if (operator === '=') return { kind: 'eq', columns, value }
  return { kind: 'slice', columns, operator, value, isTuple: true }
}

function compileTupleIn(
  context: PrepareContext,
  relation: Extract<Relation, { kind: 'tuple_in' }>,
): Restriction {
  const columns = tupleColumns(context, relation)
  const { values } = relation
  if (isMarker(values)) {
    const names = columns.map((column) => column.name).join(',')
    const element = { kind: 'tuple', elements: columns.map((column) => column.type) } as const
    const type = { kind: 'list', element, frozen: false } as const
    const receiver = { name: `in(${names})`, type, allowsNullElements: true }
    const list = compileTerm(context, values, receiver)
    return { kind: 'in', columns, values: { list, hasTuples: true } }
  }
  const terms = values.map((value) => compileTupleValue(context, value, columns))
  if (terms.length === 1) return { kind: 'eq', columns, value: terms[0]! }
  return { kind: 'in', columns, values: terms }
}
