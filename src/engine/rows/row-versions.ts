import type { TableSchema } from '../catalog/table-schema.ts'
import { RowData } from './row-data.ts'
import { RowMerger } from './row-merge.ts'
import { ByteWriter } from '../../values/index.ts'

interface Version {
  readonly start: number
  readonly end: number
  /** Number of changes in this version. */
  readonly weight: number
}

const merger: RowMerger = new RowMerger()
const left: RowData = new RowData()
const right: RowData = new RowData()

/**
 * Changes of one row that are not yet merged with the stored row. To merge each one with all before
 * it would take quadratic time, so only versions of equal weight are merged as they arrive.
 */
export class RowVersions {
  readonly #table: TableSchema
  readonly #nowSeconds: number
  readonly #sink: ByteWriter = new ByteWriter(256)
  readonly #versions: Version[] = []

  constructor(table: TableSchema, nowSeconds: number) {
    this.#table = table
    this.#nowSeconds = nowSeconds
  }

  add(change: RowData): void {
    const start = this.#sink.length
    if (!this.#merge(undefined, change)) return
    this.#versions.push({ start, end: this.#sink.length, weight: 1 })
    while (this.#hasEqualTop()) this.#mergeTop()
  }

  /** Merges all versions into one. Returns false when it contains nothing. */
  take(into: RowData): boolean {
    while (this.#versions.length > 1) this.#mergeTop()
    const version = this.#versions[0]
    if (version === undefined) return false
    into.parse(this.#sink.bytes, version.start, version.end)
    return true
  }

  #hasEqualTop(): boolean {
    const last = this.#versions.length - 1
    return last > 0 && this.#versions[last]!.weight === this.#versions[last - 1]!.weight
  }

  #mergeTop(): void {
    const sink = this.#sink
    const b = this.#versions.pop()!
    const a = this.#versions.pop()!
    left.parse(sink.bytes, a.start, a.end)
    right.parse(sink.bytes, b.start, b.end)
    if (!this.#merge(left, right)) return
    // The result replaces both, so that it takes no additional memory.
    const end = a.start + sink.length - b.end
    sink.bytes.copyWithin(a.start, b.end, sink.length)
    sink.length = end
    this.#versions.push({ start: a.start, end, weight: a.weight + b.weight })
  }

  #merge(a: RowData | undefined, b: RowData): boolean {
    const context = {
      table: this.#table,
      outer: undefined,
      nowSeconds: this.#nowSeconds,
      // All deletions are kept: they have yet to be applied to the stored row.
      gcBefore: Number.NEGATIVE_INFINITY,
      isDeletionPurgeable: false,
    }
    return merger.merge(a, b, context, this.#sink)
  }
}
