import { kindByWord, Token } from './tokens.ts'

/** Character classes by code, for codes below 128. */
const Char = { LETTER: 1, DIGIT: 2, HEX: 4, SPACE: 8 } as const
const classes: Uint8Array = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code)
  let bits = 0
  if (/[A-Za-z]/.test(char)) bits |= Char.LETTER
  if (/[0-9]/.test(char)) bits |= Char.DIGIT
  if (/[0-9A-Fa-f]/.test(char)) bits |= Char.HEX
  if (/[ \t\n\r]/.test(char)) bits |= Char.SPACE
  classes[code] = bits
}

const punctuation: Uint8Array = new Uint8Array(128)
for (const [char, kind] of [
  [';', Token.SEMICOLON],
  ['(', Token.OPEN],
  [')', Token.CLOSE],
  [',', Token.COMMA],
  ['[', Token.OPEN_SQUARE],
  [']', Token.CLOSE_SQUARE],
  ['{', Token.OPEN_CURLY],
  ['}', Token.CLOSE_CURLY],
  [':', Token.COLON],
  ['=', Token.EQUAL],
  ['*', Token.STAR],
  ['%', Token.PERCENT],
  ['?', Token.QUESTION],
] as const) {
  punctuation[char.charCodeAt(0)] = kind
}

/** The tokens of a text, one array per property. The last token is always `END`. */
export interface TokenList {
  readonly text: string
  readonly kinds: readonly number[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** Reason of the first `ERROR` token. */
  readonly error: LexicalError | undefined
}

export interface LexicalError {
  /** Offset of the offending character. */
  readonly at: number
  readonly message: string
}

/** Splits CQL into tokens. It never throws: invalid text becomes `ERROR` and lexing continues. */
export function tokenize(text: string): TokenList {
  const lexer = new Lexer(text)
  lexer.run()
  return lexer
}

class Lexer implements TokenList {
  readonly text: string
  readonly kinds: number[] = []
  readonly starts: number[] = []
  readonly ends: number[] = []
  error: LexicalError | undefined
  #at = 0

  constructor(text: string) {
    this.text = text
  }

  run(): void {
    const text = this.text
    for (;;) {
      let at = this.#at
      while (at < text.length && (this.#classAt(at) & Char.SPACE) !== 0) at++
      this.#at = at
      if (at >= text.length) break
      this.#next(at, text.charCodeAt(at))
    }
    this.#push(Token.END, text.length, text.length)
  }

  #push(kind: number, start: number, end: number): void {
    this.kinds.push(kind)
    this.starts.push(start)
    this.ends.push(end)
    this.#at = end
  }

  #fail(start: number, at: number, message: string): void {
    this.error ??= { at, message }
    this.#push(Token.ERROR, start, Math.max(at, start + 1))
  }

  #classAt(at: number): number {
    const code = this.text.charCodeAt(at)
    return code < 128 ? classes[code]! : 0
  }

  #next(at: number, code: number): void {
    const bits = code < 128 ? classes[code]! : 0
    if ((bits & Char.HEX) !== 0 && this.#isUuidAt(at)) return this.#push(Token.UUID, at, at + 36)
    if ((bits & Char.LETTER) !== 0) return this.#word(at, code)
    if ((bits & Char.DIGIT) !== 0) return this.#number(at, at)
    const kind = code < 128 ? punctuation[code]! : 0
    if (kind !== 0) return this.#push(kind, at, at + 1)
    this.#symbol(at, code)
  }

  #symbol(at: number, code: number): void {
    const following = this.text.charCodeAt(at + 1)
    switch (code) {
      case 0x27: // '
        return this.#quoted(at, 0x27, Token.STRING)
      case 0x22: // "
        return this.#quoted(at, 0x22, Token.QUOTED_NAME)
      case 0x24: // $
        return this.#dollarString(at)
      case 0x2d: // -
        return this.#minus(at, following)
      case 0x2e: // .
        return following === 0x2e
          ? this.#push(Token.RANGE, at, at + 2)
          : this.#push(Token.DOT, at, at + 1)
      case 0x2f: // /
        return this.#slash(at, following)
      case 0x2b: // +
        return this.#withEqual(at, following, Token.PLUS, Token.PLUS_EQUAL)
      case 0x3c: // <
        return this.#withEqual(at, following, Token.LESS, Token.LESS_EQUAL)
      case 0x3e: // >
        return this.#withEqual(at, following, Token.GREATER, Token.GREATER_EQUAL)
      case 0x21: // !
        if (following === 0x3d) return this.#push(Token.NOT_EQUAL, at, at + 2)
        return this.#mismatch(at, at + 1, '=')
      default:
        return this.#fail(at, at, `no viable alternative at character '${this.#charAt(at)}'`)
    }
  }

  #withEqual(at: number, following: number, alone: number, withEqual: number): void {
    if (following === 0x3d) this.#push(withEqual, at, at + 2)
    else this.#push(alone, at, at + 1)
  }

  #charAt(at: number): string {
    const code = this.text.codePointAt(at)
    return code === undefined ? '<EOF>' : String.fromCodePoint(code)
  }

  #mismatch(start: number, at: number, expected: string): void {
    this.#fail(start, at, `mismatched character '${this.#charAt(at)}' expecting '${expected}'`)
  }

  #word(at: number, code: number): void {
    const text = this.text
    if (code === 0x50) {
      const end = isoDurationEnd(text, at)
      if (end !== 0) return this.#push(Token.DURATION, at, end)
    }
    const end = this.#wordEnd(at)
    if (end - at === 4 && text.charCodeAt(end) === 0x28 && text.startsWith('expr(', at)) {
      return this.#push(Token.EXPR_OPEN, at, end + 1)
    }
    this.#push(wordKind(text.slice(at, end)), at, end)
  }

  #wordEnd(at: number): number {
    let end = at + 1
    while (
      (this.#classAt(end) & (Char.LETTER | Char.DIGIT)) !== 0 ||
      this.text.charCodeAt(end) === 0x5f
    ) {
      end++
    }
    return end
  }

  #minus(at: number, following: number): void {
    if (following === 0x2d) return this.#lineComment(at)
    if (following === 0x3d) return this.#push(Token.MINUS_EQUAL, at, at + 2)
    if (following < 128 && (classes[following]! & Char.DIGIT) !== 0) {
      return this.#number(at, at + 1)
    }
    if (following === 0x50) {
      const end = isoDurationEnd(this.text, at + 1)
      if (end !== 0) return this.#push(Token.DURATION, at, end)
    }
    if (following < 128 && (classes[following]! & Char.LETTER) !== 0) {
      const end = this.#wordEnd(at + 1)
      const word = this.text.slice(at + 1, end).toLowerCase()
      if (word === 'nan') return this.#push(Token.NEGATIVE_NAN, at, end)
      if (word === 'infinity') return this.#push(Token.NEGATIVE_INFINITY, at, end)
    }
    this.#push(Token.MINUS, at, at + 1)
  }

  #slash(at: number, following: number): void {
    if (following === 0x2f) return this.#lineComment(at)
    if (following !== 0x2a) return this.#push(Token.SLASH, at, at + 1)
    const end = this.text.indexOf('*/', at + 2)
    if (end === -1) return this.#mismatch(at, this.text.length, '*')
    this.#at = end + 2
  }

  /** Lexer.g ends a line comment with a line feed; a comment that ends the text is an error. */
  #lineComment(at: number): void {
    const text = this.text
    let end = at + 2
    while (end < text.length && text.charCodeAt(end) !== 0x0a && text.charCodeAt(end) !== 0x0d) {
      end++
    }
    if (end === text.length) return this.#mismatch(at, end, 'line feed')
    this.#at = end + 1
  }

  #quoted(at: number, quote: number, kind: number): void {
    const text = this.text
    const quoteText = String.fromCharCode(quote)
    let end = at + 1
    for (;;) {
      end = text.indexOf(quoteText, end)
      if (end === -1) return this.#mismatch(at, text.length, quoteText)
      if (text.charCodeAt(end + 1) !== quote) break
      end += 2
    }
    if (kind === Token.QUOTED_NAME && end === at + 1) kind = Token.EMPTY_QUOTED_NAME
    this.#push(kind, at, end + 1)
  }

  #dollarString(at: number): void {
    const text = this.text
    if (text.charCodeAt(at + 1) !== 0x24) return this.#mismatch(at, at + 1, '$')
    const end = text.indexOf('$$', at + 2)
    if (end === -1) return this.#mismatch(at, text.length, '$')
    this.#push(Token.STRING, at, end + 2)
  }

  #digitsEnd(at: number): number {
    while ((this.#classAt(at) & Char.DIGIT) !== 0) at++
    return at
  }

  /** A number, hexadecimal or duration whose digits start at `digits` and text at `start`. */
  #number(start: number, digits: number): void {
    const text = this.text
    const second = text.charCodeAt(digits + 1) | 0x20
    if (start === digits && text.charCodeAt(digits) === 0x30 && second === 0x78) {
      let end = digits + 2
      while ((this.#classAt(end) & Char.HEX) !== 0) end++
      return this.#push(Token.HEX, start, end)
    }
    let end = this.#digitsEnd(digits)
    if ((this.#classAt(end) & Char.LETTER) !== 0 || text.charCodeAt(end) > 127) {
      const durationEnd = unitDurationEnd(text, digits)
      if (durationEnd !== 0) return this.#push(Token.DURATION, start, durationEnd)
    }
    let kind: number = Token.INTEGER
    if (text.charCodeAt(end) === 0x2e) {
      // `1..2` is a range of integers, `1...2` starts with the float `1.` (Lexer.g FLOAT).
      const isRange = text.charCodeAt(end + 1) === 0x2e && text.charCodeAt(end + 2) !== 0x2e
      if (isRange) return this.#push(kind, start, end)
      kind = Token.FLOAT
      end = this.#digitsEnd(end + 1)
    }
    const exponentEnd = this.#exponentEnd(end)
    if (exponentEnd !== end) kind = Token.FLOAT
    this.#push(kind, start, exponentEnd)
  }

  #exponentEnd(at: number): number {
    const text = this.text
    if ((text.charCodeAt(at) | 0x20) !== 0x65) return at
    const sign = text.charCodeAt(at + 1)
    const digits = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1
    const end = this.#digitsEnd(digits)
    return end === digits ? at : end
  }

  #isUuidAt(at: number): boolean {
    const text = this.text
    if (text.charCodeAt(at + 8) !== 0x2d || at + 36 > text.length) return false
    for (let i = 0; i < 36; i++) {
      const isDash = i === 8 || i === 13 || i === 18 || i === 23
      if (isDash ? text.charCodeAt(at + i) !== 0x2d : (this.#classAt(at + i) & Char.HEX) === 0) {
        return false
      }
    }
    return true
  }
}

function wordKind(word: string): number {
  const kind = kindByWord.get(word)
  if (kind !== undefined) return kind
  const lower = word.toLowerCase()
  return lower === word ? Token.NAME : (kindByWord.get(lower) ?? Token.NAME)
}

const unitDuration = /\d+(?:mo|ms|us|µs|μs|ns|y|w|d|h|m|s)/iy
const isoDurations: readonly RegExp[] = [
  /P\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/y,
  /P\d+W/y,
  /P(?:\d+Y(?:\d+M)?(?:\d+D)?|\d+M(?:\d+D)?|\d+D)?(?:T(?:\d+H(?:\d+M)?(?:\d+S)?|\d+M(?:\d+S)?|\d+S))?/y,
]

/** End of a duration such as `12h30m` that starts at `at`; 0 when there is none. */
function unitDurationEnd(text: string, at: number): number {
  let end = 0
  for (;;) {
    unitDuration.lastIndex = at
    if (!unitDuration.test(text)) return end
    end = unitDuration.lastIndex
    at = end
  }
}

/** End of an ISO 8601 duration whose `P` is at `at`, 0 when the text is a name. */
function isoDurationEnd(text: string, at: number): number {
  const following = text.charCodeAt(at + 1)
  if (following !== 0x54 && !(following >= 0x30 && following <= 0x39)) return 0
  for (const form of isoDurations) {
    form.lastIndex = at
    if (!form.test(text)) continue
    const end = form.lastIndex
    if (end > at + 1 && !/\w/.test(text.charAt(end))) return end
  }
  return 0
}
