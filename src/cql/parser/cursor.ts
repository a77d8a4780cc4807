import { CqlSyntaxError } from '../../errors/index.ts'
import { type TokenList, tokenize } from '../lexer.ts'
import { keywordKindMin, keywordText, Kw, Token, WordUse, wordUse } from '../tokens.ts'
import type { Marker, QualifiedName } from '../ast.ts'
import type { MarkerSpelling } from '../markers.ts'

/** Levels of brackets, calls and types within each other. */
const nestingMax = 200

/**
 * A position in the tokens of one text, with helpers for all rules of the grammar. An error names
 * the first token that does not fit, at the position that Cassandra's ANTLR parser reports.
 */
export class TokenCursor {
  readonly #tokens: TokenList
  #position = 0
  #depth = 0
  /** Kind of the token at the position. */
  kind: number
  /** The markers so far, as they are spelled. */
  readonly markers: MarkerSpelling[] = []

  constructor(text: string) {
    this.#tokens = tokenize(text)
    this.kind = this.#tokens.kinds[0]!
  }

  get position(): number {
    return this.#position
  }

  /** Kind of the token `distance` after the current one. */
  peek(distance: number): number {
    return this.#tokens.kinds[this.#position + distance] ?? Token.END
  }

  advance(): void {
    this.#position++
    this.kind = this.#tokens.kinds[this.#position]!
  }

  /** Text of the current token as written. */
  tokenText(): string {
    const tokens = this.#tokens
    return tokens.text.slice(tokens.starts[this.#position], tokens.ends[this.#position])
  }

  /** Takes the current token if it is of `kind`. */
  accept(kind: number): boolean {
    if (this.kind !== kind) return false
    this.advance()
    return true
  }

  expect(kind: number): void {
    if (this.kind !== kind) throw this.unexpected(kindText(kind))
    this.advance()
  }

  /** Takes tokens of all `kinds` in order, or none of them. */
  acceptAll(...kinds: number[]): boolean {
    if (this.kind !== kinds[0]) return false
    for (const kind of kinds) this.expect(kind)
    return true
  }

  /** Returns the error for a current token that is not expected here. */
  unexpected(expected: string): CqlSyntaxError {
    const { text, starts, error } = this.#tokens
    if (this.kind === Token.ERROR && error !== undefined) {
      const { line, column } = positionOf(text, error.at)
      return new CqlSyntaxError(`line ${line}:${column} ${error.message}`, line, column, expected)
    }
    if (this.kind === Token.END) {
      const message = `line 0:-1 no viable alternative at input '<EOF>', expected ${expected}`
      return new CqlSyntaxError(message, 0, -1, expected)
    }
    const { line, column } = positionOf(text, starts[this.#position]!)
    const found = `no viable alternative at input '${this.tokenText()}'`
    const message = `line ${line}:${column} ${found}, expected ${expected}`
    return new CqlSyntaxError(message, line, column, expected)
  }

  /** An error of Cassandra's grammar actions, which have no position. */
  refuse(message: string): CqlSyntaxError {
    const { text, starts } = this.#tokens
    const { line, column } = positionOf(text, starts[this.#position]!)
    return new CqlSyntaxError(message, line, column, '')
  }

  isName(): boolean {
    return isNameKind(this.kind)
  }

  /** IDENT, QUOTED_NAME or an unreserved word: `ident` of Parser.g. */
  name(what = 'a name'): string {
    if (!isNameKind(this.kind)) throw this.unexpected(what)
    return this.takeName()
  }

  /** `cident`: a column, which may be called `""`. */
  columnName(): string {
    if (this.accept(Token.EMPTY_QUOTED_NAME)) return ''
    return this.name('a column name')
  }

  /** The folded name of the current token, whatever its kind. */
  takeName(): string {
    const text = this.tokenText()
    const isQuoted = this.kind === Token.QUOTED_NAME
    this.advance()
    return isQuoted ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase()
  }

  /** A keyspace, table or index name; Cassandra names markers in such places in its own words. */
  schemaName(what: string): string {
    if (this.kind === Token.QUESTION) {
      throw this.refuse(`Bind variables cannot be used for ${what} names`)
    }
    return this.name(`a ${what} name`)
  }

  qualifiedName(what = 'table'): QualifiedName {
    const first = this.schemaName(what)
    if (!this.accept(Token.DOT)) return { keyspace: undefined, name: first }
    return { keyspace: first, name: this.schemaName(what) }
  }

  /** `?` or `:name`. */
  marker(): Marker {
    const index = this.markers.length
    if (this.accept(Token.QUESTION)) {
      this.markers.push({ name: undefined, isQuoted: false })
      return { kind: 'marker', index, name: undefined }
    }
    this.expect(Token.COLON)
    const isQuoted = this.kind === Token.QUOTED_NAME
    const spelling = this.tokenText()
    const name = this.name('the name of a bind marker')
    this.markers.push({ name: isQuoted ? name : spelling, isQuoted })
    return { kind: 'marker', index, name }
  }

  isMarker(): boolean {
    return this.kind === Token.QUESTION || this.kind === Token.COLON
  }

  /** The value of a string token. */
  string(): string {
    if (this.kind !== Token.STRING) throw this.unexpected('a string')
    const text = this.tokenText()
    this.advance()
    if (text.charCodeAt(0) === 0x24) return text.slice(2, -2)
    return text.slice(1, -1).replaceAll("''", "'")
  }

  /** Parses what may contain itself; a text cannot nest deeper than the stack bears. */
  nested<Result>(parse: () => Result): Result {
    if (this.#depth === nestingMax) throw this.refuse('The statement is nested too deep')
    this.#depth++
    const result = parse()
    this.#depth--
    return result
  }

  /** `item (',' item)*` */
  list<Item>(item: () => Item): Item[] {
    const items = [item()]
    while (this.accept(Token.COMMA)) items.push(item())
    return items
  }

  ifNotExists(): boolean {
    return this.acceptAll(Kw.IF, Kw.NOT, Kw.EXISTS)
  }

  ifExists(): boolean {
    return this.acceptAll(Kw.IF, Kw.EXISTS)
  }
}

export function isNameKind(kind: number): boolean {
  return kind === Token.NAME || kind === Token.QUOTED_NAME || wordUse(kind) !== WordUse.RESERVED
}

/** `allowedFunctionName` of Parser.g. */
export function isFunctionNameKind(kind: number): boolean {
  return (
    kind === Token.NAME ||
    kind === Token.QUOTED_NAME ||
    kind === Kw.TOKEN ||
    kind === Kw.COUNT ||
    wordUse(kind) >= WordUse.NATIVE_TYPE
  )
}

/** Returns the line (from 1) and column (from 0) of an offset. As in ANTLR, lines end at \n. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart }
}

const symbolTexts: { readonly [kind: number]: string } = {
  [Token.OPEN]: "'('",
  [Token.CLOSE]: "')'",
  [Token.COMMA]: "','",
  [Token.CLOSE_SQUARE]: "']'",
  [Token.CLOSE_CURLY]: "'}'",
  [Token.OPEN_CURLY]: "'{'",
  [Token.COLON]: "':'",
  [Token.EQUAL]: "'='",
  [Token.GREATER]: "'>'",
  [Token.LESS]: "'<'",
  [Token.INTEGER]: 'an integer',
  [Token.STRING]: 'a string',
  [Token.END]: 'the end of the statement',
}

function kindText(kind: number): string {
  if (kind >= keywordKindMin) return keywordText(kind).toUpperCase()
  return symbolTexts[kind] ?? 'something else'
}
