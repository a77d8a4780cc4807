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
export function parseWhere(c: TokenCursor): Relation[] {
  const relations = [parseRelation(c)]
  while (c.accept(Kw.AND)) relations.push(parseRelation(c))
  return relations
}

function parseOperator(c: TokenCursor): ComparisonOperator {
  const operator = operators[c.kind]
  if (operator === undefined) throw c.unexpected('an operator')
  c.advance()
  return operator
}

function parseRelation(c: TokenCursor): Relation {
  if (c.kind === Token.EXPR_OPEN) return parseIndexExpression(c)
  if (c.kind === Kw.TOKEN) return parseTokenRelation(c)
  if (c.kind === Token.OPEN) return parseParenthesized(c)
  return parseColumnRelation(c)
}

function parseIndexExpression(c: TokenCursor): Relation {
  c.advance()
  const index = { keyspace: undefined, name: c.schemaName('index') }
  c.expect(Token.COMMA)
  const value = parseTerm(c)
  c.expect(Token.CLOSE)
  return { kind: 'index_expression', index, value }
}

function parseColumnNames(c: TokenCursor): string[] {
  c.expect(Token.OPEN)
  const columns = c.list(() => c.columnName())
  c.expect(Token.CLOSE)
  return columns
}

function parseTokenRelation(c: TokenCursor): Relation {
  c.advance()
  const columns = parseColumnNames(c)
  const operator = parseOperator(c)
  return { kind: 'token', columns, operator, value: parseTerm(c) }
}

function parseParenthesized(c: TokenCursor): Relation {
  const following = c.peek(2)
  const isName = isNameKind(c.peek(1)) || c.peek(1) === Token.EMPTY_QUOTED_NAME
  if (isName && (following === Token.COMMA || following === Token.CLOSE)) {
    return parseTupleRelation(c)
  }
  c.advance()
  const relation = c.nested(() => parseRelation(c))
  c.expect(Token.CLOSE)
  return relation
}

function parseTupleRelation(c: TokenCursor): Relation {
  const columns = parseColumnNames(c)
  if (c.accept(Kw.IN)) return { kind: 'tuple_in', columns, values: parseTupleInValues(c) }
  const operator = parseOperator(c)
  if (c.isMarker()) return { kind: 'tuple', columns, operator, value: c.marker() }
  if (c.kind !== Token.OPEN) throw c.unexpected('a tuple or a bind marker')
  return { kind: 'tuple', columns, operator, value: parseTuple(c) }
}

function parseTupleInValues(c: TokenCursor): Marker | Expression[] {
  if (c.isMarker()) return c.marker()
  c.expect(Token.OPEN)
  if (c.accept(Token.CLOSE)) return []
  // All are markers or none is.
  const areMarkers = c.isMarker()
  const values = c.list(() => {
    if (areMarkers && c.isMarker()) return c.marker()
    if (areMarkers || c.kind !== Token.OPEN) {
      throw c.unexpected(areMarkers ? 'a bind marker' : 'a tuple or a bind marker')
    }
    return parseTuple(c)
  })
  c.expect(Token.CLOSE)
  return values
}

function parseInValues(c: TokenCursor): Marker | Expression[] {
  if (c.isMarker()) return c.marker()
  if (c.kind !== Token.OPEN) throw c.unexpected('a list of values or a bind marker')
  c.advance()
  if (c.accept(Token.CLOSE)) return []
  const values = c.list(() => parseTerm(c))
  c.expect(Token.CLOSE)
  return values
}

function parseColumnRelation(c: TokenCursor): Relation {
  const column = c.columnName()
  const operator = operators[c.kind]
  if (operator !== undefined) {
    c.advance()
    return { kind: 'compare', column, operator, value: parseTerm(c) }
  }
  switch (c.kind) {
    case Kw.IN:
      c.advance()
      return { kind: 'in', column, values: parseInValues(c) }
    case Kw.LIKE:
      c.advance()
      return { kind: 'like', column, value: parseTerm(c) }
    case Kw.IS:
      c.advance()
      c.expect(Kw.NOT)
      c.expect(Kw.NULL)
      return { kind: 'is_not_null', column }
    case Kw.CONTAINS: {
      c.advance()
      const isKey = c.accept(Kw.KEY)
      return { kind: 'contains', column, isKey, value: parseTerm(c) }
    }
    case Token.OPEN_SQUARE: {
      c.advance()
      const key = parseTerm(c)
      c.expect(Token.CLOSE_SQUARE)
      const elementOperator = parseOperator(c)
      return { kind: 'element', column, key, operator: elementOperator, value: parseTerm(c) }
    }
    default:
      throw c.unexpected('an operator')
  }
}

/** `updateConditions` of Parser.g. */
export function parseConditions(c: TokenCursor): Condition[] {
  const conditions = [parseCondition(c)]
  while (c.accept(Kw.AND)) conditions.push(parseCondition(c))
  return conditions
}

function parseCondition(c: TokenCursor): Condition {
  const column = c.columnName()
  const access = parseAccess(c)
  if (c.accept(Kw.IN)) {
    return { column, access, test: { kind: 'in', values: parseInValues(c) } }
  }
  if (access === undefined && c.accept(Kw.CONTAINS)) {
    const isKey = c.accept(Kw.KEY)
    return { column, access, test: { kind: 'contains', isKey, value: parseTerm(c) } }
  }
  const operator = parseOperator(c)
  return { column, access, test: { kind: 'compare', operator, value: parseTerm(c) } }
}

/** `[key]`, `.field` or nothing. */
export function parseAccess(c: TokenCursor): Access | undefined {
  if (c.accept(Token.DOT)) return { kind: 'field', field: c.name('a field name') }
  if (!c.accept(Token.OPEN_SQUARE)) return undefined
  const key = parseTerm(c)
  c.expect(Token.CLOSE_SQUARE)
  return { kind: 'element', key }
}
