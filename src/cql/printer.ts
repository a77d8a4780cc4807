import type {
  Access,
  Condition,
  Expression,
  IfClause,
  Marker,
  QualifiedName,
  Relation,
  TypeName,
} from './ast.ts'
import { quoteIdentifier, quoteString } from './identifiers.ts'

export const id: (name: string) => string = quoteIdentifier

export function printName({ keyspace, name }: QualifiedName): string {
  return keyspace === undefined ? id(name) : `${id(keyspace)}.${id(name)}`
}

export function printType(type: TypeName): string {
  switch (type.kind) {
    case 'native':
      return type.name
    case 'list':
    case 'set':
    case 'frozen':
      return `${type.kind}<${printType(type.element)}>`
    case 'map':
      return `map<${printType(type.key)}, ${printType(type.value)}>`
    case 'tuple':
      return `tuple<${type.elements.map(printType).join(', ')}>`
    case 'vector':
      return `vector<${printType(type.element)}, ${type.dimension}>`
    case 'named':
      return printName(type)
    case 'custom':
      return quoteString(type.className)
  }
}

export function printExpressions(values: readonly Expression[]): string {
  return values.map(printExpression).join(', ')
}

export function printExpression(value: Expression): string {
  switch (value.kind) {
    case 'constant':
      return value.type === 'string' ? quoteString(value.text) : value.text
    case 'marker':
      return value.name === undefined ? '?' : `:${id(value.name)}`
    case 'null':
      return 'NULL'
    case 'list':
      return `[${printExpressions(value.elements)}]`
    case 'set':
      return `{${printExpressions(value.elements)}}`
    case 'tuple':
      return `(${printExpressions(value.elements)})`
    case 'map': {
      const entries = value.entries.map(
        (entry) => `${printExpression(entry.key)}: ${printExpression(entry.value)}`,
      )
      return `{${entries.join(', ')}}`
    }
    case 'udt':
      return `{${value.fields.map((f) => `${id(f.field)}: ${printExpression(f.value)}`).join(', ')}}`
    case 'call': {
      const name = functionNameText(value.name)
      const qualified = value.keyspace === undefined ? name : `${id(value.keyspace)}.${name}`
      return `${qualified}(${printExpressions(value.args)})`
    }
    case 'hint':
      return `(${printType(value.type)}) ${printExpression(value.value)}`
    case 'cast':
      return `CAST(${printExpression(value.value)} AS ${printType(value.type)})`
    case 'binary':
      return `${printExpression(value.left)} ${value.operator} ${printExpression(value.right)}`
    case 'negate':
      return `- ${printExpression(value.value)}`
    default:
      return printSelectorPart(value)
  }
}

type SelectorPart = Extract<
  Expression,
  { kind: 'column' | 'field' | 'element' | 'slice' | 'count_rows' | 'cell_info' }
>

function printSelectorPart(value: SelectorPart): string {
  switch (value.kind) {
    case 'column':
      return id(value.name)
    case 'field':
      return `${printExpression(value.of)}.${id(value.field)}`
    case 'element':
      return `${printExpression(value.of)}[${printExpression(value.key)}]`
    case 'slice': {
      const from = value.from === undefined ? '' : `${printExpression(value.from)} `
      const to = value.to === undefined ? '' : ` ${printExpression(value.to)}`
      return `${printExpression(value.of)}[${from}..${to}]`
    }
    case 'count_rows':
      return 'count(*)'
    case 'cell_info':
      return `${value.info}(${printExpression(value.of)})`
  }
}

/** TOKEN is reserved, yet a function's name without quotes. */
function functionNameText(name: string): string {
  return name === 'token' ? name : id(name)
}

function printInValues(values: Marker | readonly Expression[]): string {
  return Array.isArray(values)
    ? `(${printExpressions(values as readonly Expression[])})`
    : printExpression(values as Marker)
}

export function printRelation(relation: Relation): string {
  switch (relation.kind) {
    case 'compare':
      return `${id(relation.column)} ${relation.operator} ${printExpression(relation.value)}`
    case 'in':
      return `${id(relation.column)} IN ${printInValues(relation.values)}`
    case 'contains': {
      const operator = relation.isKey ? 'CONTAINS KEY' : 'CONTAINS'
      return `${id(relation.column)} ${operator} ${printExpression(relation.value)}`
    }
    case 'like':
      return `${id(relation.column)} LIKE ${printExpression(relation.value)}`
    case 'is_not_null':
      return `${id(relation.column)} IS NOT NULL`
    case 'element': {
      const { column, key, operator, value } = relation
      return `${id(column)}[${printExpression(key)}] ${operator} ${printExpression(value)}`
    }
    case 'token': {
      const columns = relation.columns.map(id).join(', ')
      return `token(${columns}) ${relation.operator} ${printExpression(relation.value)}`
    }
    case 'tuple': {
      const columns = relation.columns.map(id).join(', ')
      return `(${columns}) ${relation.operator} ${printExpression(relation.value)}`
    }
    case 'tuple_in':
      return `(${relation.columns.map(id).join(', ')}) IN ${printInValues(relation.values)}`
    case 'index_expression':
      return `expr(${printName(relation.index)}, ${printExpression(relation.value)})`
  }
}

export function printWhere(where: readonly Relation[]): string {
  return where.length === 0 ? '' : ` WHERE ${where.map(printRelation).join(' AND ')}`
}

export function printAccess(access: Access | undefined): string {
  if (access === undefined) return ''
  return access.kind === 'field' ? `.${id(access.field)}` : `[${printExpression(access.key)}]`
}

function printCondition({ column, access, test }: Condition): string {
  const target = `${id(column)}${printAccess(access)}`
  switch (test.kind) {
    case 'compare':
      return `${target} ${test.operator} ${printExpression(test.value)}`
    case 'in':
      return `${target} IN ${printInValues(test.values)}`
    case 'contains':
      return `${target} CONTAINS ${test.isKey ? 'KEY ' : ''}${printExpression(test.value)}`
  }
}

export function printIf(clause: IfClause | undefined): string {
  switch (clause?.kind) {
    case undefined:
      return ''
    case 'exists':
      return ' IF EXISTS'
    case 'not_exists':
      return ' IF NOT EXISTS'
    case 'conditions':
      return ` IF ${clause.conditions.map(printCondition).join(' AND ')}`
  }
}
