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
function isModifierWord(cursor: TokenCursor): boolean {
  const following = cursor.peek(1)
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
    !(following === Token.STAR && cursor.peek(2) !== Kw.FROM)
  )
}

export function parseSelect(cursor: TokenCursor): SelectStatement {
  cursor.expect(Kw.SELECT)
  const json = cursor.kind === Kw.JSON && isModifierWord(cursor) && cursor.accept(Kw.JSON)
  const distinct =
    cursor.kind === Kw.DISTINCT && isModifierWord(cursor) && cursor.accept(Kw.DISTINCT)
  const selectors = parseSelectors(cursor)
  cursor.expect(Kw.FROM)
  const table = cursor.qualifiedName()
  const where = cursor.accept(Kw.WHERE) ? parseWhere(cursor) : []
  const groupBy = cursor.acceptAll(Kw.GROUP, Kw.BY)
    ? cursor.list(() => parseSelectorValue(cursor))
    : []
  const orderBy = cursor.acceptAll(Kw.ORDER, Kw.BY) ? cursor.list(() => parseOrderBy(cursor)) : []
  const hasPartitionLimit = cursor.acceptAll(Kw.PER, Kw.PARTITION, Kw.LIMIT)
  const perPartitionLimit = hasPartitionLimit ? parseIntValue(cursor) : undefined
  const limit = cursor.accept(Kw.LIMIT) ? parseIntValue(cursor) : undefined
  const allowFiltering = cursor.acceptAll(Kw.ALLOW, Kw.FILTERING)
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

function parseOrderBy(cursor: TokenCursor): OrderBy {
  const column = cursor.columnName()
  const annOf = cursor.acceptAll(Kw.ANN, Kw.OF) ? parseTerm(cursor) : undefined
  const descending = cursor.accept(Kw.DESC)
  if (!descending) cursor.accept(Kw.ASC)
  return { column, annOf, descending }
}

export function parseInsert(cursor: TokenCursor): InsertStatement | InsertJsonStatement {
  cursor.expect(Kw.INSERT)
  cursor.expect(Kw.INTO)
  const table = cursor.qualifiedName()
  if (cursor.accept(Kw.JSON)) {
    const json = parseJsonValue(cursor)
    const defaultUnset = parseJsonDefault(cursor)
    const ifNotExists = cursor.ifNotExists()
    return {
      kind: 'insert_json',
      table,
      json,
      defaultUnset,
      ifNotExists,
      using: parseUsing(cursor),
    }
  }
  if (cursor.kind !== Token.OPEN) throw cursor.unexpected("'(' or JSON")
  cursor.advance()
  const columns = cursor.list(() => cursor.columnName())
  cursor.expect(Token.CLOSE)
  cursor.expect(Kw.VALUES)
  cursor.expect(Token.OPEN)
  const values = cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE)
  const ifNotExists = cursor.ifNotExists()
  return { kind: 'insert', table, columns, values, ifNotExists, using: parseUsing(cursor) }
}

function parseJsonValue(cursor: TokenCursor): Expression {
  if (cursor.isMarker()) return cursor.marker()
  if (cursor.kind !== Token.STRING) throw cursor.unexpected('a string or a bind marker')
  return { kind: 'constant', type: 'string', text: cursor.string() }
}

function parseJsonDefault(cursor: TokenCursor): boolean {
  if (!cursor.accept(Kw.DEFAULT)) return false
  if (cursor.accept(Kw.NULL)) return false
  if (!cursor.accept(Kw.UNSET)) throw cursor.unexpected('NULL or UNSET')
  return true
}

/** `usingClause` of Parser.g; the last of several TTLs or timestamps counts. */
function parseUsing(cursor: TokenCursor): UsingClause {
  if (!cursor.accept(Kw.USING)) return noUsing
  let timestamp: Expression | undefined
  let ttl: Expression | undefined
  do {
    if (cursor.accept(Kw.TIMESTAMP)) timestamp = parseIntValue(cursor)
    else if (cursor.accept(Kw.TTL)) ttl = parseIntValue(cursor)
    else throw cursor.unexpected('TIMESTAMP or TTL')
  } while (cursor.accept(Kw.AND))
  return { timestamp, ttl }
}

export function parseUpdate(cursor: TokenCursor): UpdateStatement {
  cursor.expect(Kw.UPDATE)
  const table = cursor.qualifiedName()
  const using = parseUsing(cursor)
  cursor.expect(Kw.SET)
  const assignments = cursor.list(() => parseAssignment(cursor))
  cursor.expect(Kw.WHERE)
  const where = parseWhere(cursor)
  const condition = parseIf(cursor)
  checkAssignments(cursor, assignments)
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
function checkAssignments(cursor: TokenCursor, assignments: readonly Assignment[]): void {
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
      throw cursor.refuse(`Multiple incompatible setting of column ${columnText(column)}`)
    }
    if (access?.kind === 'field') before.fields.add(access.field)
  }
}

function columnText(column: string): string {
  return /^[a-z][a-z0-9_]*$/.test(column) ? column : `"${column.replaceAll('"', '""')}"`
}

function parseAssignment(cursor: TokenCursor): Assignment {
  const column = cursor.columnName()
  const access = parseAccess(cursor)
  if (access !== undefined) {
    cursor.expect(Token.EQUAL)
    return { column, operation: 'set', access, value: parseTerm(cursor) }
  }
  if (cursor.accept(Token.PLUS_EQUAL))
    return { column, operation: 'add', access, value: parseTerm(cursor) }
  if (cursor.accept(Token.MINUS_EQUAL)) {
    return { column, operation: 'subtract', access, value: parseTerm(cursor) }
  }
  if (cursor.kind !== Token.EQUAL) throw cursor.unexpected("'=', '+=', '-=', '[' or '.'")
  cursor.advance()
  return parseAssignedValue(cursor, column)
}

/** `normalColumnOperation` of Parser.g. `c = c -3` lexes as a column and the integer −3. */
function parseAssignedValue(cursor: TokenCursor, column: string): Assignment {
  const access = undefined
  const isColumn =
    (isNameKind(cursor.kind) || cursor.kind === Token.EMPTY_QUOTED_NAME) &&
    cursor.peek(1) !== Token.OPEN &&
    cursor.peek(1) !== Token.DOT
  if (!isColumn) {
    const value = parseTerm(cursor)
    if (!cursor.accept(Token.PLUS)) return { column, operation: 'set', access, value }
    if (cursor.columnName() !== column) {
      throw cursor.refuse('Only expressions of the form X = <value> + X are supported.')
    }
    return { column, operation: 'prepend', access, value }
  }
  const operand = cursor.columnName()
  if (cursor.kind === Token.INTEGER) {
    const text = cursor.tokenText()
    if (operand !== column || !text.startsWith('-')) {
      throw cursor.refuse('Only expressions of the form X = X +/- <value> are supported.')
    }
    cursor.advance()
    const value: Expression = { kind: 'constant', type: 'integer', text: text.slice(1) }
    return { column, operation: 'subtract', access, value }
  }
  const operator = isAdditionAt(cursor.kind)
  if (operator === undefined) throw cursor.unexpected("'+' or '-'")
  cursor.advance()
  const value = parseTerm(cursor)
  if (operand !== column) {
    throw cursor.refuse(`Only expressions of the form X = X ${operator}<value> are supported.`)
  }
  return { column, operation: operator === '+' ? 'add' : 'subtract', access, value }
}

function parseIf(cursor: TokenCursor): IfClause | undefined {
  if (!cursor.accept(Kw.IF)) return undefined
  if (cursor.kind === Kw.EXISTS && !isConditionOperator(cursor.peek(1))) {
    cursor.advance()
    return { kind: 'exists' }
  }
  return { kind: 'conditions', conditions: parseConditions(cursor) }
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

export function parseDelete(cursor: TokenCursor): DeleteStatement {
  cursor.expect(Kw.DELETE)
  const targets =
    cursor.kind === Kw.FROM
      ? []
      : cursor.list(() => ({ column: cursor.columnName(), access: parseAccess(cursor) }))
  cursor.expect(Kw.FROM)
  const table = cursor.qualifiedName()
  let timestamp: Expression | undefined
  if (cursor.accept(Kw.USING)) {
    cursor.expect(Kw.TIMESTAMP)
    timestamp = parseIntValue(cursor)
  }
  cursor.expect(Kw.WHERE)
  const where = parseWhere(cursor)
  const condition = parseIf(cursor)
  const using = timestamp === undefined ? noUsing : { timestamp, ttl: undefined }
  return { kind: 'delete', table, targets, using, where, condition }
}

export function parseBatch(cursor: TokenCursor): BatchStatement {
  cursor.expect(Kw.BEGIN)
  const isUnlogged = cursor.accept(Kw.UNLOGGED)
  const isCounter = !isUnlogged && cursor.accept(Kw.COUNTER)
  cursor.expect(Kw.BATCH)
  const using = parseUsing(cursor)
  const statements: ModificationStatement[] = []
  for (;;) {
    const statement = tryModification(cursor)
    if (statement === undefined) break
    statements.push(statement)
    cursor.accept(Token.SEMICOLON)
  }
  if (cursor.kind !== Kw.APPLY) throw cursor.unexpected('INSERT, UPDATE, DELETE or APPLY BATCH')
  cursor.advance()
  cursor.expect(Kw.BATCH)
  const type = isUnlogged ? 'unlogged' : isCounter ? 'counter' : 'logged'
  return { kind: 'batch', type, using, statements }
}

function tryModification(cursor: TokenCursor): ModificationStatement | undefined {
  switch (cursor.kind) {
    case Kw.INSERT:
      return parseInsert(cursor)
    case Kw.UPDATE:
      return parseUpdate(cursor)
    case Kw.DELETE:
      return parseDelete(cursor)
    default:
      return undefined
  }
}

export function parseUse(cursor: TokenCursor): UseStatement {
  cursor.expect(Kw.USE)
  return { kind: 'use', keyspace: cursor.schemaName('keyspace') }
}

export function parseTruncate(cursor: TokenCursor): TruncateStatement {
  cursor.expect(Kw.TRUNCATE)
  // `TRUNCATE columnfamily` names a table only after the optional word.
  cursor.accept(Kw.COLUMNFAMILY)
  return { kind: 'truncate', table: cursor.qualifiedName() }
}
