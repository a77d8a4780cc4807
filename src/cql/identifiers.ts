import { isPlainName } from './tokens.ts'

/** A name as CQL: plain when it reads back as itself, otherwise in double quotes. */
export function quoteIdentifier(name: string): string {
  return isPlainName(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** A string literal. */
export function quoteString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name as the server knows it: unquoted text folded to lower case, quoted text as it is. */
export function foldIdentifier(written: string): string {
  if (written.length >= 2 && written.startsWith('"') && written.endsWith('"')) {
    return written.slice(1, -1).replaceAll('""', '"')
  }
  return written.toLowerCase()
}
