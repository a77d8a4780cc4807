import { type ColumnSpec, nativeTypes } from '../../types/index.ts'
import type { ModifyPlan } from '../analyze/modify.ts'
import { type ColumnSchema, type TableSchema, wildcardColumns } from '../catalog/table-schema.ts'
import { type ClusteringKey, partitionComponents, type PartitionKey } from '../keys/index.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import { conditionColumns, type PlannedCondition } from '../evaluate/conditions.ts'
import { RowContext } from '../evaluate/row-context.ts'
import type { Mutation, RowView } from '../rows/index.ts'
import { partitionKeysOf } from './key-values.ts'
import { mutationsOf, rowsOfPlan } from './modify.ts'
import type { EncodedRows } from './result.ts'
import { type Timestamp, timestampBefore } from '../timestamp.ts'
import { writeCell } from './wire-cells.ts'
import { ByteWriter } from '../../values/index.ts'

/** A statement of a conditional request with its values. */
export interface ConditionalPart {
  readonly plan: ModifyPlan
  readonly query: QueryContext
}

type RowCondition = { readonly condition: PlannedCondition; readonly query: QueryContext }

/** Conditions by the row they are on; the static row has none of its own. */
interface RowConditions {
  readonly clustering: ClusteringKey | undefined
  readonly conditions: RowCondition[]
}

const noWarnings: readonly string[] = Object.freeze([])

/**
 * A conditional statement or batch. It reads, decides and writes in one synchronous step, so that
 * no other write can happen in between (CQL3CasRequest).
 */
export class ConditionalRequest {
  readonly #parts: readonly ConditionalPart[]
  readonly #table: TableSchema
  readonly #partition: PartitionKey
  readonly #isBatch: boolean
  readonly #byRow: Map<string, RowConditions> = new Map()
  readonly #statics: RowCondition[] = []

  constructor(parts: readonly ConditionalPart[], isBatch: boolean) {
    this.#parts = parts
    this.#isBatch = isBatch
    this.#table = parts[0]!.plan.table
    let partition: PartitionKey | undefined
    for (const part of parts) {
      checkPart(part.plan)
      const [key] = partitionKeysOf(part.plan.restrictions, part.query)
      if (partition !== undefined && partition.prefix !== key!.prefix) {
        throw invalid('Batch with conditions cannot span multiple partitions')
      }
      partition = key!
      this.#addConditions(part)
    }
    this.#partition = partition!
  }

  /** @returns mutations when all conditions hold, otherwise the answer with `[applied]` false */
  decide(timestamp: Timestamp): { mutations: Mutation[] } | { refused: EncodedRows } {
    if (!this.#holds()) return { refused: this.#failure() }
    const mutations = this.#parts.flatMap(({ plan, query }) => mutationsOf(plan, query, timestamp))
    return { mutations: mutations.map(asCommitted) }
  }

  /** Conditions on static columns apply to the partition, whichever row the statement names. */
  #addConditions({ plan, query }: ConditionalPart): void {
    const { condition } = plan
    if (condition === undefined) return
    if (condition.kind !== 'columns') {
      this.#addCondition(plan, { condition, query }, plan.touchesRows)
      return
    }
    const { regular, statics } = condition
    if (regular.length > 0) {
      const own: PlannedCondition = { kind: 'columns', regular, statics: [] }
      this.#addCondition(plan, { condition: own, query }, true)
    }
    if (statics.length > 0) {
      const own: PlannedCondition = { kind: 'columns', regular: [], statics }
      this.#addCondition(plan, { condition: own, query }, false)
    }
  }

  #addCondition(plan: ModifyPlan, entry: RowCondition, isOnRow: boolean): void {
    if (!isOnRow) {
      this.#statics.push(entry)
      checkMix(this.#statics)
      return
    }
    const [clustering] = rowsOfPlan(plan, entry.query)
    const row = this.#byRow.get(clustering!.key)
    if (row === undefined) {
      this.#byRow.set(clustering!.key, { clustering, conditions: [entry] })
      return
    }
    row.conditions.push(entry)
    checkMix(row.conditions)
  }

  /** Rows in clustering order, which decides the first refusal and the rows of the answer. */
  #rowsInOrder(): RowConditions[] {
    if (this.#byRow.size === 1) return [...this.#byRow.values()]
    return [...this.#byRow.keys()].sort().map((key) => this.#byRow.get(key)!)
  }

  get #query(): QueryContext {
    return this.#parts[0]!.query
  }

  #readStatic(): RowView | undefined {
    const { services, nowSeconds } = this.#query
    if (this.#table.statics.length === 0) return undefined
    return services.rows.readStatic(this.#table, this.#partition, { nowSeconds })
  }

  #readRow(clustering: ClusteringKey): RowView | undefined {
    const { services, nowSeconds } = this.#query
    return services.rows.readRow(this.#table, this.#partition, clustering, { nowSeconds })
  }

  #holds(): boolean {
    for (const { condition, query } of this.#statics) {
      if (!this.#conditionHolds(condition, query, undefined)) return false
    }
    for (const { clustering, conditions } of this.#rowsInOrder()) {
      for (const { condition, query } of conditions) {
        if (!this.#conditionHolds(condition, query, clustering)) return false
      }
    }
    return true
  }

  #conditionHolds(
    condition: PlannedCondition,
    query: QueryContext,
    clustering: ClusteringKey | undefined,
  ): boolean {
    const context = new RowContext(query)
    if (condition.kind !== 'columns') {
      const row = clustering === undefined ? this.#readStatic() : this.#readRow(clustering)
      return (row !== undefined) === (condition.kind === 'exists')
    }
    // A view is valid until the next read: static conditions are checked before the row is read.
    if (condition.statics.length > 0) {
      context.statics = this.#readStatic()
      const all = condition.statics.every((each) => each.holds(context.value(each.column), query))
      if (!all) return false
    }
    if (condition.regular.length === 0) return true
    context.row = clustering === undefined ? undefined : this.#readRow(clustering)
    return condition.regular.every((each) => each.holds(context.value(each.column), query))
  }

  /** Columns of the answer after `[applied]` (ModificationStatement.buildCasFailureResultSet). */
  #failureColumns(): readonly ColumnSchema[] {
    const found: ColumnSchema[] = []
    for (const { plan } of this.#parts) {
      if (plan.condition === undefined) continue
      const columns = conditionColumns(plan.condition)
      if (columns === undefined) return wildcardColumns(this.#table)
      found.push(...columns)
    }
    const keys = this.#isBatch ? [...this.#table.partitionKey, ...this.#table.clustering] : []
    return [...new Set([...keys, ...found])]
  }

  /**
   * Columns the request reads: of rows and of the static row only those it needs. Statements
   * without a condition count for rows, not for the static row (CQL3CasRequest.columnsToRead).
   */
  #isRead(column: ColumnSchema): boolean {
    if (column.kind === 'partition_key' || column.kind === 'clustering') return true
    if (column.kind === 'regular' && this.#touchesRows) return true
    return this.#parts.some(({ plan }) => {
      const { condition, staticOperations } = plan
      if (condition === undefined) return false
      if (column.kind === 'static' && staticOperations.length > 0) return true
      const isOperand = plan.regularOperations.some(
        (operation) => operation.requiresRead && operation.column === column,
      )
      return isOperand || conditionColumns(condition)?.includes(column) === true
    })
  }

  get #touchesRows(): boolean {
    return this.#parts.some(({ plan }) => plan.touchesRows)
  }

  #failure(): EncodedRows {
    const columns = this.#failureColumns()
    const context = new RowContext(this.#query)
    context.partition = partitionComponents(this.#table, this.#partition)
    const sink = new ByteWriter(256)
    const statics = this.#staticCells(columns, context)
    const write = (): void => {
      writeCell(sink, falseByte)
      for (const column of columns) {
        if (column.kind === 'static') writeCell(sink, statics.get(column) ?? null)
        else writeCell(sink, this.#isRead(column) ? context.value(column) : null)
      }
    }
    const rowCount = this.#writeRows(context, write)
    if (rowCount > 0) return appliedResult(this.#table, columns, sink, rowCount)
    if (statics.size === 0) {
      writeCell(sink, falseByte)
      return appliedResult(this.#table, [], sink, 1)
    }
    context.row = undefined
    write()
    return appliedResult(this.#table, columns, sink, 1)
  }

  #staticCells(
    columns: readonly ColumnSchema[],
    context: RowContext,
  ): Map<ColumnSchema, Uint8Array> {
    const cells = new Map<ColumnSchema, Uint8Array>()
    context.statics = this.#readStatic()
    const read = new Set([...columns, ...this.#table.statics])
    for (const column of read) {
      if (column.kind !== 'static' || !this.#isRead(column)) continue
      const value = context.value(column)
      if (value !== null) cells.set(column, new Uint8Array(value))
    }
    context.statics = undefined
    return cells
  }

  /** The rows the conditions are on; of conditions on the static row alone, the first row. */
  #writeRows(context: RowContext, write: () => void): number {
    if (this.#byRow.size === 0) {
      const { services, nowSeconds } = this.#query
      const cursor = services.rows.readPartition(this.#table, this.#partition, { nowSeconds })
      while (cursor.nextRow()) {
        // The columns of the row are not read, so only its row marker shows that it exists.
        if (!this.#touchesRows && !cursor.row.hasLiveness) continue
        context.row = cursor.row
        write()
        return 1
      }
      return 0
    }
    let count = 0
    for (const { clustering } of this.#rowsInOrder()) {
      const row = this.#readRow(clustering!)
      if (row === undefined) continue
      context.row = row
      write()
      count++
    }
    return count
  }
}

/**
 * How a conditional request is stamped when it is committed: cells and rows with its ballot,
 * deletions of ranges and partitions one microsecond before, so that what the same request writes
 * survives them (PartitionUpdate.updateAllTimestamp).
 */
function asCommitted(mutation: Mutation): Mutation {
  const kind = mutation.changes[0]?.kind
  if (kind !== 'deleteRange' && kind !== 'deletePartition') return mutation
  return { ...mutation, timestamp: timestampBefore(mutation.timestamp) }
}

const falseByte: Uint8Array = new Uint8Array([0])
const trueByte: Uint8Array = new Uint8Array([1])

function checkPart(plan: ModifyPlan): void {
  const what = plan.type === 'DELETE' ? 'deletions' : 'updates'
  if (plan.restrictions.partitionKey === 'in') {
    throw invalid(`IN on the partition key is not supported with conditional ${what}`)
  }
  if (plan.restrictions.clusteringKey === 'in') {
    throw invalid(`IN on the clustering key columns is not supported with conditional ${what}`)
  }
}

/** CQL3CasRequest.addExistsCondition and addConditions */
function checkMix(conditions: readonly RowCondition[]): void {
  const first = conditions[0]!.condition.kind
  const last = conditions.at(-1)!.condition.kind
  if (first === last) return
  if (first !== 'columns' && last !== 'columns') {
    throw invalid('Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row')
  }
  if (last === 'columns') {
    throw invalid('Cannot mix IF conditions and IF NOT EXISTS for the same row')
  }
  const what = last === 'not_exists' ? 'NOT ' : ''
  throw invalid(`Cannot mix IF conditions and IF ${what}EXISTS for the same row`)
}

function appliedResult(
  table: TableSchema,
  columns: readonly ColumnSchema[],
  sink: ByteWriter,
  rowCount: number,
): EncodedRows {
  const { keyspace, name } = table
  const spec = (column: string, type: ColumnSpec['type']): ColumnSpec => {
    return { keyspace, table: name, name: column, type }
  }
  return {
    kind: 'rows',
    columns: [
      spec('[applied]', nativeTypes.boolean),
      ...columns.map((column) => spec(column.name, column.type)),
    ],
    rowCount,
    content: sink.bytes.subarray(0, sink.length),
    pagingState: undefined,
    warnings: noWarnings,
  }
}

/** Returns the answer of a conditional request that was applied. */
export function appliedAnswer(table: TableSchema): EncodedRows {
  const sink = new ByteWriter(8)
  writeCell(sink, trueByte)
  return appliedResult(table, [], sink, 1)
}
