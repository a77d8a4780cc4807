import type { TableSchema } from '../catalog/table-schema.ts'
import type { MergedRestriction, RestrictionSet, TokenBounds } from './restriction-set.ts'

/** Reads partitions by their keys, one after the other. */
export interface PartitionsPath {
  readonly kind: 'partitions'
  /** One restriction (= or IN) per partition key column. */
  readonly keys: readonly MergedRestriction[]
  /** Bounds that leave some of these partitions out. */
  readonly token: TokenBounds | undefined
}

/** Scans the partitions between two tokens. */
export interface TokenRangePath {
  readonly kind: 'tokenRange'
  /** Bounds of the scan; `undefined` scans the whole table. */
  readonly token: TokenBounds | undefined
}

/**
 * How a statement finds the partitions that it reads or writes. Analysis chooses the path and
 * execution opens it. Every kind of index will be another member.
 */
export type AccessPath = PartitionsPath | TokenRangePath

/** Chooses the path by the restrictions of the partition key. */
export function accessPathOf(
  table: TableSchema,
  partition: RestrictionSet,
  token: TokenBounds | undefined,
): AccessPath {
  const keys: MergedRestriction[] = []
  for (const column of table.partitionKey) {
    const restriction = partition.of(column)
    if (restriction?.kind !== 'eq' && restriction?.kind !== 'in') {
      return { kind: 'tokenRange', token }
    }
    keys.push(restriction)
  }
  return { kind: 'partitions', keys, token }
}
