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
export function parseNativeType(c: TokenCursor): TypeName {
  if (wordUse(c.kind) !== WordUse.NATIVE_TYPE) throw c.unexpected('a native type')
  const name = keywordText(c.kind)
  c.advance()
  return { kind: 'native', name: name === 'varchar' ? 'text' : name }
}

/** `comparatorType` of Parser.g. */
export function parseType(c: TokenCursor): TypeName {
  if (wordUse(c.kind) === WordUse.NATIVE_TYPE && c.peek(1) !== Token.DOT) return parseNativeType(c)
  if (c.kind === Token.STRING) return { kind: 'custom', className: c.string() }
  if (c.kind === Kw.SET || c.peek(1) === Token.LESS) {
    const parameterized = c.nested(() => tryParameterized(c))
    if (parameterized !== undefined) return parameterized
  }
  const { keyspace, name } = parseUserTypeName(c)
  return { kind: 'named', keyspace, name }
}

function tryParameterized(c: TokenCursor): TypeName | undefined {
  switch (c.kind) {
    case Kw.LIST:
      return { kind: 'list', element: parseArguments(c, parseType) }
    case Kw.SET:
      return { kind: 'set', element: parseArguments(c, parseType) }
    case Kw.FROZEN:
      return { kind: 'frozen', element: parseArguments(c, parseType) }
    case Kw.MAP:
      return parseArguments(c, (): TypeName => {
        const key = parseType(c)
        c.expect(Token.COMMA)
        return { kind: 'map', key, value: parseType(c) }
      })
    case Kw.TUPLE:
      return { kind: 'tuple', elements: parseArguments(c, () => c.list(() => parseType(c))) }
    case Kw.VECTOR:
      return parseArguments(c, (): TypeName => {
        const element = parseType(c)
        c.expect(Token.COMMA)
        const dimension = Number(c.tokenText())
        c.expect(Token.INTEGER)
        return { kind: 'vector', element, dimension }
      })
    default:
      return undefined
  }
}

function parseArguments<Result>(c: TokenCursor, parse: (c: TokenCursor) => Result): Result {
  c.advance()
  c.expect(Token.LESS)
  const result = parse(c)
  c.expect(Token.GREATER)
  return result
}

/** `userTypeName` of Parser.g: `[ks.]name`. */
export function parseUserTypeName(c: TokenCursor): { keyspace: string | undefined; name: string } {
  let keyspace: string | undefined
  if (c.peek(1) === Token.DOT) {
    keyspace = c.name('a keyspace name')
    c.advance()
  }
  const isAllowed =
    c.kind === Token.NAME ||
    c.kind === Token.QUOTED_NAME ||
    c.kind === Kw.KEY ||
    wordUse(c.kind) === WordUse.BASIC
  if (!isAllowed) throw c.unexpected('a type')
  const isQuoted = c.kind === Token.QUOTED_NAME
  const name = c.takeName()
  if (!isQuoted && reservedTypeNames.has(name)) {
    throw c.refuse(`Invalid (reserved) user type name ${name}`)
  }
  return { keyspace, name }
}
