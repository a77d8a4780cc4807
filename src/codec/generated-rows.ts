import { uuidToText } from '../types/index.ts'
import { utf8Read, type WireReader } from '../protocol/index.ts'
import { CellOp, type Codec, cutCell } from './codec.ts'
import { Row } from './row.ts'
import { readDate } from './temporals.ts'

/** Reads that many rows from where the reader stands. */
export type DecodeRows = (reader: WireReader, rowCount: number) => Row[]

/** Functions that generated code calls. */
interface Helpers {
  readonly text: typeof utf8Read
  readonly uuid: typeof uuidToText
  readonly date: typeof readDate
  readonly cut: typeof cutCell
}
const helpers: Helpers = { text: utf8Read, uuid: uuidToText, date: readDate, cut: cutCell }

/**
 * The condition on a cell's length and the expression of its value, by kind of cell. A length that
 * does not meet it goes to the codec, which knows null, empty and malformed ones.
 */
const inline: { readonly [op in CellOp]?: readonly [condition: string, value: string] } = {
  [CellOp.INT]: ['length === 4', 'view.getInt32(at)'],
  [CellOp.BIGINT]: ['length === 8', 'view.getBigInt64(at)'],
  [CellOp.TEXT]: ['length > 0', 'text(bytes, at, at + length)'],
  [CellOp.UUID]: ['length === 16', 'uuid(bytes, at)'],
  [CellOp.TIMESTAMP]: ['length === 8', 'date(view, at)'],
  [CellOp.DOUBLE]: ['length === 8', 'view.getFloat64(at)'],
  [CellOp.BOOLEAN]: ['length === 1', 'bytes[at] !== 0'],
  [CellOp.FLOAT]: ['length === 4', 'view.getFloat32(at)'],
}

function cellSource(op: CellOp, i: number): string {
  const fast = inline[op]
  const head =
    fast === undefined
      ? ''
      : `if (${fast[0]} && length <= end - at) v${i} = ${fast[1]}
    else `
  return `
    if (at + 4 > end) throw cut()
    length = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]
    at += 4
    let v${i} = null
    ${head}if (length !== -1) v${i} = c${i}.readCell(reader, at, length)
    if (length > 0) at += length`
}

/**
 * A row class and a loop over a page as code of their own. The source holds fixed text, column
 * numbers and column names through JSON.stringify: no types, options or values, and a name cannot
 * leave its string. U+2028 and U+2029 are allowed in strings since ES2019.
 */
export function generateDecoder(
  Base: new () => Row,
  names: readonly string[],
  codecs: readonly Codec[],
): DecodeRows {
  const keys = names.map((name) => JSON.stringify(name))
  const indexes = [...names.keys()]
  // Assigning to a name that a prototype has may call a setter (`__proto__`) or fail (`length`):
  // such rows declare all their columns as fields, which are defined instead, in their order.
  const isHostile = names.some((name) => name in Row.prototype || isIndex(name))
  const fields = isHostile ? keys.map((key) => `[${key}] = null`).join('; ') : ''
  const parameters = indexes.map((i) => `v${i}`).join(', ')
  const cells = codecs.map((codec, i) => cellSource(codec.readOp, i)).join('')
  const source = `'use strict'
const { text, uuid, date, cut } = helpers
const [${indexes.map((i) => `c${i}`).join(', ')}] = codecs
class Row extends Base {
  ${fields}
  constructor(${parameters}) {
    super()
    ${keys.map((key, i) => `this[${key}] = v${i}`).join('\n    ')}
  }
}
return function decodeRows(reader, rowCount) {
  const bytes = reader.bytes, view = reader.view, end = reader.end
  const rows = new Array(rowCount)
  let at = reader.offset, length = 0
  for (let r = 0; r < rowCount; r++) {${cells}
    rows[r] = new Row(${parameters})
  }
  reader.offset = at
  return rows
}`
  // oxlint-disable-next-line typescript/no-implied-eval -- quoted names and indexes only
  const make = new Function('Base', 'helpers', 'codecs', source) as (
    base: new () => Row,
    helpers: Helpers,
    codecs: readonly Codec[],
  ) => DecodeRows
  return make(Base, helpers, codecs)
}

/** Whether the row's prototype may answer to the name as to an index. */
function isIndex(name: string): boolean {
  return /^[0-9]+$/.test(name)
}
