import { ProtocolError } from '../../errors/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import { encodeColumnSpecs, readColumnSpecs } from '../notation/column-specs.ts'
import { Opcode, ResultKind, RowsFlag } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

// <flags:int><columns_count:int>[<paging_state:bytes>][<new_metadata_id:short bytes>]
// [<global_table_spec>]<col_spec>…     (native_protocol_v4.spec §4.2.5.2)

/** Flags that say how the column descriptions that follow are written. */
const layoutFlags = RowsFlag.GLOBAL_TABLES_SPEC | RowsFlag.NO_METADATA

/** The metadata before the column descriptions. `readRowsHead` fills it; it can be reused. */
export class RowsHead {
  flags = 0
  columnCount = 0
  /** A copy; `undefined` on the last page. */
  pagingState: Uint8Array | undefined = undefined
  newMetadataId: Uint8Array | undefined = undefined

  get hasColumns(): boolean {
    return (this.flags & RowsFlag.NO_METADATA) === 0
  }
}

/** Reads the metadata and leaves the reader at the column descriptions. */
export function readRowsHead(reader: WireReader, head: RowsHead): void {
  const flags = reader.readInt()
  head.flags = flags
  const count = reader.readInt()
  if (count < 0 || count > 0xffff) {
    throw new ProtocolError(`Malformed frame: a result of ${count} columns`)
  }
  head.columnCount = count
  head.pagingState = undefined
  if ((flags & RowsFlag.HAS_MORE_PAGES) !== 0) head.pagingState = reader.readBytes() ?? undefined
  head.newMetadataId = undefined
  if ((flags & RowsFlag.METADATA_CHANGED) !== 0) head.newMetadataId = reader.readShortBytes()
}

/**
 * The exact bytes of column descriptions seen before. A response that carries the same bytes has
 * the same columns, so their row shape is used again without parsing: comparing 69 bytes as words
 * takes 35 ns, parsing them 890.
 */
export class MetadataBytes {
  readonly #flags: number
  readonly #columnCount: number
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #wordBytes: number

  /** Copies the bytes from `start` to `end`, the descriptions that belong to `head`. */
  constructor(head: RowsHead, bytes: Uint8Array, start: number, end: number) {
    this.#flags = head.flags & layoutFlags
    this.#columnCount = head.columnCount
    this.#bytes = new Uint8Array(bytes.subarray(start, end))
    const view = new DataView(this.#bytes.buffer)
    this.#words = new Int32Array(this.#bytes.length >> 2)
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = view.getInt32(i * 4)
    this.#wordBytes = this.#words.length * 4
  }

  /** Whether these descriptions are next in the reader. If so, the reader skips them. */
  matches(reader: WireReader, head: RowsHead): boolean {
    if (head.columnCount !== this.#columnCount || (head.flags & layoutFlags) !== this.#flags) {
      return false
    }
    const start = reader.offset
    const bytes = this.#bytes
    const end = start + bytes.length
    if (end > reader.end) return false
    const view = reader.view
    const words = this.#words
    for (let i = 0, at = start; i < words.length; i++, at += 4) {
      if (view.getInt32(at) !== words[i]) return false
    }
    for (let i = this.#wordBytes; i < bytes.length; i++) {
      if (reader.bytes[start + i] !== bytes[i]) return false
    }
    reader.offset = end
    return true
  }
}

export interface RowsMetadata {
  readonly columns: readonly ColumnSpec[]
  readonly columnCount: number
  readonly pagingState: Uint8Array | undefined
  /** The server left the columns out, as asked with SKIP_METADATA. */
  readonly noMetadata: boolean
  readonly newMetadataId: Uint8Array | undefined
}

/** Reads all metadata and leaves the reader at the row count. */
export function readRowsMetadata(reader: WireReader): RowsMetadata {
  const head = new RowsHead()
  readRowsHead(reader, head)
  return {
    columns: head.hasColumns ? readColumnSpecs(reader, head.flags, head.columnCount) : [],
    columnCount: head.columnCount,
    pagingState: head.pagingState,
    noMetadata: !head.hasColumns,
    newMetadataId: head.newMetadataId,
  }
}

/** Reads `<rows_count:int>`, refusing more rows than the frame can hold. */
export function readRowCount(reader: WireReader, columnCount: number): number {
  const count = reader.readCount(4 * columnCount)
  if (columnCount === 0 && count > 0) {
    throw new ProtocolError(`Malformed frame: ${count} rows without columns`)
  }
  return count
}

export interface RowsMetadataOptions {
  readonly pagingState?: Uint8Array | undefined
  /** Leave the columns out: the client asked with SKIP_METADATA. */
  readonly noMetadata?: boolean
  /** Number of columns when they are not given. */
  readonly columnCount?: number
  readonly newMetadataId?: Uint8Array | undefined
}

/** Writes metadata; `<rows_count:int>` and the cells follow. */
export function writeRowsMetadata(
  writer: WireWriter,
  columns: readonly ColumnSpec[],
  options: RowsMetadataOptions = {},
): void {
  const { pagingState, newMetadataId, noMetadata = false } = options
  const specs = noMetadata ? undefined : encodeColumnSpecs(columns)
  let flags = specs === undefined ? RowsFlag.NO_METADATA : specs.flags
  if (pagingState !== undefined) flags |= RowsFlag.HAS_MORE_PAGES
  if (newMetadataId !== undefined) flags |= RowsFlag.METADATA_CHANGED
  writer.writeInt(flags)
  writer.writeInt(options.columnCount ?? columns.length)
  if (pagingState !== undefined) writer.writeBytes(pagingState)
  if (newMetadataId !== undefined) writer.writeShortBytes(newMetadataId)
  if (specs !== undefined) writer.writeRaw(specs.bytes)
}

/** Rows whose cells are encoded already, as a node that reads them from its store has them. */
export interface EncodedRowsResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.ROWS
  readonly metadata: RowsMetadata
  readonly rowCount: number
  /** The cells row by row, each `[bytes]`. */
  readonly content: Uint8Array
}

/** Rows with their cells as they came; sessions decode rows through the codec room instead. */
export interface RowsResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.ROWS
  readonly metadata: RowsMetadata
  readonly rows: readonly (readonly (Uint8Array | null)[])[]
}

/** `<metadata><rows_count:int>` and the cells, each `[bytes]` (native_protocol_v4.spec §4.2.5.2) */
export function writeRows(writer: WireWriter, result: RowsResult | EncodedRowsResult): void {
  writeRowsMetadata(writer, result.metadata.columns, result.metadata)
  if ('content' in result) {
    const { rowCount, content } = result
    writer.reserve(4 + content.length)
    writer.writeInt(rowCount)
    writer.writeRaw(content)
    return
  }
  const { rows } = result
  writer.writeInt(rows.length)
  for (const row of rows) for (const cell of row) writer.writeBytes(cell)
}

export function readRows(reader: WireReader): RowsResult {
  const metadata = readRowsMetadata(reader)
  const { columnCount } = metadata
  const count = readRowCount(reader, columnCount)
  const rows: (Uint8Array | null)[][] = []
  for (let i = 0; i < count; i++) {
    const cells: (Uint8Array | null)[] = []
    for (let column = 0; column < columnCount; column++) cells.push(reader.readBytes())
    rows.push(cells)
  }
  return { opcode: Opcode.RESULT, kind: ResultKind.ROWS, metadata, rows }
}
