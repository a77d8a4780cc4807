import type {
  Assignment,
  BatchStatement,
  DeleteStatement,
  Expression,
  IfClause,
  InsertJsonStatement,
  InsertStatement,
  ModificationStatement,
  OrderBy,
  SelectStatement,
  TruncateStatement,
  UpdateStatement,
  UseStatement,
  UsingClause,
} from '../ast.ts'
import { Kw, Token } from '../tokens.ts'
import { isNameKind, type TokenCursor } from './cursor.ts'
import { parseAccess, parseConditions, parseWhere } from './relations.ts'
import { parseSelectors, parseSelectorValue } from './selectors.ts'
import { isAdditionAt, parseIntValue, parseTerm } from './terms.ts'

const noUsing: UsingClause = Object.freeze({ timestamp: undefined, ttl: undefined })

/**
 * Whether a word that may also be a column name stands for itself: something selectable follows.
 */
function isModifierWord(c: TokenCursor): boolean {
  const following = c.peek(1)
  return (
    following !== Kw.AS &&
    following !== Kw.FROM &&
    following !== Token.COMMA &&
    following !== Token.OPEN &&
    following !== Token.DOT &&
    following !== Token.OPEN_SQUARE &&
    following !== Token.PLUS &&
    following !== Token.MINUS &&
    following !== Token.SLASH &&
    following !== Token.PERCENT &&
    !(following === Token.STAR && c.peek(2) !== Kw.FROM)
  )
}

export function parseSelect(c: TokenCursor): SelectStatement {
  c.expect(Kw.SELECT)
  const json = c.kind === Kw.JSON && isModifierWord(c) && c.accept(Kw.JSON)
  const distinct = c.kind === Kw.DISTINCT && isModifierWord(c) && c.accept(Kw.DISTINCT)
  const selectors = parseSelectors(c)
  c.expect(Kw.FROM)
  const table = c.qualifiedName()
  const where = c.accept(Kw.WHERE) ? parseWhere(c) : []
  const groupBy = c.acceptAll(Kw.GROUP, Kw.BY) ? c.list(() => parseSelectorValue(c)) : []
  const orderBy = c.acceptAll(Kw.ORDER, Kw.BY) ? c.list(() => parseOrderBy(c)) : []
  const hasPartitionLimit = c.acceptAll(Kw.PER, Kw.PARTITION, Kw.LIMIT)
  const perPartitionLimit = hasPartitionLimit ? parseIntValue(c) : undefined
  const limit = c.accept(Kw.LIMIT) ? parseIntValue(c) : undefined
  const allowFiltering = c.acceptAll(Kw.ALLOW, Kw.FILTERING)
  return {
    kind: 'select',
    table,
    json,
    distinct,
    selectors,
    where,
    groupBy,
    orderBy,
    perPartitionLimit,
    limit,
    allowFiltering,
  }
}

function parseOrderBy(c: TokenCursor): OrderBy {
  const column = c.columnName()
  const annOf = c.acceptAll(Kw.ANN, Kw.OF) ? parseTerm(c) : undefined
  const descending = c.accept(Kw.DESC)
  if (!descending) c.accept(Kw.ASC)
  return { column, annOf, descending }
}

export function parseInsert(c: TokenCursor): InsertStatement | InsertJsonStatement {
  c.expect(Kw.INSERT)
  c.expect(Kw.INTO)
  const table = c.qualifiedName()
  if (c.accept(Kw.JSON)) {
    const json = parseJsonValue(c)
    const defaultUnset = parseJsonDefault(c)
    const ifNotExists = c.ifNotExists()
    return { kind: 'insert_json', table, json, defaultUnset, ifNotExists, using: parseUsing(c) }
  }
  if (c.kind !== Token.OPEN) throw c.unexpected("'(' or JSON")
  c.advance()
  const columns = c.list(() => c.columnName())
  c.expect(Token.CLOSE)
  c.expect(Kw.VALUES)
  c.expect(Token.OPEN)
  const values = c.list(() => parseTerm(c))
  c.expect(Token.CLOSE)
  const ifNotExists = c.ifNotExists()
  return { kind: 'insert', table, columns, values, ifNotExists, using: parseUsing(c) }
}

function parseJsonValue(c: TokenCursor): Expression {
  if (c.isMarker()) return c.marker()
  if (c.kind !== Token.STRING) throw c.unexpected('a string or a bind marker')
  return { kind: 'constant', type: 'string', text: c.string() }
}

function parseJsonDefault(c: TokenCursor): boolean {
  if (!c.accept(Kw.DEFAULT)) return false
  if (c.accept(Kw.NULL)) return false
  if (!c.accept(Kw.UNSET)) throw c.unexpected('NULL or UNSET')
  return true
}

/** `usingClause` of Parser.g; the last of several TTLs or timestamps counts. */
function parseUsing(c: TokenCursor): UsingClause {
  if (!c.accept(Kw.USING)) return noUsing
  let timestamp: Expression | undefined
  let ttl: Expression | undefined
  do {
    if (c.accept(Kw.TIMESTAMP)) timestamp = parseIntValue(c)
    else if (c.accept(Kw.TTL)) ttl = parseIntValue(c)
    else throw c.unexpected('TIMESTAMP or TTL')
  } while (c.accept(Kw.AND))
  return { timestamp, ttl }
}

export function parseUpdate(c: TokenCursor): UpdateStatement {
  c.expect(Kw.UPDATE)
  const table = c.qualifiedName()
  const using = parseUsing(c)
  c.expect(Kw.SET)
  const assignments = c.list(() => parseAssignment(c))
  c.expect(Kw.WHERE)
  const where = parseWhere(c)
  const condition = parseIf(c)
  checkAssignments(c, assignments)
  return { kind: 'update', table, using, assignments, where, condition }
}

/** What the assignments of one column have set so far. */
interface AssignedParts {
  isWhole: boolean
  readonly fields: Set<string>
}

/**
 * Parser.g `addRawUpdate`: a column is either set once or changed by compatible operations. Only
 * settings of the whole value and of the same field exclude others (Operation.RawUpdate).
 */
function checkAssignments(c: TokenCursor, assignments: readonly Assignment[]): void {
  const assigned = new Map<string, AssignedParts>()
  for (const { column, operation, access } of assignments) {
    const isWhole = operation === 'set' && access === undefined
    const before = assigned.get(column)
    if (before === undefined) {
      const fields = new Set(access?.kind === 'field' ? [access.field] : [])
      assigned.set(column, { isWhole, fields })
      continue
    }
    const isTwice = access?.kind === 'field' && before.fields.has(access.field)
    if (isWhole || before.isWhole || isTwice) {
      throw c.refuse(`Multiple incompatible setting of column ${columnText(column)}`)
    }
    if (access?.kind === 'field') before.fields.add(access.field)
  }
}

function columnText(column: string): string {
  return /^[a-z][a-z0-9_]*$/.test(column) ? column : `"${column.replaceAll('"', '""')}"`
}

function parseAssignment(c: TokenCursor): Assignment {
  const column = c.columnName()
  const access = parseAccess(c)
  if (access !== undefined) {
    c.expect(Token.EQUAL)
    return { column, operation: 'set', access, value: parseTerm(c) }
  }
  if (c.accept(Token.PLUS_EQUAL)) return { column, operation: 'add', access, value: parseTerm(c) }
  if (c.accept(Token.MINUS_EQUAL)) {
    return { column, operation: 'subtract', access, value: parseTerm(c) }
  }
  if (c.kind !== Token.EQUAL) throw c.unexpected("'=', '+=', '-=', '[' or '.'")
  c.advance()
  return parseAssignedValue(c, column)
}

/** `normalColumnOperation` of Parser.g. `c = c -3` lexes as a column and the integer −3. */
function parseAssignedValue(c: TokenCursor, column: string): Assignment {
  const access = undefined
  const isColumn =
    (isNameKind(c.kind) || c.kind === Token.EMPTY_QUOTED_NAME) &&
    c.peek(1) !== Token.OPEN &&
    c.peek(1) !== Token.DOT
  if (!isColumn) {
    const value = parseTerm(c)
    if (!c.accept(Token.PLUS)) return { column, operation: 'set', access, value }
    if (c.columnName() !== column) {
      throw c.refuse('Only expressions of the form X = <value> + X are supported.')
    }
    return { column, operation: 'prepend', access, value }
  }
  const operand = c.columnName()
  if (c.kind === Token.INTEGER) {
    const text = c.tokenText()
    if (operand !== column || !text.startsWith('-')) {
      throw c.refuse('Only expressions of the form X = X +/- <value> are supported.')
    }
    c.advance()
    const value: Expression = { kind: 'constant', type: 'integer', text: text.slice(1) }
    return { column, operation: 'subtract', access, value }
  }
  const operator = isAdditionAt(c.kind)
  if (operator === undefined) throw c.unexpected("'+' or '-'")
  c.advance()
  const value = parseTerm(c)
  if (operand !== column) {
    throw c.refuse(`Only expressions of the form X = X ${operator}<value> are supported.`)
  }
  return { column, operation: operator === '+' ? 'add' : 'subtract', access, value }
}

function parseIf(c: TokenCursor): IfClause | undefined {
  if (!c.accept(Kw.IF)) return undefined
  if (c.kind === Kw.EXISTS && !isConditionOperator(c.peek(1))) {
    c.advance()
    return { kind: 'exists' }
  }
  return { kind: 'conditions', conditions: parseConditions(c) }
}

function isConditionOperator(kind: number): boolean {
  return (
    (kind >= Token.EQUAL && kind <= Token.NOT_EQUAL) ||
    kind === Kw.IN ||
    kind === Kw.CONTAINS ||
    kind === Token.OPEN_SQUARE ||
    kind === Token.DOT
  )
}

export function parseDelete(c: TokenCursor): DeleteStatement {
  c.expect(Kw.DELETE)
  const targets =
    c.kind === Kw.FROM ? [] : c.list(() => ({ column: c.columnName(), access: parseAccess(c) }))
  c.expect(Kw.FROM)
  const table = c.qualifiedName()
  let timestamp: Expression | undefined
  if (c.accept(Kw.USING)) {
    c.expect(Kw.TIMESTAMP)
    timestamp = parseIntValue(c)
  }
  c.expect(Kw.WHERE)
  const where = parseWhere(c)
  const condition = parseIf(c)
  const using = timestamp === undefined ? noUsing : { timestamp, ttl: undefined }
  return { kind: 'delete', table, targets, using, where, condition }
}

export function parseBatch(c: TokenCursor): BatchStatement {
  c.expect(Kw.BEGIN)
  const isUnlogged = c.accept(Kw.UNLOGGED)
  const isCounter = !isUnlogged && c.accept(Kw.COUNTER)
  c.expect(Kw.BATCH)
  const using = parseUsing(c)
  const statements: ModificationStatement[] = []
  for (;;) {
    const statement = tryModification(c)
    if (statement === undefined) break
    statements.push(statement)
    c.accept(Token.SEMICOLON)
  }
  if (c.kind !== Kw.APPLY) throw c.unexpected('INSERT, UPDATE, DELETE or APPLY BATCH')
  c.advance()
  c.expect(Kw.BATCH)
  const type = isUnlogged ? 'unlogged' : isCounter ? 'counter' : 'logged'
  return { kind: 'batch', type, using, statements }
}

function tryModification(c: TokenCursor): ModificationStatement | undefined {
  switch (c.kind) {
    case Kw.INSERT:
      return parseInsert(c)
    case Kw.UPDATE:
      return parseUpdate(c)
    case Kw.DELETE:
      return parseDelete(c)
    default:
      return undefined
  }
}

export function parseUse(c: TokenCursor): UseStatement {
  c.expect(Kw.USE)
  return { kind: 'use', keyspace: c.schemaName('keyspace') }
}

export function parseTruncate(c: TokenCursor): TruncateStatement {
  c.expect(Kw.TRUNCATE)
  // `TRUNCATE columnfamily` names a table only after the optional word.
  c.accept(Kw.COLUMNFAMILY)
  return { kind: 'truncate', table: c.qualifiedName() }
}
