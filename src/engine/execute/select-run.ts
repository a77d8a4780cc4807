import type { SelectPlan } from '../analyze/select.ts'
import type { QueryContext } from '../query-context.ts'
import { RowContext } from '../evaluate/row-context.ts'
import type { Cell } from '../functions/definitions.ts'
import type { RowReader } from '../rows/index.ts'
import { type RowFilter, rowFiltersOf } from './filters.ts'
import { GroupFold } from './groups.ts'
import type { PagePosition } from './paging-state.ts'
import { type Resume, type RowSource, type SourceOpener, sourceOpener } from './row-source.ts'
import { writeCell, writePassthroughRow } from './wire-cells.ts'
import { ByteWriter, compareValues } from '../../values/index.ts'

/** Limits of a slice, after which a read yields: entries visited, time taken, bytes written. */
const sliceEntriesMax = 2_000
const sliceMsMax = 5
const sliceBytesMax = 1024 * 1024
/** Entries between two checks of the clock. */
const stepEntries = 250
/** Entries of a slice while other reads wait for their turn. Most reads need no more. */
const shortEntries = 50

export const unlimited = 0x7fffffff

export interface SelectLimits {
  /** Rows of LIMIT that are left. */
  readonly limit: number
  readonly perPartition: number
  /** Rows of one page. */
  readonly page: number
  /** Rows that are left after sorting. */
  readonly sorted: number
  /** Rows that are folded into one; fewer behind a page of a statement that has a LIMIT. */
  readonly folded: number
}

interface SortableRow {
  readonly keys: readonly Cell[]
  readonly bytes: Uint8Array
}

/** One page of one SELECT being read. It can stop after a slice of work and go on later. */
export class SelectRun {
  readonly sink: ByteWriter = new ByteWriter(512)
  rowCount = 0
  /** Where the page ended, when more may follow. */
  position: PagePosition | undefined
  readonly #plan: SelectPlan
  readonly #query: QueryContext
  readonly #opener: SourceOpener
  readonly #filters: readonly RowFilter[]
  readonly #context: RowContext
  readonly #limits: SelectLimits
  readonly #fold: GroupFold | undefined
  readonly #sortable: SortableRow[] = []
  #source: RowSource
  #isInPartition = false
  #rowSeen = false
  #remainingInPartition: number
  #remainingFolded: number
  /**
   * Rows that the partition the last page ended in may add to this page. The page may have been one
   * of a statement with a larger PER PARTITION LIMIT, or without DISTINCT.
   */
  #remainingResumed: number
  /** Rows that were read and left out because of {@link #remainingResumed}. */
  #leftOutCount = 0
  /** The last row that was processed: the read continues behind it. */
  #last: Resume | undefined
  #sortableBytes = 0
  /** Bytes at which the slice ends. */
  #sliceEndBytes = sliceBytesMax
  #isOnSnapshot = false

  constructor(
    plan: SelectPlan,
    query: QueryContext,
    limits: SelectLimits,
    resume: PagePosition | undefined,
    reader: RowReader,
  ) {
    this.#plan = plan
    this.#query = query
    this.#limits = limits
    this.#context = new RowContext(query)
    this.#opener = sourceOpener(plan, query)
    this.#filters = rowFiltersOf(plan.restrictions, query)
    this.#fold = plan.isAggregate ? new GroupFold(plan) : undefined
    this.#remainingInPartition = resume?.remainingInPartition ?? limits.perPartition
    this.#remainingFolded = limits.folded
    this.#rowSeen = resume?.clustering !== undefined
    this.#remainingResumed =
      this.#rowSeen && !plan.isAggregate ? (plan.isDistinct ? 1 : limits.perPartition) : unlimited
    // A read of one partition continues behind the row and ignores the partition of the position.
    const { isOnePartition } = this.#opener
    this.#last = resume && isOnePartition ? { ...resume, partition: undefined } : resume
    this.#source = this.#opener.open(reader, this.#last)
    this.#isResumed = resume?.clustering !== undefined
    const { isFullKey, clusteringKey } = plan.restrictions
    this.#tracksRows = plan.groupBy.length > 0 || !isFullKey || clusteringKey === 'in'
  }

  /**
   * Whether the last row is recorded, so that the read can continue behind it: until there is a
   * snapshot, and with GROUP BY.
   */
  #tracksRows: boolean
  /** Whether the first partition is the one the last page ended in. */
  #isResumed: boolean

  /** Whether WHERE excludes all rows. */
  get readsNothing(): boolean {
    return this.#source.isEmpty
  }

  /** Continues with a reader that does not see later writes. */
  continueOn(reader: RowReader): void {
    this.#source = this.#opener.open(reader, this.#last)
    this.#isResumed = this.#last?.clustering !== undefined
    this.#isInPartition = false
    this.#isOnSnapshot = true
    this.#tracksRows = this.#plan.groupBy.length > 0
  }

  /** Memory of what was read. */
  get bytes(): number {
    return this.sink.bytes.length + this.#sortableBytes
  }

  get #isSliceFull(): boolean {
    return this.sink.length + this.#sortableBytes >= this.#sliceEndBytes
  }

  /**
   * Reads one slice. Returns false when the read is not complete.
   * @param isShort whether other reads wait for their turn
   */
  run(isShort = false): boolean {
    this.#sliceEndBytes = this.sink.length + this.#sortableBytes + sliceBytesMax
    if (isShort) {
      this.#source.setBudget(shortEntries)
      return this.#runStep()
    }
    const { services } = this.#query
    const endMs = services.monotonicMs() + sliceMsMax
    for (let entries = 0; entries < sliceEntriesMax; entries += stepEntries) {
      this.#source.setBudget(stepEntries)
      if (this.#runStep()) return true
      if (this.#isSliceFull || services.monotonicMs() >= endMs) return false
    }
    return false
  }

  /** Reads on until the page is complete, or until the budget of the source is spent: false. */
  #runStep(): boolean {
    for (;;) {
      if (!this.#isInPartition) {
        if (!this.#source.next()) {
          if (this.#source.isPaused) return false
          break
        }
        this.#enterPartition()
      }
      const state = this.#readPartition()
      if (state === 'paused') return false
      if (state === 'full') return true
      this.#isInPartition = false
      if (this.#isSliceFull) return false
    }
    this.#finish()
    return true
  }

  #enterPartition(): void {
    const { cursor, components } = this.#source
    const context = this.#context
    const { partition } = cursor
    context.partition = components
    context.tokenHi = partition.tokenHi
    context.tokenLo = partition.tokenLo
    context.statics = cursor.staticRow
    context.row = undefined
    this.#isInPartition = true
    if (this.#isResumed) {
      this.#isResumed = false
      return
    }
    this.#rowSeen = false
    this.#remainingInPartition = this.#limits.perPartition
  }

  #readPartition(): 'done' | 'paused' | 'full' {
    const { cursor } = this.#source
    const context = this.#context
    if (this.#isPartitionUsedUp()) return this.#leavePartition()
    while (cursor.nextRow()) {
      const row = cursor.row
      this.#rowSeen = true
      context.row = row
      if (this.#passes()) {
        if (!this.#emit()) return 'full'
        if (this.#hasDistinctRow || this.#isPartitionUsedUp()) return this.#leavePartition()
      }
      if (this.#tracksRows) {
        this.#last = { partition: cursor.partition, clustering: row.clustering }
      } else if (!this.#isOnSnapshot) continue
      if (this.#isSliceFull) return 'paused'
    }
    if (cursor.isPaused) return 'paused'
    if (!this.#rowSeen && context.statics !== undefined && this.#plan.readsStaticOnlyPartitions) {
      context.row = undefined
      if (this.#passes() && !this.#emit()) return 'full'
    }
    return this.#leavePartition()
  }

  /** Whether its limit lets no more rows of the partition through, nor rows of the last group. */
  #isPartitionUsedUp(): boolean {
    if (this.#remainingResumed === 0 && !this.#opener.isScan) return true
    const isGroupOpen = this.#plan.groupBy.length > 0 && this.#fold?.isOpen === true
    return this.#remainingInPartition === 0 && !isGroupOpen
  }

  /** Whether DISTINCT needs no further row of the partition. */
  get #hasDistinctRow(): boolean {
    return this.#plan.isDistinct && this.#remainingResumed === unlimited
  }

  #leavePartition(): 'done' {
    this.#remainingResumed = unlimited
    this.#last = { partition: this.#source.cursor.partition, clustering: undefined }
    return 'done'
  }

  #passes(): boolean {
    const filters = this.#filters
    for (let i = 0; i < filters.length; i++) if (!filters[i]!(this.#context)) return false
    return true
  }

  /** Adds a row. Returns false when the page is full, with GROUP BY when it was full before. */
  #emit(): boolean {
    const fold = this.#fold
    if (fold !== undefined) return this.#emitToGroup(fold)
    if (this.#remainingResumed === 0) return this.#leaveOut()
    if (this.#remainingResumed !== unlimited) this.#remainingResumed--
    if (this.#plan.sortColumns.length > 0) this.#collect()
    else this.#write(this.sink)
    this.rowCount++
    this.#remainingInPartition--
    if (!this.#isFull()) return true
    const { cursor } = this.#source
    const isPartitionDone =
      this.#hasDistinctRow ||
      this.#remainingInPartition === 0 ||
      this.#plan.table.clustering.length === 0
    const clustering = isPartitionDone ? undefined : this.#context.row?.clustering
    this.#last = { partition: cursor.partition, clustering }
    // Cassandra knows that nothing follows the last partition that was requested by key.
    return clustering === undefined && this.#source.isLast ? false : this.#stop()
  }

  /**
   * Leaves a row out that counts for the page. As on Cassandra, whose coordinator then takes the
   * page for the last one, because it has fewer rows than it may have.
   */
  #leaveOut(): boolean {
    this.#leftOutCount++
    this.#remainingInPartition--
    return !this.#isFull()
  }

  #emitToGroup(fold: GroupFold): boolean {
    const context = this.#context
    const isGrouped = this.#plan.groupBy.length > 0
    if (isGrouped && fold.isOpen && fold.isBoundary(context)) {
      fold.finish(this.sink)
      this.rowCount++
    }
    if (isGrouped && !fold.isOpen) {
      if (this.#remainingInPartition === 0) return true
      if (this.#isFull()) return this.#stop()
      this.#remainingInPartition--
    }
    fold.add(context)
    return isGrouped || this.#countFolded(fold)
  }

  /** Counts a row of an aggregation without GROUP BY. Returns false behind the last one. */
  #countFolded(fold: GroupFold): boolean {
    this.#remainingInPartition--
    if (--this.#remainingFolded > 0) return true
    fold.finish(this.sink)
    this.rowCount++
    return false
  }

  #isFull(): boolean {
    const { limit, page } = this.#limits
    const count = this.rowCount + this.#leftOutCount
    return count >= limit || count >= page
  }

  /** Ends the page behind the last row that was processed. */
  #stop(): false {
    this.#markEnd()
    return false
  }

  #markEnd(): void {
    const last = this.#last
    const { limit } = this.#limits
    if (last === undefined || this.rowCount >= limit || this.#leftOutCount > 0) return
    const remaining = limit === unlimited ? unlimited : limit - this.rowCount
    const partition = this.#opener.isOnePartition ? undefined : last.partition
    const remainingInPartition = this.#remainingInPartition
    this.position = { partition, clustering: last.clustering, remaining, remainingInPartition }
  }

  #write(sink: ByteWriter): void {
    const { passthroughColumns, selectors } = this.#plan
    if (passthroughColumns !== undefined)
      return writePassthroughRow(sink, passthroughColumns, this.#context)
    for (let i = 0; i < selectors.length; i++) {
      writeCell(sink, selectors[i]!.evaluate(this.#context))
    }
  }

  /** Collects a row to be sorted with those of other partitions. */
  #collect(): void {
    const sink = new ByteWriter(128)
    this.#write(sink)
    const keys = this.#plan.sortColumns.map((column) => {
      const value = this.#context.value(column)
      return value === null ? null : new Uint8Array(value)
    })
    this.#sortable.push({ keys, bytes: sink.bytes.subarray(0, sink.length) })
    this.#sortableBytes += sink.bytes.length + bytesOfCells(keys)
  }

  #finish(): void {
    const fold = this.#fold
    if (fold !== undefined && (fold.isOpen || this.#plan.groupBy.length === 0)) {
      fold.finish(this.sink)
      this.rowCount++
    }
    if (this.#sortable.length > 0) this.#writeSorted()
    // As in Cassandra, only a further read shows whether rows follow a full page. The exception is
    // the last partition requested by key: with one row, only a static row, or no limit left.
    const isStaticAlone = !this.#rowSeen && this.#context.statics !== undefined
    const isOneRow = this.#plan.table.clustering.length === 0 || isStaticAlone
    const isEnd = this.#source.isLast && (isOneRow || this.#remainingInPartition === 0)
    if (this.rowCount >= this.#limits.page && !isEnd) this.#markEnd()
  }

  #writeSorted(): void {
    const { sortColumns, reversed } = this.#plan
    const compare = (a: SortableRow, b: SortableRow): number => {
      for (let i = 0; i < sortColumns.length; i++) {
        const { type, descending } = sortColumns[i]!
        const order = compareCells(type, a.keys[i]!, b.keys[i]!)
        if (order !== 0) return reversed !== descending ? -order : order
      }
      return 0
    }
    this.#sortable.sort(compare)
    const sorted = this.#sortable.slice(0, this.#limits.sorted)
    this.rowCount = sorted.length
    for (const { bytes } of sorted) this.sink.write(bytes)
  }
}

function bytesOfCells(cells: readonly Cell[]): number {
  return cells.reduce((bytes, cell) => bytes + (cell?.length ?? 0), 0)
}

function compareCells(type: Parameters<typeof compareValues>[0], a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null)
  return compareValues(type, a, b)
}
