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

/** `-NAN` has no sign worth keeping: Cassandra reads it as NaN. */
const specialFloats: { readonly [kind: number]: string } = {
  [Kw.NAN]: 'NaN',
  [Token.NEGATIVE_NAN]: 'NaN',
  [Kw.INFINITY]: 'Infinity',
  [Token.NEGATIVE_INFINITY]: '-Infinity',
}

/** A constant at the cursor, or `undefined` without moving. */
export function tryConstant(c: TokenCursor): Constant | undefined {
  const special = specialFloats[c.kind]
  if (special !== undefined) {
    c.advance()
    return { kind: 'constant', type: 'float', text: special }
  }
  const type = constantKinds[c.kind]
  if (type === undefined) return undefined
  if (type === 'string') return { kind: 'constant', type, text: c.string() }
  const text = c.tokenText()
  c.advance()
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
export function parseTerm(c: TokenCursor): Expression {
  let left = parseTermProduct(c)
  for (;;) {
    const operator = isAdditionAt(c.kind)
    // In `SET c = ? + c` the column ends the term (normalColumnOperation).
    if (operator === undefined || isColumnOperand(c)) return left
    c.advance()
    left = { kind: 'binary', operator, left, right: parseTermProduct(c) }
  }
}

function isColumnOperand(c: TokenCursor): boolean {
  if (!isNameKind(c.peek(1)) && c.peek(1) !== Token.EMPTY_QUOTED_NAME) return false
  const after = c.peek(2)
  return after !== Token.OPEN && after !== Token.DOT
}

function parseTermProduct(c: TokenCursor): Expression {
  let left = parseTermGroup(c)
  for (;;) {
    const operator = isMultiplicationAt(c.kind)
    if (operator === undefined) return left
    c.advance()
    left = { kind: 'binary', operator, left, right: parseTermGroup(c) }
  }
}

function parseTermGroup(c: TokenCursor): Expression {
  if (c.accept(Token.MINUS)) return { kind: 'negate', value: parseSimpleTerm(c) }
  return parseSimpleTerm(c)
}

export function parseSimpleTerm(c: TokenCursor): Expression {
  return tryConstant(c) ?? c.nested(() => parseComposedTerm(c))
}

function parseComposedTerm(c: TokenCursor): Expression {
  switch (c.kind) {
    case Token.QUESTION:
    case Token.COLON:
      return c.marker()
    case Kw.NULL:
      c.advance()
      return { kind: 'null' }
    case Token.OPEN:
      return isTypeHintAt(c) ? parseTypeHint(c, parseSimpleTerm) : parseTuple(c)
    case Token.OPEN_SQUARE:
      return parseListTerm(c)
    case Token.OPEN_CURLY:
      return parseCurlyTerm(c)
    case Kw.CAST:
      return parseCast(c, parseSimpleTerm)
    default:
      return parseCallTerm(c)
  }
}

/** `(t1, t2, …)` */
export function parseTuple(c: TokenCursor): Expression {
  c.expect(Token.OPEN)
  const elements = c.list(() => parseTerm(c))
  c.expect(Token.CLOSE)
  return { kind: 'tuple', elements }
}

export function parseTypeHint(
  c: TokenCursor,
  parseValue: (c: TokenCursor) => Expression,
): Expression {
  c.expect(Token.OPEN)
  const type = parseType(c)
  c.expect(Token.CLOSE)
  return { kind: 'hint', type, value: parseValue(c) }
}

export function parseCast(c: TokenCursor, parseValue: (c: TokenCursor) => Expression): Expression {
  c.expect(Kw.CAST)
  c.expect(Token.OPEN)
  const value = parseValue(c)
  c.expect(Kw.AS)
  const type = parseNativeType(c)
  c.expect(Token.CLOSE)
  return { kind: 'cast', type, value }
}

function parseListTerm(c: TokenCursor): Expression {
  c.expect(Token.OPEN_SQUARE)
  const elements = c.kind === Token.CLOSE_SQUARE ? [] : c.list(() => parseTerm(c))
  c.expect(Token.CLOSE_SQUARE)
  return { kind: 'list', elements }
}

/** `{…}`: a set, a map, or a user type when its first key is a field name. */
function parseCurlyTerm(c: TokenCursor): Expression {
  c.expect(Token.OPEN_CURLY)
  if (c.accept(Token.CLOSE_CURLY)) return { kind: 'set', elements: [] }
  if (isNameKind(c.kind) && c.peek(1) === Token.COLON) {
    const fields = c.list((): FieldValue => {
      const field = c.name('a field name')
      c.expect(Token.COLON)
      return { field, value: parseTerm(c) }
    })
    c.expect(Token.CLOSE_CURLY)
    return { kind: 'udt', fields }
  }
  const first = parseTerm(c)
  if (c.kind === Token.COLON) return parseMapRest(c, first, parseTerm)
  const elements = [first]
  while (c.accept(Token.COMMA)) elements.push(parseTerm(c))
  c.expect(Token.CLOSE_CURLY)
  return { kind: 'set', elements }
}

/** A map literal from its first colon on. */
export function parseMapRest(
  c: TokenCursor,
  firstKey: Expression,
  parseItem: (c: TokenCursor) => Expression,
): Expression {
  c.expect(Token.COLON)
  const entries: MapEntry[] = [{ key: firstKey, value: parseItem(c) }]
  while (c.accept(Token.COMMA)) {
    const key = parseItem(c)
    c.expect(Token.COLON)
    entries.push({ key, value: parseItem(c) })
  }
  c.expect(Token.CLOSE_CURLY)
  return { kind: 'map', entries }
}

/** `{k: v, …}` of properties, possibly empty. */
export function parseMapEntries(c: TokenCursor): (readonly [Expression, Expression])[] {
  c.expect(Token.OPEN_CURLY)
  if (c.accept(Token.CLOSE_CURLY)) return []
  const entries = c.list((): readonly [Expression, Expression] => {
    const key = parseTerm(c)
    c.expect(Token.COLON)
    return [key, parseTerm(c)]
  })
  c.expect(Token.CLOSE_CURLY)
  return entries
}

/** `[ks.]name`, for a function. */
export function parseFunctionName(c: TokenCursor): { keyspace: string | undefined; name: string } {
  if (c.peek(1) === Token.DOT) {
    const keyspace = c.name('a keyspace name')
    c.expect(Token.DOT)
    return { keyspace, name: takeFunctionName(c) }
  }
  return { keyspace: undefined, name: takeFunctionName(c) }
}

export function takeFunctionName(c: TokenCursor): string {
  if (!isFunctionNameKind(c.kind)) throw c.unexpected('a function name')
  return c.takeName()
}

function parseCallTerm(c: TokenCursor): FunctionCall {
  if (!isFunctionNameKind(c.kind) && !isNameKind(c.kind)) throw c.unexpected('a value')
  if (c.peek(1) !== Token.OPEN && c.peek(1) !== Token.DOT) {
    c.advance()
    throw c.unexpected("'('")
  }
  const { keyspace, name } = parseFunctionName(c)
  c.expect(Token.OPEN)
  const args = c.kind === Token.CLOSE ? [] : c.list(() => parseTerm(c))
  c.expect(Token.CLOSE)
  return { kind: 'call', keyspace, name, args }
}

/** Whether `(` opens a type hint `(type) value` and not a tuple or a nested expression. */
export function isTypeHintAt(c: TokenCursor): boolean {
  const first = c.peek(1)
  if (!isNameKind(first) && first !== Kw.SET && first !== Token.STRING) return false
  let distance = 1
  let depth = 0
  for (; ; distance++) {
    const kind = c.peek(distance)
    if (kind === Token.LESS) depth++
    else if (kind === Token.GREATER) depth--
    else if (kind === Token.CLOSE) break
    else if (kind === Token.COMMA && depth === 0) return false
    else if (!isTypeToken(kind)) return false
  }
  return depth === 0 && isValueStart(c.peek(distance + 1), c.peek(distance + 2))
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
export function parseIntValue(c: TokenCursor): Expression {
  if (c.isMarker()) return c.marker()
  if (c.kind !== Token.INTEGER) throw c.unexpected('an integer or a bind marker')
  const text = c.tokenText()
  c.advance()
  return { kind: 'constant', type: 'integer', text }
}
