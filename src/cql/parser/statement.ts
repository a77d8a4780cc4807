import type { CqlStatement } from '../ast-schema.ts'
import type { MarkerSpelling } from '../markers.ts'
import { Kw, Token } from '../tokens.ts'
import { parseAlter, parseDrop } from './alter-drop.ts'
import { parseCreate } from './create.ts'
import { TokenCursor } from './cursor.ts'
import {
  parseBatch,
  parseDelete,
  parseInsert,
  parseSelect,
  parseTruncate,
  parseUpdate,
  parseUse,
} from './data.ts'
import { parseDescribe } from './describe.ts'
import { parseGrantOrRevoke, parseList } from './permissions.ts'
import { parseAddIdentity } from './roles.ts'
import { parseTerm } from './terms.ts'
import { parseType } from './types.ts'
import type { Expression, TypeName } from '../ast.ts'

type Rule = (c: TokenCursor) => CqlStatement

const rules: { readonly [kind: number]: Rule } = {
  [Kw.SELECT]: parseSelect,
  [Kw.INSERT]: parseInsert,
  [Kw.UPDATE]: parseUpdate,
  [Kw.DELETE]: parseDelete,
  [Kw.BEGIN]: parseBatch,
  [Kw.USE]: parseUse,
  [Kw.TRUNCATE]: parseTruncate,
  [Kw.CREATE]: parseCreate,
  [Kw.ALTER]: parseAlter,
  [Kw.DROP]: parseDrop,
  [Kw.GRANT]: parseGrantOrRevoke,
  [Kw.REVOKE]: parseGrantOrRevoke,
  [Kw.LIST]: parseList,
  [Kw.ADD]: parseAddIdentity,
  [Kw.DESCRIBE]: parseDescribe,
  [Kw.DESC]: parseDescribe,
}

/** Parses one statement, semicolons after it allowed. @throws CqlSyntaxError */
export function parseStatement(text: string): CqlStatement {
  return parseOnly(new TokenCursor(text))
}

/** The tree of a statement, and its markers as they are spelled. @throws CqlSyntaxError */
export function parseWithMarkers(text: string): {
  readonly statement: CqlStatement
  readonly markers: readonly MarkerSpelling[]
} {
  const c = new TokenCursor(text)
  return { statement: parseOnly(c), markers: c.markers }
}

function parseOnly(c: TokenCursor): CqlStatement {
  const rule = rules[c.kind]
  if (rule === undefined) throw c.unexpected('a statement')
  const statement = rule(c)
  while (c.accept(Token.SEMICOLON));
  c.expect(Token.END)
  return statement
}

/** Parses a type by itself: `map<text, frozen<list<int>>>`. @throws CqlSyntaxError */
export function parseTypeText(text: string): TypeName {
  const c = new TokenCursor(text)
  const type = parseType(c)
  c.expect(Token.END)
  return type
}

/** Parses a term by itself. @throws CqlSyntaxError */
export function parseTermText(text: string): Expression {
  const c = new TokenCursor(text)
  const term = parseTerm(c)
  c.expect(Token.END)
  return term
}
