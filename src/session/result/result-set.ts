import { type Cells, ColumnSet, Row, RowCells } from '../../codec/index.ts'
import { ConfigError, RowCountError } from '../../errors/index.ts'
import type {
  ColumnSpec,
  ColumnarRows,
  Page,
  QueryTrace,
  RowOf,
  RowsMethod,
  TraceOptions,
} from '../../types/index.ts'

const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')
/** `util.inspect` and its options, as Node passes them. */
interface InspectOptions {
  readonly depth?: number | null
}
type Inspect = (value: unknown, options: InspectOptions) => string

/** Columns of a response without rows. */
const noColumns: readonly ColumnSpec[] = Object.freeze([])
const noWarnings: readonly string[] = Object.freeze([])

/** Parts of an answer that most answers do not have. */
export interface ResultExtras {
  readonly tracingId?: string | undefined
  /** Reads the trace with that id. */
  readonly readTrace?: ((options: TraceOptions) => Promise<QueryTrace>) | undefined
  readonly warnings?: readonly string[]
  readonly customPayload?: ReadonlyMap<string, Uint8Array | null> | undefined
}

const noExtras: ResultExtras = Object.freeze({})

/** The rows of a large page, which are decoded when they are first asked for. */
export interface EncodedPage {
  readonly rowCount: number
  decodeRows(): Row[]
  findCells(): Cells
}

/** The result of a request: one page, or all pages together. */
export class ResultSet<Columns> implements Page<Columns> {
  declare readonly rows: RowsMethod<Columns>
  readonly coordinator: string
  readonly pagingState: Uint8Array | undefined
  readonly #columns: readonly ColumnSpec[]
  #rows: Row[] | EncodedPage
  readonly #extras: ResultExtras
  readonly #isConditional: boolean

  constructor(
    coordinator: string,
    columns: readonly ColumnSpec[] = noColumns,
    rows: Row[] | EncodedPage = [],
    pagingState?: Uint8Array,
    extras: ResultExtras = noExtras,
    isConditional = false,
  ) {
    this.coordinator = coordinator
    this.pagingState = pagingState
    this.#columns = columns
    this.#rows = rows
    this.#extras = extras
    this.#isConditional = isConditional
  }

  #decoded(): RowOf<Columns>[] {
    if (!Array.isArray(this.#rows)) this.#rows = this.#rows.decodeRows()
    return this.#rows as unknown as RowOf<Columns>[]
  }

  firstRow(): RowOf<Columns> | undefined {
    return this.#decoded()[0]
  }

  singleRow(): RowOf<Columns> {
    const rows = this.#decoded()
    if (rows.length !== 1) throw new RowCountError(rows.length)
    return rows[0]!
  }

  rowsTyped(): Columns[] {
    return this.#decoded().map((row) => Row.asDict(row as object) as Columns)
  }

  firstRowTyped(): Columns | undefined {
    const row = this.firstRow()
    return row === undefined ? undefined : (Row.asDict(row) as Columns)
  }

  toColumns(): ColumnarRows {
    const rows = this.#rows
    const cells = Array.isArray(rows) ? new RowCells(rows, this.#columns) : rows.findCells()
    return new ColumnSet(this.#columns, cells)
  }

  colSpecs(): readonly ColumnSpec[] {
    return this.#columns
  }

  tracingId(): string | undefined {
    return this.#extras.tracingId
  }

  async trace(options: TraceOptions = {}): Promise<QueryTrace> {
    const { readTrace } = this.#extras
    if (readTrace !== undefined) return await readTrace(options)
    throw new ConfigError('The request was not traced: run it with the option tracing: true')
  }

  warnings(): readonly string[] {
    return this.#extras.warnings ?? noWarnings
  }

  customPayload(): ReadonlyMap<string, Uint8Array | null> | undefined {
    return this.#extras.customPayload
  }

  get length(): number {
    const rows = this.#rows
    return Array.isArray(rows) ? rows.length : rows.rowCount
  }

  /** Others may have a column of that name too. */
  get applied(): boolean | undefined {
    const first = this.#columns[0]
    if (!this.#isConditional) return undefined
    if (first?.name !== '[applied]' || first.type.kind !== 'boolean') return undefined
    const row = this.firstRow()
    return row === undefined ? undefined : Row.get(row, 0) === true
  }

  [Symbol.iterator](): Iterator<RowOf<Columns>> {
    return this.#decoded()[Symbol.iterator]()
  }

  /** The same page with the paging state that users see. */
  withPagingState(pagingState: Uint8Array): ResultSet<Columns> {
    const { coordinator } = this
    return new ResultSet<Columns>(
      coordinator,
      this.#columns,
      this.#rows,
      pagingState,
      this.#extras,
      this.#isConditional,
    )
  }

  /** Decodes now what would be decoded on demand, and releases the bytes of the page. */
  detach(): this {
    this.#decoded()
    return this
  }

  toJSON(): unknown[] {
    return this.#decoded().map((row) => Row.prototype.toJSON.call(row))
  }

  /** What `console.log` shows: the rows, and of the rest only what the result has. */
  #shown(): object {
    const { applied, pagingState, coordinator } = this
    const { tracingId, warnings } = this.#extras
    return {
      rows: this.#decoded(),
      ...(applied === undefined ? undefined : { applied }),
      ...(pagingState === undefined ? undefined : { pagingState }),
      ...(tracingId === undefined ? undefined : { tracingId }),
      ...(warnings === undefined || warnings.length === 0 ? undefined : { warnings }),
      coordinator,
    }
  }

  static {
    Object.defineProperty(this.prototype, 'rows', {
      value(this: ResultSet<unknown>) {
        return this.#decoded()
      },
    })
    Object.defineProperty(this.prototype, inspectCustom, {
      value(this: ResultSet<unknown>, _depth: number, options: InspectOptions, inspect: Inspect) {
        // The object around the rows is not one of the levels that the caller counts.
        const depth = typeof options.depth === 'number' ? options.depth + 1 : null
        return `Result ${inspect(this.#shown(), { ...options, depth })}`
      },
    })
  }
}
