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

/** What parses a statement, by its first word. */
export interface Rules<Statement> {
  readonly [kind: number]: (cursor: TokenCursor) => Statement
}

/** Statements about rows, which are all that a client has to understand. */
export const dataRules: Rules<DataStatement> = {
  [Kw.SELECT]: parseSelect,
  [Kw.INSERT]: parseInsert,
  [Kw.UPDATE]: parseUpdate,
  [Kw.DELETE]: parseDelete,
  [Kw.BEGIN]: parseBatch,
  [Kw.USE]: parseUse,
  [Kw.TRUNCATE]: parseTruncate,
}

/** Parses everything the cursor has as one statement. @throws CqlSyntaxError */
export function parseWhole<Statement>(cursor: TokenCursor, rules: Rules<Statement>): Statement {
  const rule = rules[cursor.kind]
  if (rule === undefined) throw cursor.unexpected('a statement')
  const statement = rule(cursor)
  while (cursor.accept(Token.SEMICOLON));
  cursor.expect(Token.END)
  return statement
}

/**
 * The tree of a statement about rows, and its markers as they are spelled; `undefined` for other
 * statements. The grammar of those is no part of a client.
 * @throws CqlSyntaxError
 */
export function parseDataStatement(
  text: string,
): { readonly statement: DataStatement; readonly markers: readonly MarkerSpelling[] } | undefined {
  const cursor = new TokenCursor(text)
  if (dataRules[cursor.kind] === undefined) return undefined
  return { statement: parseWhole(cursor, dataRules), markers: cursor.markers }
}
