import { type Cells, type CodecOptions, type Row, RowShape } from '../../codec/index.ts'
import { ProtocolError } from '../../errors/index.ts'
import {
  MetadataBytes,
  type PreparedResult,
  readColumnSpecs,
  readRowCount,
  readRowsHead,
  reusedSegmentBytesMax,
  RowsHead,
  type WireReader,
} from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import { assert } from '../../util/index.ts'
import type { EncodedPage } from './result-set.ts'

/** Head of the answer that is being read; answers are read one at a time. */
const head = new RowsHead()

/** Bodies larger than this are decoded when their rows are first asked for. */
const eagerBytesMax = 64 * 1024
assert(eagerBytesMax >= reusedSegmentBytesMax, 'rows would be read from memory that was reused')

/** What a body of rows holds. */
export interface DecodedPage {
  readonly columns: readonly ColumnSpec[]
  readonly rows: Row[] | EncodedPage
  readonly pagingState: Uint8Array | undefined
}

/** A page that is decoded when its rows or columns are asked for. */
class LargePage implements EncodedPage {
  readonly #shape: RowShape
  readonly #reader: WireReader
  readonly rowCount: number

  constructor(shape: RowShape, reader: WireReader, rowCount: number) {
    this.#shape = shape
    this.#reader = reader
    this.rowCount = rowCount
  }

  decodeRows(): Row[] {
    return this.#shape.decodeRows(this.#reader.fork(), this.rowCount)
  }

  findCells(): Cells {
    return this.#shape.findCells(this.#reader.fork(), this.rowCount)
  }
}

/** Columns of a result, and the id by which nodes name them. */
export interface KnownColumns {
  readonly id: Uint8Array
  readonly shape: RowShape
}

/**
 * The row shapes of a statement's results. Answers carry their metadata, so a table that was
 * altered is decoded as it now is; when the bytes are those seen before, the shape is too. Nodes
 * that name the metadata by an id leave it out while the client sends that id
 * (native_protocol_v5.spec §4.1.6).
 */
export class ResultMetadataCache {
  readonly #options: CodecOptions
  #metadata: MetadataBytes | undefined
  #shape: RowShape | undefined
  /** What a request sends as known. Id and columns are replaced together. */
  known: KnownColumns | undefined

  constructor(options: CodecOptions) {
    this.#options = options
  }

  /** Takes what PREPARE has answered. Without an id, what is known may be out of date. */
  learn({ resultMetadataId: id, resultColumns }: PreparedResult): void {
    const hasColumns = id !== undefined && resultColumns.length > 0
    this.known = hasColumns ? { id, shape: new RowShape(resultColumns, this.#options) } : undefined
  }

  /**
   * Reads a RESULT of kind Rows from behind its kind.
   *
   * @param known what the request has sent as known
   * @throws ProtocolError when the answer leaves out columns that are not known, or have changed
   */
  readPage(reader: WireReader, known: KnownColumns | undefined): DecodedPage {
    readRowsHead(reader, head)
    const { pagingState, newMetadataId } = head
    const shape = head.hasColumns ? this.#shapeOf(reader) : shapeOfKnown(known)
    if (newMetadataId !== undefined && shape.columns.length > 0) {
      this.known = { id: newMetadataId, shape }
    }
    const rowCount = readRowCount(reader, head.columnCount)
    if (reader.remaining <= eagerBytesMax) {
      return { columns: shape.columns, rows: shape.decodeRows(reader, rowCount), pagingState }
    }
    // Frames beyond the read buffer's size have memory of their own, which the page now keeps.
    const own = reader.fork()
    return { columns: shape.columns, rows: new LargePage(shape, own, rowCount), pagingState }
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

/** An answer without columns has those that the request has named; one with a new id has others. */
function shapeOfKnown(known: KnownColumns | undefined): RowShape {
  const shape = known?.shape
  const isKnown = head.newMetadataId === undefined && shape?.columns.length === head.columnCount
  if (shape !== undefined && isKnown) return shape
  throw new ProtocolError('An answer leaves out columns that this side does not know')
}
