import type {
  BinaryOperator,
  Constant,
  ConstantKind,
  Expression,
  FieldValue,
  FunctionCall,
  MapEntry,
} from '../ast.ts'
import { Kw, Token } from '../tokens.ts'
import { isFunctionNameKind, isNameKind, type TokenCursor } from './cursor.ts'
import { parseNativeType, parseType } from './types.ts'

const constantKinds: { readonly [kind: number]: ConstantKind } = {
  [Token.STRING]: 'string',
  [Token.INTEGER]: 'integer',
  [Token.FLOAT]: 'float',
  [Token.BOOLEAN]: 'boolean',
  [Token.DURATION]: 'duration',
  [Token.UUID]: 'uuid',
  [Token.HEX]: 'hex',
}

/** Cassandra reads `-NAN` as NaN. */
const specialFloats: { readonly [kind: number]: string } = {
  [Kw.NAN]: 'NaN',
  [Token.NEGATIVE_NAN]: 'NaN',
  [Kw.INFINITY]: 'Infinity',
  [Token.NEGATIVE_INFINITY]: '-Infinity',
}

/** A constant at the cursor, or `undefined` without moving. */
export function tryConstant(cursor: TokenCursor): Constant | undefined {
  const special = specialFloats[cursor.kind]
  if (special !== undefined) {
    cursor.advance()
    return { kind: 'constant', type: 'float', text: special }
  }
  const type = constantKinds[cursor.kind]
  if (type === undefined) return undefined
  if (type === 'string') return { kind: 'constant', type, text: cursor.string() }
  const text = cursor.tokenText()
  cursor.advance()
  return { kind: 'constant', type, text: type === 'boolean' ? text.toLowerCase() : text }
}

export function isAdditionAt(kind: number): BinaryOperator | undefined {
  return kind === Token.PLUS ? '+' : kind === Token.MINUS ? '-' : undefined
}

export function isMultiplicationAt(kind: number): BinaryOperator | undefined {
  if (kind === Token.STAR) return '*'
  return kind === Token.SLASH ? '/' : kind === Token.PERCENT ? '%' : undefined
}

/** `term` of Parser.g: no columns in it. */
export function parseTerm(cursor: TokenCursor): Expression {
  let left = parseTermProduct(cursor)
  for (;;) {
    const operator = isAdditionAt(cursor.kind)
    // In `SET c = ? + c` the column ends the term (normalColumnOperation).
    if (operator === undefined || isColumnOperand(cursor)) return left
    cursor.advance()
    left = { kind: 'binary', operator, left, right: parseTermProduct(cursor) }
  }
}

function isColumnOperand(cursor: TokenCursor): boolean {
  if (!isNameKind(cursor.peek(1)) && cursor.peek(1) !== Token.EMPTY_QUOTED_NAME) return false
  const after = cursor.peek(2)
  return after !== Token.OPEN && after !== Token.DOT
}

function parseTermProduct(cursor: TokenCursor): Expression {
  let left = parseTermGroup(cursor)
  for (;;) {
    const operator = isMultiplicationAt(cursor.kind)
    if (operator === undefined) return left
    cursor.advance()
    left = { kind: 'binary', operator, left, right: parseTermGroup(cursor) }
  }
}

function parseTermGroup(cursor: TokenCursor): Expression {
  if (cursor.accept(Token.MINUS)) return { kind: 'negate', value: parseSimpleTerm(cursor) }
  return parseSimpleTerm(cursor)
}

export function parseSimpleTerm(cursor: TokenCursor): Expression {
  return tryConstant(cursor) ?? cursor.nested(() => parseComposedTerm(cursor))
}

function parseComposedTerm(cursor: TokenCursor): Expression {
  switch (cursor.kind) {
    case Token.QUESTION:
    case Token.COLON:
      return cursor.marker()
    case Kw.NULL:
      cursor.advance()
      return { kind: 'null' }
    case Token.OPEN:
      return isTypeHintAt(cursor) ? parseTypeHint(cursor, parseSimpleTerm) : parseTuple(cursor)
    case Token.OPEN_SQUARE:
      return parseListTerm(cursor)
    case Token.OPEN_CURLY:
      return parseCurlyTerm(cursor)
    case Kw.CAST:
      return parseCast(cursor, parseSimpleTerm)
    default:
      return parseCallTerm(cursor)
  }
}

/** `(t1, t2, …)` */
export function parseTuple(cursor: TokenCursor): Expression {
  cursor.expect(Token.OPEN)
  const elements = cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE)
  return { kind: 'tuple', elements }
}

export function parseTypeHint(
  cursor: TokenCursor,
  parseValue: (cursor: TokenCursor) => Expression,
): Expression {
  cursor.expect(Token.OPEN)
  const type = parseType(cursor)
  cursor.expect(Token.CLOSE)
  return { kind: 'hint', type, value: parseValue(cursor) }
}

export function parseCast(
  cursor: TokenCursor,
  parseValue: (cursor: TokenCursor) => Expression,
): Expression {
  cursor.expect(Kw.CAST)
  cursor.expect(Token.OPEN)
  const value = parseValue(cursor)
  cursor.expect(Kw.AS)
  const type = parseNativeType(cursor)
  cursor.expect(Token.CLOSE)
  return { kind: 'cast', type, value }
}

function parseListTerm(cursor: TokenCursor): Expression {
  cursor.expect(Token.OPEN_SQUARE)
  const elements = cursor.kind === Token.CLOSE_SQUARE ? [] : cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE_SQUARE)
  return { kind: 'list', elements }
}

/** `{…}`: a set, a map, or a user type when its first key is a field name. */
function parseCurlyTerm(cursor: TokenCursor): Expression {
  cursor.expect(Token.OPEN_CURLY)
  if (cursor.accept(Token.CLOSE_CURLY)) return { kind: 'set', elements: [] }
  if (isNameKind(cursor.kind) && cursor.peek(1) === Token.COLON) {
    const fields = cursor.list((): FieldValue => {
      const field = cursor.name('a field name')
      cursor.expect(Token.COLON)
      return { field, value: parseTerm(cursor) }
    })
    cursor.expect(Token.CLOSE_CURLY)
    return { kind: 'udt', fields }
  }
  const first = parseTerm(cursor)
  if (cursor.kind === Token.COLON) return parseMapRest(cursor, first, parseTerm)
  const elements = [first]
  while (cursor.accept(Token.COMMA)) elements.push(parseTerm(cursor))
  cursor.expect(Token.CLOSE_CURLY)
  return { kind: 'set', elements }
}

/** A map literal from its first colon on. */
export function parseMapRest(
  cursor: TokenCursor,
  firstKey: Expression,
  parseItem: (cursor: TokenCursor) => Expression,
): Expression {
  cursor.expect(Token.COLON)
  const entries: MapEntry[] = [{ key: firstKey, value: parseItem(cursor) }]
  while (cursor.accept(Token.COMMA)) {
    const key = parseItem(cursor)
    cursor.expect(Token.COLON)
    entries.push({ key, value: parseItem(cursor) })
  }
  cursor.expect(Token.CLOSE_CURLY)
  return { kind: 'map', entries }
}

/** `{k: v, …}` of properties, possibly empty. */
export function parseMapEntries(cursor: TokenCursor): (readonly [Expression, Expression])[] {
  cursor.expect(Token.OPEN_CURLY)
  if (cursor.accept(Token.CLOSE_CURLY)) return []
  const entries = cursor.list((): readonly [Expression, Expression] => {
    const key = parseTerm(cursor)
    cursor.expect(Token.COLON)
    return [key, parseTerm(cursor)]
  })
  cursor.expect(Token.CLOSE_CURLY)
  return entries
}

/** `[ks.]name`, for a function. */
export function parseFunctionName(cursor: TokenCursor): {
  keyspace: string | undefined
  name: string
} {
  if (cursor.peek(1) === Token.DOT) {
    const keyspace = cursor.name('a keyspace name')
    cursor.expect(Token.DOT)
    return { keyspace, name: takeFunctionName(cursor) }
  }
  return { keyspace: undefined, name: takeFunctionName(cursor) }
}

export function takeFunctionName(cursor: TokenCursor): string {
  if (!isFunctionNameKind(cursor.kind)) throw cursor.unexpected('a function name')
  return cursor.takeName()
}

function parseCallTerm(cursor: TokenCursor): FunctionCall {
  if (!isFunctionNameKind(cursor.kind) && !isNameKind(cursor.kind))
    throw cursor.unexpected('a value')
  if (cursor.peek(1) !== Token.OPEN && cursor.peek(1) !== Token.DOT) {
    cursor.advance()
    throw cursor.unexpected("'('")
  }
  const { keyspace, name } = parseFunctionName(cursor)
  cursor.expect(Token.OPEN)
  const args = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE)
  return { kind: 'call', keyspace, name, args }
}

/** Whether `(` opens a type hint `(type) value` and not a tuple or a nested expression. */
export function isTypeHintAt(cursor: TokenCursor): boolean {
  const first = cursor.peek(1)
  if (!isNameKind(first) && first !== Kw.SET && first !== Token.STRING) return false
  let distance = 1
  let depth = 0
  for (; ; distance++) {
    const kind = cursor.peek(distance)
    if (kind === Token.LESS) depth++
    else if (kind === Token.GREATER) depth--
    else if (kind === Token.CLOSE) break
    else if (kind === Token.COMMA && depth === 0) return false
    else if (!isTypeToken(kind)) return false
  }
  return depth === 0 && isValueStart(cursor.peek(distance + 1), cursor.peek(distance + 2))
}

function isTypeToken(kind: number): boolean {
  return (
    isNameKind(kind) ||
    kind === Kw.SET ||
    kind === Token.DOT ||
    kind === Token.COMMA ||
    kind === Token.INTEGER ||
    kind === Token.STRING
  )
}

function isValueStart(kind: number, after: number): boolean {
  if (constantKinds[kind] !== undefined || specialFloats[kind] !== undefined) return true
  if (kind === Kw.AS || kind === Kw.CONTAINS || kind === Kw.LIKE) return after === Token.OPEN
  return (
    isNameKind(kind) ||
    kind === Kw.NULL ||
    kind === Kw.TOKEN ||
    kind === Token.QUESTION ||
    kind === Token.COLON ||
    kind === Token.OPEN ||
    kind === Token.OPEN_SQUARE ||
    kind === Token.OPEN_CURLY
  )
}

/** `intValue`: of LIMIT, TTL and TIMESTAMP. */
export function parseIntValue(cursor: TokenCursor): Expression {
  if (cursor.isMarker()) return cursor.marker()
  if (cursor.kind !== Token.INTEGER) throw cursor.unexpected('an integer or a bind marker')
  const text = cursor.tokenText()
  cursor.advance()
  return { kind: 'constant', type: 'integer', text }
}
