import type { MarkerClause, MarkerFacts, MarkerOperator } from '../types/index.ts'
import type {
  Access,
  Condition,
  DataStatement,
  Expression,
  IfClause,
  ModificationStatement,
  Relation,
  SelectStatement,
  UsingClause,
} from './ast.ts'

/** A marker as written. The syntax tree does not contain its spelling. */
export interface MarkerSpelling {
  readonly name: string | undefined
  readonly isQuoted: boolean
}

/** Collects the places of the markers of a statement from its syntax tree. */
export function describeMarkers(
  statement: DataStatement,
  spellings: readonly MarkerSpelling[],
): MarkerFacts[] {
  const collector = new MarkerCollector(spellings)
  collector.statement(statement)
  return collector.facts
}

interface Place {
  readonly clause: MarkerClause
  readonly column?: string | undefined
  readonly operator?: MarkerOperator | undefined
}

class MarkerCollector {
  readonly facts: MarkerFacts[]
  readonly #spellings: readonly MarkerSpelling[]

  constructor(spellings: readonly MarkerSpelling[]) {
    this.#spellings = spellings
    this.facts = new Array<MarkerFacts>(spellings.length)
    // Every marker gets a place below; where the tree has none, it is an argument of something.
    for (let i = 0; i < spellings.length; i++) this.#put(i, { clause: 'other' }, false)
  }

  #put(index: number, place: Place, isWhole: boolean): void {
    const { name, isQuoted } = this.#spellings[index]!
    const { clause, column, operator } = place
    this.facts[index] = { index, name, isQuoted, column, clause, operator, isWhole }
  }

  #value(value: Expression, place: Place): void {
    if (value.kind === 'marker') this.#put(value.index, place, true)
    else this.#inner(value, place)
  }

  /** Markers inside a literal or a call keep the place of what they are part of. */
  #inner(value: Expression, place: Place): void {
    const waiting = [value]
    // No recursion: a sum of thousands of terms is as deep as it is long.
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      forEachOperand(next, (operand) => {
        if (operand.kind === 'marker') this.#put(operand.index, place, false)
        else waiting.push(operand)
      })
    }
  }

  #values(values: Expression | readonly Expression[], place: Place): void {
    if (!isList(values)) return this.#value(values, place)
    for (const value of values) this.#value(value, place)
  }

  statement(statement: DataStatement): void {
    switch (statement.kind) {
      case 'select':
        return this.#select(statement)
      case 'insert':
      case 'insert_json':
      case 'update':
      case 'delete':
        return this.#modification(statement)
      case 'batch':
        this.#using(statement.using)
        for (const part of statement.statements) this.#modification(part)
    }
  }

  #select(select: SelectStatement): void {
    for (const { value } of select.selectors ?? []) this.#selector(value)
    for (const relation of select.where) this.#relation(relation)
    for (const { annOf } of select.orderBy) {
      if (annOf !== undefined) this.#value(annOf, { clause: 'other' })
    }
    if (select.perPartitionLimit !== undefined) {
      this.#value(select.perPartitionLimit, { clause: 'perPartitionLimit' })
    }
    if (select.limit !== undefined) this.#value(select.limit, { clause: 'limit' })
  }

  #selector(value: Expression): void {
    const waiting = [value]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next.kind === 'element' && next.of.kind === 'column') {
        this.#value(next.key, { clause: 'element', column: next.of.name })
      } else if (next.kind === 'marker') {
        this.#put(next.index, { clause: 'other' }, true)
      } else {
        forEachOperand(next, (operand) => waiting.push(operand))
      }
    }
  }

  #using(using: UsingClause): void {
    if (using.ttl !== undefined) this.#value(using.ttl, { clause: 'ttl' })
    if (using.timestamp !== undefined) this.#value(using.timestamp, { clause: 'timestamp' })
  }

  #modification(statement: ModificationStatement): void {
    this.#using(statement.using)
    switch (statement.kind) {
      case 'insert':
        statement.values.forEach((value, index) => {
          this.#value(value, { clause: 'insert', column: statement.columns[index] })
        })
        return
      case 'insert_json':
        return this.#value(statement.json, { clause: 'json' })
      case 'update':
        for (const { column, access, value } of statement.assignments) {
          this.#access(column, access)
          this.#value(value, { clause: 'set', column })
        }
        break
      case 'delete':
        for (const { column, access } of statement.targets) this.#access(column, access)
    }
    for (const relation of statement.where) this.#relation(relation)
    this.#if(statement.condition)
  }

  #access(column: string, access: Access | undefined): void {
    if (access?.kind === 'element') this.#value(access.key, { clause: 'element', column })
  }

  #relation(relation: Relation): void {
    const clause = 'where'
    switch (relation.kind) {
      case 'compare':
        return this.#value(relation.value, {
          clause,
          column: relation.column,
          operator: relation.operator,
        })
      case 'in':
        return this.#values(relation.values, { clause, column: relation.column, operator: 'in' })
      case 'contains': {
        const operator = relation.isKey ? 'containsKey' : 'contains'
        return this.#value(relation.value, { clause, column: relation.column, operator })
      }
      case 'like':
        return this.#value(relation.value, { clause, column: relation.column, operator: 'like' })
      case 'element': {
        const { column, operator } = relation
        this.#value(relation.key, { clause: 'element', column })
        return this.#value(relation.value, { clause, column, operator })
      }
      case 'token':
        return this.#value(relation.value, { clause, operator: relation.operator })
      case 'tuple':
        return this.#tuple(relation.value, relation.columns, relation.operator)
      case 'tuple_in':
        if (!isList(relation.values)) {
          return this.#value(relation.values, { clause, operator: 'in' })
        }
        for (const value of relation.values) this.#tuple(value, relation.columns, 'in')
        return
      case 'index_expression':
        return this.#value(relation.value, { clause: 'other' })
    }
  }

  #tuple(value: Expression, columns: readonly string[], operator: MarkerOperator): void {
    if (value.kind !== 'tuple') return this.#value(value, { clause: 'where', operator })
    value.elements.forEach((element, index) => {
      this.#value(element, { clause: 'where', column: columns[index], operator })
    })
  }

  #if(condition: IfClause | undefined): void {
    if (condition?.kind !== 'conditions') return
    for (const each of condition.conditions) this.#condition(each)
  }

  #condition({ column, access, test }: Condition): void {
    this.#access(column, access)
    const clause = 'if'
    if (test.kind === 'compare') {
      this.#value(test.value, { clause, column, operator: test.operator })
    } else if (test.kind === 'in') {
      this.#values(test.values, { clause, column, operator: 'in' })
    } else {
      const operator = test.isKey ? 'containsKey' : 'contains'
      this.#value(test.value, { clause, column, operator })
    }
  }
}

function isList(values: Expression | readonly Expression[]): values is readonly Expression[] {
  return Array.isArray(values)
}

/**
 * Calls `visit` for every direct child of an expression, in the order of the text.
 */
export function forEachOperand(value: Expression, visit: (operand: Expression) => void): void {
  switch (value.kind) {
    case 'list':
    case 'set':
    case 'tuple':
      return value.elements.forEach(visit)
    case 'map':
      for (const entry of value.entries) {
        visit(entry.key)
        visit(entry.value)
      }
      return
    case 'udt':
      for (const field of value.fields) visit(field.value)
      return
    case 'call':
      return value.args.forEach(visit)
    case 'hint':
    case 'cast':
    case 'negate':
      return visit(value.value)
    case 'binary':
      visit(value.left)
      return visit(value.right)
    case 'field':
    case 'cell_info':
      return visit(value.of)
    case 'element':
      visit(value.of)
      return visit(value.key)
    case 'slice':
      visit(value.of)
      if (value.from !== undefined) visit(value.from)
      if (value.to !== undefined) visit(value.to)
      return
    default:
      return
  }
}
