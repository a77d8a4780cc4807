import type { Access, ComparisonOperator, Condition, Expression, Marker, Relation } from '../ast.ts'
import { Kw, Token } from '../tokens.ts'
import { isNameKind, type TokenCursor } from './cursor.ts'
import { parseTerm, parseTuple } from './terms.ts'

const operators: { readonly [kind: number]: ComparisonOperator } = {
  [Token.EQUAL]: '=',
  [Token.LESS]: '<',
  [Token.LESS_EQUAL]: '<=',
  [Token.GREATER]: '>',
  [Token.GREATER_EQUAL]: '>=',
  [Token.NOT_EQUAL]: '!=',
}

/** `whereClause` of Parser.g. */
export function parseWhere(cursor: TokenCursor): Relation[] {
  const relations = [parseRelation(cursor)]
  while (cursor.accept(Kw.AND)) relations.push(parseRelation(cursor))
  return relations
}

function parseOperator(cursor: TokenCursor): ComparisonOperator {
  const operator = operators[cursor.kind]
  if (operator === undefined) throw cursor.unexpected('an operator')
  cursor.advance()
  return operator
}

function parseRelation(cursor: TokenCursor): Relation {
  if (cursor.kind === Token.EXPR_OPEN) return parseIndexExpression(cursor)
  if (cursor.kind === Kw.TOKEN) return parseTokenRelation(cursor)
  if (cursor.kind === Token.OPEN) return parseParenthesized(cursor)
  return parseColumnRelation(cursor)
}

function parseIndexExpression(cursor: TokenCursor): Relation {
  cursor.advance()
  const index = { keyspace: undefined, name: cursor.schemaName('index') }
  cursor.expect(Token.COMMA)
  const value = parseTerm(cursor)
  cursor.expect(Token.CLOSE)
  return { kind: 'index_expression', index, value }
}

function parseColumnNames(cursor: TokenCursor): string[] {
  cursor.expect(Token.OPEN)
  const columns = cursor.list(() => cursor.columnName())
  cursor.expect(Token.CLOSE)
  return columns
}

function parseTokenRelation(cursor: TokenCursor): Relation {
  cursor.advance()
  const columns = parseColumnNames(cursor)
  const operator = parseOperator(cursor)
  return { kind: 'token', columns, operator, value: parseTerm(cursor) }
}

function parseParenthesized(cursor: TokenCursor): Relation {
  const following = cursor.peek(2)
  const isName = isNameKind(cursor.peek(1)) || cursor.peek(1) === Token.EMPTY_QUOTED_NAME
  if (isName && (following === Token.COMMA || following === Token.CLOSE)) {
    return parseTupleRelation(cursor)
  }
  cursor.advance()
  const relation = cursor.nested(() => parseRelation(cursor))
  cursor.expect(Token.CLOSE)
  return relation
}

function parseTupleRelation(cursor: TokenCursor): Relation {
  const columns = parseColumnNames(cursor)
  if (cursor.accept(Kw.IN)) return { kind: 'tuple_in', columns, values: parseTupleInValues(cursor) }
  const operator = parseOperator(cursor)
  if (cursor.isMarker()) return { kind: 'tuple', columns, operator, value: cursor.marker() }
  if (cursor.kind !== Token.OPEN) throw cursor.unexpected('a tuple or a bind marker')
  return { kind: 'tuple', columns, operator, value: parseTuple(cursor) }
}

function parseTupleInValues(cursor: TokenCursor): Marker | Expression[] {
  if (cursor.isMarker()) return cursor.marker()
  cursor.expect(Token.OPEN)
  if (cursor.accept(Token.CLOSE)) return []
  // Either all or none of them are markers.
  const areMarkers = cursor.isMarker()
  const values = cursor.list(() => {
    if (areMarkers && cursor.isMarker()) return cursor.marker()
    if (areMarkers || cursor.kind !== Token.OPEN) {
      throw cursor.unexpected(areMarkers ? 'a bind marker' : 'a tuple or a bind marker')
    }
    return parseTuple(cursor)
  })
  cursor.expect(Token.CLOSE)
  return values
}

function parseInValues(cursor: TokenCursor): Marker | Expression[] {
  if (cursor.isMarker()) return cursor.marker()
  if (cursor.kind !== Token.OPEN) throw cursor.unexpected('a list of values or a bind marker')
  cursor.advance()
  if (cursor.accept(Token.CLOSE)) return []
  const values = cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE)
  return values
}

function parseColumnRelation(cursor: TokenCursor): Relation {
  const column = cursor.columnName()
  const operator = operators[cursor.kind]
  if (operator !== undefined) {
    cursor.advance()
    return { kind: 'compare', column, operator, value: parseTerm(cursor) }
  }
  switch (cursor.kind) {
    case Kw.IN:
      cursor.advance()
      return { kind: 'in', column, values: parseInValues(cursor) }
    case Kw.LIKE:
      cursor.advance()
      return { kind: 'like', column, value: parseTerm(cursor) }
    case Kw.IS:
      cursor.advance()
      cursor.expect(Kw.NOT)
      cursor.expect(Kw.NULL)
      return { kind: 'is_not_null', column }
    case Kw.CONTAINS: {
      cursor.advance()
      const isKey = cursor.accept(Kw.KEY)
      return { kind: 'contains', column, isKey, value: parseTerm(cursor) }
    }
    case Token.OPEN_SQUARE: {
      cursor.advance()
      const key = parseTerm(cursor)
      cursor.expect(Token.CLOSE_SQUARE)
      const elementOperator = parseOperator(cursor)
      return { kind: 'element', column, key, operator: elementOperator, value: parseTerm(cursor) }
    }
    default:
      throw cursor.unexpected('an operator')
  }
}

/** `updateConditions` of Parser.g. */
export function parseConditions(cursor: TokenCursor): Condition[] {
  const conditions = [parseCondition(cursor)]
  while (cursor.accept(Kw.AND)) conditions.push(parseCondition(cursor))
  return conditions
}

function parseCondition(cursor: TokenCursor): Condition {
  const column = cursor.columnName()
  const access = parseAccess(cursor)
  if (cursor.accept(Kw.IN)) {
    return { column, access, test: { kind: 'in', values: parseInValues(cursor) } }
  }
  if (access === undefined && cursor.accept(Kw.CONTAINS)) {
    const isKey = cursor.accept(Kw.KEY)
    return { column, access, test: { kind: 'contains', isKey, value: parseTerm(cursor) } }
  }
  const operator = parseOperator(cursor)
  return { column, access, test: { kind: 'compare', operator, value: parseTerm(cursor) } }
}

/** `[key]`, `.field` or nothing. */
export function parseAccess(cursor: TokenCursor): Access | undefined {
  if (cursor.accept(Token.DOT)) return { kind: 'field', field: cursor.name('a field name') }
  if (!cursor.accept(Token.OPEN_SQUARE)) return undefined
  const key = parseTerm(cursor)
  cursor.expect(Token.CLOSE_SQUARE)
  return { kind: 'element', key }
}
