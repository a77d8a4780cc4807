import { type CodecOptions, type Row, RowShape } from '../../codec/index.ts'
import {
  MetadataBytes,
  readColumnSpecs,
  readRowCount,
  readRowsHead,
  RowsHead,
  type WireReader,
} from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import type { LazyRows } from './result-set.ts'

/** Head of the answer that is being read; answers are read one at a time. */
const head = new RowsHead()

/** Bodies larger than this are decoded when their rows are first asked for. */
const eagerBytesMax = 64 * 1024

/** What a body of rows holds. */
export interface DecodedPage {
  readonly columns: readonly ColumnSpec[]
  readonly rows: Row[] | LazyRows
  readonly pagingState: Uint8Array | undefined
}

/**
 * The row shape of the last answer. Answers of v4 carry their metadata, so a table that was altered
 * is decoded as it now is; when the bytes are those seen before, the shape is too.
 */
export class ResultMetadataCache {
  readonly #options: CodecOptions
  #metadata: MetadataBytes | undefined
  #shape: RowShape | undefined

  constructor(options: CodecOptions) {
    this.#options = options
  }

  /** Reads a RESULT of kind Rows from behind its kind. */
  readPage(reader: WireReader): DecodedPage {
    readRowsHead(reader, head)
    const { pagingState } = head
    const shape = this.#shapeOf(reader)
    const rowCount = readRowCount(reader, head.columnCount)
    if (reader.remaining <= eagerBytesMax) {
      return { columns: shape.columns, rows: shape.decodeRows(reader, rowCount), pagingState }
    }
    // Frames beyond the read buffer's size have memory of their own, which the page now keeps.
    const own = reader.fork()
    return { columns: shape.columns, rows: () => shape.decodeRows(own, rowCount), pagingState }
  }

  #shapeOf(reader: WireReader): RowShape {
    const known = this.#shape
    if (known !== undefined && this.#metadata?.matches(reader, head) === true) return known
    const start = reader.offset
    const columns = readColumnSpecs(reader, head.flags, head.columnCount)
    const shape = new RowShape(columns, this.#options)
    this.#metadata = new MetadataBytes(head, reader.bytes, start, reader.offset)
    this.#shape = shape
    return shape
  }
}
