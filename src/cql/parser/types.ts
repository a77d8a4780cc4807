import type { TypeName } from '../ast.ts'
import { keywordText, Kw, Token, WordUse, wordUse } from '../tokens.ts'
import type { TokenCursor } from './cursor.ts'

/** Words Cassandra keeps for future types (ReservedTypeName of Parser.g's helpers). */
const reservedTypeNames: ReadonlySet<string> = new Set([
  'byte',
  'complex',
  'enum',
  'date',
  'interval',
  'macaddr',
  'bitstring',
  'smallint',
])

/** `native_type` of Parser.g. */
export function parseNativeType(cursor: TokenCursor): TypeName {
  if (wordUse(cursor.kind) !== WordUse.NATIVE_TYPE) throw cursor.unexpected('a native type')
  const name = keywordText(cursor.kind)
  cursor.advance()
  return { kind: 'native', name: name === 'varchar' ? 'text' : name }
}

/** `comparatorType` of Parser.g. */
export function parseType(cursor: TokenCursor): TypeName {
  if (wordUse(cursor.kind) === WordUse.NATIVE_TYPE && cursor.peek(1) !== Token.DOT)
    return parseNativeType(cursor)
  if (cursor.kind === Token.STRING) return { kind: 'custom', className: cursor.string() }
  if (cursor.kind === Kw.SET || cursor.peek(1) === Token.LESS) {
    const parameterized = cursor.nested(() => tryParameterized(cursor))
    if (parameterized !== undefined) return parameterized
  }
  const { keyspace, name } = parseUserTypeName(cursor)
  return { kind: 'named', keyspace, name }
}

function tryParameterized(cursor: TokenCursor): TypeName | undefined {
  switch (cursor.kind) {
    case Kw.LIST:
      return { kind: 'list', element: parseArguments(cursor, parseType) }
    case Kw.SET:
      return { kind: 'set', element: parseArguments(cursor, parseType) }
    case Kw.FROZEN:
      return { kind: 'frozen', element: parseArguments(cursor, parseType) }
    case Kw.MAP:
      return parseArguments(cursor, (): TypeName => {
        const key = parseType(cursor)
        cursor.expect(Token.COMMA)
        return { kind: 'map', key, value: parseType(cursor) }
      })
    case Kw.TUPLE:
      return {
        kind: 'tuple',
        elements: parseArguments(cursor, () => cursor.list(() => parseType(cursor))),
      }
    case Kw.VECTOR:
      return parseArguments(cursor, (): TypeName => {
        const element = parseType(cursor)
        cursor.expect(Token.COMMA)
        const dimension = Number(cursor.tokenText())
        cursor.expect(Token.INTEGER)
        return { kind: 'vector', element, dimension }
      })
    default:
      return undefined
  }
}

function parseArguments<Result>(
  cursor: TokenCursor,
  parse: (cursor: TokenCursor) => Result,
): Result {
  cursor.advance()
  cursor.expect(Token.LESS)
  const result = parse(cursor)
  cursor.expect(Token.GREATER)
  return result
}

/** `userTypeName` of Parser.g: `[ks.]name`. */
export function parseUserTypeName(cursor: TokenCursor): {
  keyspace: string | undefined
  name: string
} {
  let keyspace: string | undefined
  if (cursor.peek(1) === Token.DOT) {
    keyspace = cursor.name('a keyspace name')
    cursor.advance()
  }
  const isAllowed =
    cursor.kind === Token.NAME ||
    cursor.kind === Token.QUOTED_NAME ||
    cursor.kind === Kw.KEY ||
    wordUse(cursor.kind) === WordUse.BASIC
  if (!isAllowed) throw cursor.unexpected('a type')
  const isQuoted = cursor.kind === Token.QUOTED_NAME
  const name = cursor.takeName()
  if (!isQuoted && reservedTypeNames.has(name)) {
    throw cursor.refuse(`Invalid (reserved) user type name ${name}`)
  }
  return { keyspace, name }
}
