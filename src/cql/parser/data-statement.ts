import type { DataStatement } from '../ast.ts'
import type { MarkerSpelling } from '../markers.ts'
import { Kw, Token } from '../tokens.ts'
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

/** Parsers of statements by their first keyword. */
export interface Rules<Statement> {
  readonly [kind: number]: (cursor: TokenCursor) => Statement
}

/** Statements about rows, the only ones that a client has to parse. */
export const dataRules: Rules<DataStatement> = {
  [Kw.SELECT]: parseSelect,
  [Kw.INSERT]: parseInsert,
  [Kw.UPDATE]: parseUpdate,
  [Kw.DELETE]: parseDelete,
  [Kw.BEGIN]: parseBatch,
  [Kw.USE]: parseUse,
  [Kw.TRUNCATE]: parseTruncate,
}

/** Parses all tokens of the cursor as one statement. @throws CqlSyntaxError */
export function parseWhole<Statement>(cursor: TokenCursor, rules: Rules<Statement>): Statement {
  const rule = rules[cursor.kind]
  if (rule === undefined) throw cursor.unexpected('a statement')
  const statement = rule(cursor)
  while (cursor.accept(Token.SEMICOLON));
  cursor.expect(Token.END)
  return statement
}

/**
 * Returns the syntax tree of a statement about rows, and its markers as written; `undefined` for
 * other statements, whose grammar the client does not contain.
 *
 * @throws CqlSyntaxError
 */
export function parseDataStatement(
  text: string,
): { readonly statement: DataStatement; readonly markers: readonly MarkerSpelling[] } | undefined {
  const cursor = new TokenCursor(text)
  if (dataRules[cursor.kind] === undefined) return undefined
  return { statement: parseWhole(cursor, dataRules), markers: cursor.markers }
}
