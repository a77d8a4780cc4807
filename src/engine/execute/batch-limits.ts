import { qualifiedText } from '../catalog/schema.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { CellChange, Change, Mutation, RowChange } from '../rows/index.ts'

/** Limits of a batch. Batches on one partition may be larger. */
export interface BatchLimits {
  /** `batch_size_warn_threshold`: from this size on there is a warning. */
  readonly warnBytes: number
  /** `batch_size_fail_threshold`: from this size on a batch is refused. */
  readonly failBytes: number
  /** `unlogged_batch_across_partitions_warn_threshold` */
  readonly warnPartitions: number
}

export const batchLimitsDefault: BatchLimits = {
  warnBytes: 5 * 1024,
  failBytes: 50 * 1024,
  warnPartitions: 10,
}

/**
 * The warnings of a batch without conditions (BatchStatement.getMutations, verifyBatchSize,
 * verifyBatchType).
 * @throws ServerError when it is too large
 */
export function batchWarnings(
  mutations: readonly Mutation[],
  isLogged: boolean,
  limits: BatchLimits,
): string[] {
  const warnings: string[] = []
  if (isLogged) warnOfGrace(mutations, warnings)
  if (isOnePartition(mutations)) return warnings
  const partitionCount = partitionsOf(mutations)
  if (partitionCount <= 1) return warnings
  const size = dataSize(mutations)
  const { warnBytes, failBytes, warnPartitions } = limits
  if (size > failBytes) throw invalid('Batch too large')
  const tables = [...new Set(mutations.map(({ table }) => table))]
  if (size > warnBytes) {
    warnings.push(
      `Batch for ${namesOf(tables)} is of size ${size}, exceeding specified threshold of ${warnBytes} by ${size - warnBytes}.`,
    )
  }
  if (!isLogged && partitionCount > warnPartitions) {
    warnings.push(
      `Unlogged batch covering ${partitionCount} partitions detected against table${tables.length === 1 ? '' : 's'} ${namesOf(tables)}. You should use a logged batch for atomicity, or asynchronous writes for performance.`,
    )
  }
  return warnings
}

function warnOfGrace(mutations: readonly Mutation[], warnings: string[]): void {
  if (mutations.every(({ table }) => table.gcGraceSeconds !== 0)) return
  const all = mutations.map(({ table }) => table)
  const tables = [...new Set(all.filter((table) => table.gcGraceSeconds === 0))]
  warnings.push(
    `Executing a LOGGED BATCH on table${tables.length === 1 ? '' : 's'} ${namesOf(tables)}, configured with a gc_grace_seconds of 0. The gc_grace_seconds is used to TTL batchlog entries, so setting gc_grace_seconds too low on tables involved in an atomic batch might cause batchlog entries to expire before being replayed.`,
  )
}

/** Whether all mutations are of one partition: the common case, which is quick to detect. */
function isOnePartition(mutations: readonly Mutation[]): boolean {
  const prefix = mutations[0]?.partition.prefix
  return mutations.every(({ partition }) => partition.prefix === prefix)
}

/** Counts partitions. Tables of one keyspace that share a partition key count as one. */
function partitionsOf(mutations: readonly Mutation[]): number {
  const keys = new Set<string>()
  for (const { table, partition } of mutations) {
    const { bytes } = partition
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    keys.add(`${table.keyspace} ${key.toString('latin1')}`)
  }
  return keys.size
}

/** Prints a set of names as Java does: in the order of its hash table. */
function namesOf(tables: readonly TableSchema[]): string {
  const names = tables.map((table) => qualifiedText(table))
  let size = 16
  while (size * 0.75 < names.length) size *= 2
  const bucket = (text: string): number => {
    let hash = 0
    for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
    return (hash ^ (hash >>> 16)) & (size - 1)
  }
  return `[${names.sort((a, b) => bucket(a) - bucket(b)).join(', ')}]`
}

const timestampBytes = 8
const rowDeletionBytes = 13
const deletionBytes = 12
/** Bytes of a cell besides path and value: timestamp, TTL and deletion time. */
const cellBytes = 20
/** Bytes of a counter update: a shard with its header. */
const counterBytes = 36
const expiringLivenessBytes = 20
const rangeBytes = 12

/** IMutation.dataSize. A cell that is changed twice counts once. */
function dataSize(mutations: readonly Mutation[]): number {
  let size = 0
  /** What was counted: of cells their size. */
  const counted = new Map<string, number>()
  const once = (key: string, bytes: number): void => {
    size += bytes - (counted.get(key) ?? 0)
    counted.set(key, bytes)
  }
  for (const mutation of mutations) {
    const { prefix } = mutation.partition
    // The deletion of the partition and the static row are counted even when absent.
    once(prefix, timestampBytes + timestampBytes + rowDeletionBytes)
    for (const [index, change] of mutation.changes.entries()) {
      sizeOfChange(mutation, change, index, once)
    }
  }
  return size
}

function sizeOfChange(
  mutation: Mutation,
  change: Change,
  index: number,
  once: (key: string, bytes: number) => void,
): void {
  const { prefix } = mutation.partition
  switch (change.kind) {
    case 'deletePartition':
      return
    case 'deleteRange': {
      const bounds = change.start.key.length + change.end.key.length
      once(`${prefix} ranges`, 4)
      return once(
        `${prefix} range ${index} ${change.start.key} ${change.end.key}`,
        bounds + rangeBytes,
      )
    }
    case 'deleteRow':
      return sizeOfRow(mutation, change.clustering.components, change.clustering.key, false, once)
    case 'row': {
      const { clustering } = change
      if (clustering === undefined) return sizeOfCells(mutation, change, '', once)
      sizeOfRow(mutation, clustering.components, clustering.key, change.liveness, once)
      return sizeOfCells(mutation, change, clustering.key, once)
    }
  }
}

function sizeOfRow(
  { partition, ttl }: Mutation,
  components: readonly Uint8Array[],
  key: string,
  hasLiveness: boolean,
  once: (key: string, bytes: number) => void,
): void {
  let bytes = rowDeletionBytes
  for (const component of components) bytes += component.length
  once(`${partition.prefix} row ${key}`, bytes)
  const isExpiring = hasLiveness && ttl > 0
  once(`${partition.prefix} live ${key}`, isExpiring ? expiringLivenessBytes : timestampBytes)
}

function sizeOfCells(
  { partition }: Mutation,
  { cells }: RowChange,
  row: string,
  once: (key: string, bytes: number) => void,
): void {
  for (const cell of cells) {
    const { column } = cell
    const key = `${partition.prefix} cell ${row} ${column.id}`
    if (column.isComplex) once(key, deletionBytes)
    const path = 'path' in cell ? cell.path : undefined
    if (column.isComplex && path === undefined) continue
    const pathText = path === undefined ? '' : Buffer.from(path).toString('latin1')
    once(`${key} ${pathText}`, cellBytes + (path?.length ?? 0) + valueBytes(cell))
  }
}

function valueBytes(cell: CellChange): number {
  if (cell.kind === 'add') return counterBytes
  return 'value' in cell ? cell.value.length : 0
}
