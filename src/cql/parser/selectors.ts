import type { ColumnReference, Expression, SelectItem } from '../ast.ts'
import { Kw, Token } from '../tokens.ts'
import { isFunctionNameKind, isNameKind, type TokenCursor } from './cursor.ts'
import {
  isAdditionAt,
  isMultiplicationAt,
  isTypeHintAt,
  parseCast,
  parseFunctionName,
  parseMapRest,
  parseTerm,
  parseTypeHint,
  tryConstant,
} from './terms.ts'

/** `selectors` of Parser.g; `undefined` for `*`. */
export function parseSelectors(cursor: TokenCursor): SelectItem[] | undefined {
  if (cursor.accept(Token.STAR)) return undefined
  return cursor.list((): SelectItem => {
    const value = parseSelectorValue(cursor)
    return { value, alias: cursor.accept(Kw.AS) ? cursor.name('an alias') : undefined }
  })
}

/** `unaliasedSelector` of Parser.g. */
export function parseSelectorValue(cursor: TokenCursor): Expression {
  let left = parseProduct(cursor)
  for (;;) {
    const operator = isAdditionAt(cursor.kind)
    if (operator === undefined) return left
    cursor.advance()
    left = { kind: 'binary', operator, left, right: parseProduct(cursor) }
  }
}

function parseProduct(cursor: TokenCursor): Expression {
  let left = parseGroup(cursor)
  for (;;) {
    const operator = isMultiplicationAt(cursor.kind)
    if (operator === undefined) return left
    cursor.advance()
    left = { kind: 'binary', operator, left, right: parseGroup(cursor) }
  }
}

function parseGroup(cursor: TokenCursor): Expression {
  if (cursor.accept(Token.MINUS))
    return cursor.nested(() => ({ kind: 'negate', value: parseGroup(cursor) }))
  return parseModifiers(cursor, parsePrimary(cursor))
}

/** `selectorModifier` of Parser.g: `.field`, `[key]`, `[from..to]`, any number of them. */
function parseModifiers(cursor: TokenCursor, of: Expression): Expression {
  for (;;) {
    if (cursor.accept(Token.DOT)) {
      of = { kind: 'field', of, field: cursor.name('a field name') }
    } else if (cursor.accept(Token.OPEN_SQUARE)) {
      of = parseSubSelection(cursor, of)
      cursor.expect(Token.CLOSE_SQUARE)
    } else {
      return of
    }
  }
}

function parseSubSelection(cursor: TokenCursor, of: Expression): Expression {
  if (cursor.accept(Token.RANGE))
    return { kind: 'slice', of, from: undefined, to: parseTerm(cursor) }
  const key = parseTerm(cursor)
  if (!cursor.accept(Token.RANGE)) return { kind: 'element', of, key }
  const to = cursor.kind === Token.CLOSE_SQUARE ? undefined : parseTerm(cursor)
  return { kind: 'slice', of, from: key, to }
}

function parsePrimary(cursor: TokenCursor): Expression {
  return tryConstant(cursor) ?? cursor.nested(() => parseComposed(cursor))
}

function parseComposed(cursor: TokenCursor): Expression {
  switch (cursor.kind) {
    case Token.QUESTION:
    case Token.COLON:
      return cursor.marker()
    case Kw.NULL:
      cursor.advance()
      return { kind: 'null' }
    case Token.OPEN:
      return isTypeHintAt(cursor) ? parseTypeHint(cursor, parsePrimary) : parseTupleOrNested(cursor)
    case Token.OPEN_SQUARE: {
      cursor.advance()
      const isEmpty = cursor.accept(Token.CLOSE_SQUARE)
      const elements = isEmpty ? [] : cursor.list(() => parseSelectorValue(cursor))
      if (!isEmpty) cursor.expect(Token.CLOSE_SQUARE)
      return { kind: 'list', elements }
    }
    case Token.OPEN_CURLY:
      return parseCurly(cursor)
    default:
      return parseNamed(cursor)
  }
}

function parseTupleOrNested(cursor: TokenCursor): Expression {
  cursor.expect(Token.OPEN)
  const elements = cursor.list(() => parseSelectorValue(cursor))
  cursor.expect(Token.CLOSE)
  // One element is a nested expression until the planner needs a tuple
  // (BetweenParenthesesOrWithTuple).
  return { kind: 'tuple', elements }
}

function parseCurly(cursor: TokenCursor): Expression {
  cursor.expect(Token.OPEN_CURLY)
  if (cursor.accept(Token.CLOSE_CURLY)) return { kind: 'set', elements: [] }
  const first = parseSelectorValue(cursor)
  if (cursor.kind === Token.COLON) return parseMapRest(cursor, first, parseSelectorValue)
  const elements = [first]
  while (cursor.accept(Token.COMMA)) elements.push(parseSelectorValue(cursor))
  cursor.expect(Token.CLOSE_CURLY)
  return { kind: 'set', elements }
}

const cellInfos: { readonly [kind: number]: 'writetime' | 'maxwritetime' | 'ttl' } = {
  [Kw.WRITETIME]: 'writetime',
  [Kw.MAXWRITETIME]: 'maxwritetime',
  [Kw.TTL]: 'ttl',
}

/** A column or a function call. */
function parseNamed(cursor: TokenCursor): Expression {
  if (cursor.peek(1) === Token.OPEN) return parseCall(cursor)
  if (
    cursor.peek(1) === Token.DOT &&
    cursor.peek(3) === Token.OPEN &&
    isFunctionNameKind(cursor.peek(2))
  ) {
    return parsePlainCall(cursor)
  }
  if (cursor.kind === Kw.TOKEN || !isNameKind(cursor.kind)) throw cursor.unexpected('a selector')
  return { kind: 'column', name: cursor.takeName() }
}

function parseCall(cursor: TokenCursor): Expression {
  if (cursor.kind === Kw.CAST) return parseCast(cursor, parseSelectorValue)
  if (cursor.kind === Kw.COUNT && cursor.peek(2) === Token.STAR) {
    cursor.advance()
    cursor.advance()
    cursor.advance()
    cursor.expect(Token.CLOSE)
    return { kind: 'count_rows' }
  }
  const info = cellInfos[cursor.kind]
  if (info === undefined) return parsePlainCall(cursor)
  cursor.advance()
  cursor.expect(Token.OPEN)
  const column: ColumnReference = { kind: 'column', name: cursor.name('a column name') }
  const of = parseModifiers(cursor, column)
  cursor.expect(Token.CLOSE)
  return { kind: 'cell_info', info, of }
}

function parsePlainCall(cursor: TokenCursor): Expression {
  const { keyspace, name } = parseFunctionName(cursor)
  cursor.expect(Token.OPEN)
  const args = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseSelectorValue(cursor))
  cursor.expect(Token.CLOSE)
  return { kind: 'call', keyspace, name, args }
}
