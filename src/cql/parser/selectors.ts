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
export function parseSelectors(c: TokenCursor): SelectItem[] | undefined {
  if (c.accept(Token.STAR)) return undefined
  return c.list((): SelectItem => {
    const value = parseSelectorValue(c)
    return { value, alias: c.accept(Kw.AS) ? c.name('an alias') : undefined }
  })
}

/** `unaliasedSelector` of Parser.g. */
export function parseSelectorValue(c: TokenCursor): Expression {
  let left = parseProduct(c)
  for (;;) {
    const operator = isAdditionAt(c.kind)
    if (operator === undefined) return left
    c.advance()
    left = { kind: 'binary', operator, left, right: parseProduct(c) }
  }
}

function parseProduct(c: TokenCursor): Expression {
  let left = parseGroup(c)
  for (;;) {
    const operator = isMultiplicationAt(c.kind)
    if (operator === undefined) return left
    c.advance()
    left = { kind: 'binary', operator, left, right: parseGroup(c) }
  }
}

function parseGroup(c: TokenCursor): Expression {
  if (c.accept(Token.MINUS)) return c.nested(() => ({ kind: 'negate', value: parseGroup(c) }))
  return parseModifiers(c, parsePrimary(c))
}

/** `selectorModifier` of Parser.g: `.field`, `[key]`, `[from..to]`, any number of them. */
function parseModifiers(c: TokenCursor, of: Expression): Expression {
  for (;;) {
    if (c.accept(Token.DOT)) {
      of = { kind: 'field', of, field: c.name('a field name') }
    } else if (c.accept(Token.OPEN_SQUARE)) {
      of = parseSubSelection(c, of)
      c.expect(Token.CLOSE_SQUARE)
    } else {
      return of
    }
  }
}

function parseSubSelection(c: TokenCursor, of: Expression): Expression {
  if (c.accept(Token.RANGE)) return { kind: 'slice', of, from: undefined, to: parseTerm(c) }
  const key = parseTerm(c)
  if (!c.accept(Token.RANGE)) return { kind: 'element', of, key }
  const to = c.kind === Token.CLOSE_SQUARE ? undefined : parseTerm(c)
  return { kind: 'slice', of, from: key, to }
}

function parsePrimary(c: TokenCursor): Expression {
  return tryConstant(c) ?? c.nested(() => parseComposed(c))
}

function parseComposed(c: TokenCursor): Expression {
  switch (c.kind) {
    case Token.QUESTION:
    case Token.COLON:
      return c.marker()
    case Kw.NULL:
      c.advance()
      return { kind: 'null' }
    case Token.OPEN:
      return isTypeHintAt(c) ? parseTypeHint(c, parsePrimary) : parseTupleOrNested(c)
    case Token.OPEN_SQUARE: {
      c.advance()
      const isEmpty = c.accept(Token.CLOSE_SQUARE)
      const elements = isEmpty ? [] : c.list(() => parseSelectorValue(c))
      if (!isEmpty) c.expect(Token.CLOSE_SQUARE)
      return { kind: 'list', elements }
    }
    case Token.OPEN_CURLY:
      return parseCurly(c)
    default:
      return parseNamed(c)
  }
}

function parseTupleOrNested(c: TokenCursor): Expression {
  c.expect(Token.OPEN)
  const elements = c.list(() => parseSelectorValue(c))
  c.expect(Token.CLOSE)
  // One element is a nested expression until the planner needs a tuple
  // (BetweenParenthesesOrWithTuple).
  return { kind: 'tuple', elements }
}

function parseCurly(c: TokenCursor): Expression {
  c.expect(Token.OPEN_CURLY)
  if (c.accept(Token.CLOSE_CURLY)) return { kind: 'set', elements: [] }
  const first = parseSelectorValue(c)
  if (c.kind === Token.COLON) return parseMapRest(c, first, parseSelectorValue)
  const elements = [first]
  while (c.accept(Token.COMMA)) elements.push(parseSelectorValue(c))
  c.expect(Token.CLOSE_CURLY)
  return { kind: 'set', elements }
}

const cellInfos: { readonly [kind: number]: 'writetime' | 'maxwritetime' | 'ttl' } = {
  [Kw.WRITETIME]: 'writetime',
  [Kw.MAXWRITETIME]: 'maxwritetime',
  [Kw.TTL]: 'ttl',
}

/** A column or a function call. */
function parseNamed(c: TokenCursor): Expression {
  if (c.peek(1) === Token.OPEN) return parseCall(c)
  if (c.peek(1) === Token.DOT && c.peek(3) === Token.OPEN && isFunctionNameKind(c.peek(2))) {
    return parsePlainCall(c)
  }
  if (c.kind === Kw.TOKEN || !isNameKind(c.kind)) throw c.unexpected('a selector')
  return { kind: 'column', name: c.takeName() }
}

function parseCall(c: TokenCursor): Expression {
  if (c.kind === Kw.CAST) return parseCast(c, parseSelectorValue)
  if (c.kind === Kw.COUNT && c.peek(2) === Token.STAR) {
    c.advance()
    c.advance()
    c.advance()
    c.expect(Token.CLOSE)
    return { kind: 'count_rows' }
  }
  const info = cellInfos[c.kind]
  if (info === undefined) return parsePlainCall(c)
  c.advance()
  c.expect(Token.OPEN)
  const column: ColumnReference = { kind: 'column', name: c.name('a column name') }
  const of = parseModifiers(c, column)
  c.expect(Token.CLOSE)
  return { kind: 'cell_info', info, of }
}

function parsePlainCall(c: TokenCursor): Expression {
  const { keyspace, name } = parseFunctionName(c)
  c.expect(Token.OPEN)
  const args = c.kind === Token.CLOSE ? [] : c.list(() => parseSelectorValue(c))
  c.expect(Token.CLOSE)
  return { kind: 'call', keyspace, name, args }
}
