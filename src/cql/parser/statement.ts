import type { CqlStatement } from '../ast-schema.ts'
import { Kw, Token } from '../tokens.ts'
import { parseAlter, parseDrop } from './alter-drop.ts'
import { parseCreate } from './create.ts'
import { TokenCursor } from './cursor.ts'
import { dataRules, parseWhole, type Rules } from './data-statement.ts'
import { parseDescribe } from './describe.ts'
import { parseGrantOrRevoke, parseList } from './permissions.ts'
import { parseAddIdentity } from './roles.ts'
import { parseType } from './types.ts'
import type { TypeName } from '../ast.ts'

const rules: Rules<CqlStatement> = {
  ...dataRules,
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
  return parseWhole(new TokenCursor(text), rules)
}

/** Parses a type by itself: `map<text, frozen<list<int>>>`. @throws CqlSyntaxError */
export function parseTypeText(text: string): TypeName {
  const cursor = new TokenCursor(text)
  const type = parseType(cursor)
  cursor.expect(Token.END)
  return type
}
