// What errors may show of the text of a statement. Texts that failed need not be CQL, so they are
// read by pieces, and a piece that is not closed extends to the end of the text.

const comment = String.raw`--[^\n\r]*|\/\/[^\n\r]*|\/\*[^]*?(?:\*\/|$)`
const stringLiteral = String.raw`'[^']*(?:''[^']*)*(?:'|$)|\$\$[^]*?(?:\$\$|$)`
const quotedName = String.raw`"[^"]*(?:""[^"]*)*(?:"|$)`
const pieces = new RegExp(`(${comment})|(${stringLiteral})|(${quotedName})`, 'g')

/** Returns the text without comments, and with empty literals. */
export function withoutLiterals(text: string): string {
  return text.replace(pieces, (piece: string, isComment?: string, isLiteral?: string) =>
    isComment !== undefined ? ' ' : isLiteral !== undefined ? "''" : piece,
  )
}

const uuidLiteral = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const otherLiteral = String.raw`\b(?:${uuidLiteral}|0x[0-9a-f]*|\d[\w.]*(?:e[+-]\d+)?)\b`
const allPieces = new RegExp(
  `(${comment})|(${stringLiteral}|${otherLiteral})|(${quotedName})`,
  'gi',
)

/** Returns the text without comments, and with `?` instead of literals. */
export function parameterized(text: string): string {
  return text
    .replace(allPieces, (piece: string, isComment?: string, isLiteral?: string) =>
      isComment !== undefined ? ' ' : isLiteral !== undefined ? '?' : piece,
    )
    .trim()
}

const redacted = '[redacted]'
/** A role statement, or any other that names a password: the first word may be misspelt. */
const mayHaveSecrets = /\b(?:create|alter)\s+(?:role|user)\b|\bpassword\b/i
/** What follows PASSWORD where a literal should, without its quotes or in wrong ones. */
const bareSecret = /\b(password\s*(?:=\s*)?)("[^"]*(?:""[^"]*)*(?:"|$)|[^\s'"?:;,(){}[\]=]+)/gi
const wordsAfterPassword = /^(?:and|as|asc|contains|counter|desc|from|in|is|like|or|text|varchar)$/i

export interface RedactedStatement {
  readonly text: string
  /** Inner texts of what was redacted, as they stand there and without escapes. */
  readonly secrets: readonly string[]
}

/**
 * Redacts the literals of a statement that may contain a password.
 *
 * @returns `undefined` for all other statements
 */
export function redactStatement(text: string): RedactedStatement | undefined {
  if (!mayHaveSecrets.test(withoutLiterals(text))) return undefined
  const secrets = new Set<string>()
  const hide = (secret: string, escapedQuote: string): void => {
    if (secret === '') return
    secrets.add(secret)
    secrets.add(secret.replaceAll(`${escapedQuote}${escapedQuote}`, escapedQuote))
  }
  const shown = text
    .replace(pieces, (piece: string, isComment?: string, literal?: string) => {
      if (isComment !== undefined) return ' '
      if (literal === undefined) return piece
      hide(innerText(literal), "'")
      return `'${redacted}'`
    })
    .replace(bareSecret, (whole: string, before: string, value: string) => {
      if (wordsAfterPassword.test(value)) return whole
      hide(value.startsWith('"') ? innerText(value) : value, '"')
      return `${before}${redacted}`
    })
  // The longest first: one may contain another.
  return { text: shown, secrets: [...secrets].sort((a, b) => b.length - a.length) }
}

/** Returns a literal without its quotes; the last one may be missing. */
function innerText(literal: string): string {
  const quote = literal.startsWith('$$') ? '$$' : literal.charAt(0)
  const isClosed = literal.length >= 2 * quote.length && literal.endsWith(quote)
  return literal.slice(quote.length, isClosed ? -quote.length : undefined)
}

/** Servers show a part of the text around a syntax error, which may end within a literal. */
const excerpt = /^(line \d+:\d+ [^]*?) \([^]*\)$/
/** Shorter secrets are replaced only between quotes, or words would lose letters. */
const partLengthMin = 4

/** Removes what was redacted from a message about the statement. */
export function redactMessage(message: string, secrets: readonly string[]): string {
  let shown = message.replace(excerpt, '$1')
  for (const secret of secrets) {
    if (secret.length >= partLengthMin) shown = shown.replaceAll(secret, redacted)
    else shown = shown.replaceAll(`'${secret}'`, `'${redacted}'`)
  }
  return shown
}
