import type { ByteWriter } from '../../values/index.ts'
import type { ValueRef, WriteBatch } from '../storage/index.ts'
import type { RowView } from './reader.ts'
import type { ChangedRow, RowChangeListener } from './row-change-listener.ts'
import type { MergeContext } from './row-merge.ts'
import { StoredRow } from './stored-row.ts'

/** Reads a row before and after a merge and reports both to a listener. */
export class ChangeReporter {
  readonly #listener: RowChangeListener
  readonly #batch: WriteBatch
  readonly #beforeRow: StoredRow = new StoredRow()
  readonly #afterRow: StoredRow = new StoredRow()
  #before: RowView | undefined
  #after: RowView | undefined

  constructor(listener: RowChangeListener, batch: WriteBatch) {
    this.#listener = listener
    this.#batch = batch
  }

  /** @param value the stored entry, if there is one */
  setBefore(
    { table, outer, nowSeconds }: MergeContext,
    clustering: string | undefined,
    value: ValueRef | undefined,
  ): void {
    this.#before = undefined
    this.#after = undefined
    if (value === undefined) return
    const row = this.#beforeRow
    const { bytes, start, end } = value
    if (row.load(table, clustering, bytes, start, end, nowSeconds, outer)) this.#before = row
  }

  /** @param start offset of the merged entry in `sink`; the entry extends to the end */
  setAfter(
    { table, outer, nowSeconds }: MergeContext,
    clustering: string | undefined,
    sink: ByteWriter,
    start: number,
  ): void {
    const row = this.#afterRow
    const { bytes, length } = sink
    if (row.load(table, clustering, bytes, start, length, nowSeconds, outer)) this.#after = row
  }

  report(row: ChangedRow): void {
    this.#listener(row, this.#before, this.#after, this.#batch)
  }
}
