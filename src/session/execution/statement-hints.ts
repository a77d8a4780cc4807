import { BindError, ServerError, ServerErrorCode, type TsyllaError } from '../../errors/index.ts'

/** What a text looks like when it was written for another database. */
const numberedMarker = /(?:^|[\s(,=<>])\$\d+\b/
const formatMarker = /(?:^|[\s(,=<>])%s\b/
const parenthesizedIn = /\bIN\s*\(\s*(?:\?|:\w+)\s*\)/i

/** Returns what to do about an error that its text explains, or `undefined`. */
export function hintOf(error: TsyllaError, text: string): string | undefined {
  if (error instanceof ServerError && error.serverCode === ServerErrorCode.SYNTAX) {
    if (numberedMarker.test(text)) return 'Bind markers are written ? or :name, not $1'
    if (formatMarker.test(text)) return 'Bind markers are written ? or :name, not %s'
  }
  const isList = error instanceof BindError && isListKind(error.valueKind)
  if (isList && error.code === 'TSYLLA_BIND_VALUE' && parenthesizedIn.test(text)) {
    return 'To bind a list to IN, write IN ? without parentheses'
  }
  return undefined
}

function isListKind(kind: string | undefined): boolean {
  return kind === 'Array' || kind === 'Set'
}
