import { BindError, ServerError, ServerErrorCode, type TsyllaError } from '../../errors/index.ts'
import { withoutLiterals } from './statement-text.ts'

/** What a text looks like when it was written for another database. */
const numberedMarker = /(?:^|[\s(,=<>])\$\d+\b/
const formatMarker = /(?:^|[\s(,=<>])%s\b/
const parenthesizedIn = /(?:\b(\w+)|"((?:[^"]|"")+)")\s+IN\s*\(\s*(?:\?|:(\w+))\s*\)/gi

/** Returns what to do about an error that its text explains, or `undefined`. */
export function hintOf(error: TsyllaError, statement: string): string | undefined {
  if (!(error instanceof ServerError) && !(error instanceof BindError)) return undefined
  const text = withoutLiterals(statement)
  if (error instanceof ServerError && error.serverCode === ServerErrorCode.SYNTAX) {
    if (numberedMarker.test(text)) return 'Bind markers are written ? or :name, not $1'
    if (formatMarker.test(text)) return 'Bind markers are written ? or :name, not %s'
  }
  const isList = error instanceof BindError && isListKind(error.valueKind)
  if (isList && error.code === 'TSYLLA_BIND_VALUE' && isParenthesized(error.column, text)) {
    return 'To bind a list to IN, write IN ? without parentheses'
  }
  return undefined
}

/** Whether the marker of a column, or of that name, is in the parentheses of an IN. */
function isParenthesized(column: string | undefined, text: string): boolean {
  if (column === undefined) return false
  const names = [...text.matchAll(parenthesizedIn)].flatMap(([, plain, quoted, marker]) => [
    plain?.toLowerCase(),
    quoted?.replaceAll('""', '"'),
    marker?.toLowerCase(),
  ])
  return names.includes(column)
}

function isListKind(kind: string | undefined): boolean {
  return kind === 'Array' || kind === 'Set'
}
