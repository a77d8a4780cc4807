/** A UTF-16 surrogate without its partner. */
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/** Whether UTF-8 can carry the text: half of a surrogate pair would silently become U+FFFD. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text)
}

/** The text with U+FFFD for halves of surrogate pairs. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replaceAll(/\p{Surrogate}/gu, '\ufffd')
}
