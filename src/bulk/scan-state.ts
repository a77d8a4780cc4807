import { ConfigError } from '../errors/index.ts'

/** A range that has been begun and not been finished. */
export interface OpenRange {
  readonly index: number
  /** Paging state at which the rows that are left begin; `undefined` at the start of the range. */
  readonly pagingState: Uint8Array | undefined
}

/** How far a scan is. */
export interface ScanPosition {
  /** `keyspace.table` as texts quote it. */
  readonly table: string
  readonly rangeCount: number
  /** Ranges that have been begun, in the order of {@link rangeOrder}. */
  readonly begunCount: number
  readonly open: readonly OpenRange[]
  /** Rows that were consumed before. */
  readonly rowCount: number
}

/** Most ranges a table is divided into. */
export const rangeCountMax = 65_536

/** Version of the form of a state. */
const version = 1

/** A position as text, for another process or a later day. */
export function encodeScanState(position: ScanPosition): string {
  const { table, rangeCount, begunCount, rowCount, open } = position
  const ranges = open.map(({ index, pagingState }) => [
    index,
    pagingState === undefined ? null : Buffer.from(pagingState).toString('base64'),
  ])
  const json = JSON.stringify([version, table, rangeCount, begunCount, rowCount, ranges])
  return Buffer.from(json).toString('base64url')
}

/** @throws ConfigError when the text is none of {@link encodeScanState}, or of another table */
export function decodeScanState(text: string, table: string): ScanPosition {
  const position = parse(text)
  if (position === undefined) {
    throw new ConfigError(
      'scanTable: resume is no state of a scan: pass what scan.state() returned',
    )
  }
  if (position.table !== table) {
    throw new ConfigError(
      `scanTable: the state to resume is one of ${position.table}, not ${table}`,
    )
  }
  return position
}

function parse(text: unknown): ScanPosition | undefined {
  if (typeof text !== 'string') return undefined
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(fields) || fields[0] !== version || fields.length !== 6) return undefined
  const [, table, rangeCount, begunCount, rowCount, ranges] = fields as unknown[]
  if (typeof table !== 'string' || !Array.isArray(ranges)) return undefined
  if (!isCount(rangeCount, 1, rangeCountMax) || !isCount(begunCount, 0, rangeCount))
    return undefined
  if (!isCount(rowCount, 0, Number.MAX_SAFE_INTEGER)) return undefined
  const open = ranges.map((range) => parseRange(range, rangeCount))
  const indexes = new Set(open.map((range) => range?.index))
  if (open.includes(undefined) || indexes.size < open.length || open.length > begunCount) {
    return undefined
  }
  return { table, rangeCount, begunCount, rowCount, open: open as OpenRange[] }
}

function parseRange(range: unknown, rangeCount: number): OpenRange | undefined {
  if (!Array.isArray(range) || range.length !== 2) return undefined
  const [index, sealed] = range as unknown[]
  if (!isCount(index, 0, rangeCount - 1)) return undefined
  if (sealed !== null && typeof sealed !== 'string') return undefined
  const pagingState = sealed === null ? undefined : new Uint8Array(Buffer.from(sealed, 'base64'))
  return { index, pagingState }
}

function isCount(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}
