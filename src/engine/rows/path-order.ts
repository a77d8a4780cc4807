import type { ColumnSchema } from '../catalog/table-schema.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import { compareValues } from '../../values/index.ts'

/** Type of the paths of a complex column's cells (ColumnMetadata.cellPathComparator). */
function pathType({ type }: ColumnSchema): CqlType {
  switch (type.kind) {
    case 'list':
      return nativeTypes.timeuuid
    case 'set':
      return type.element
    case 'map':
      return type.key
    default:
      return nativeTypes.smallint
  }
}

/** Compares elements of a complex column in the order in which they are stored and returned. */
export function comparePaths(column: ColumnSchema, a: Uint8Array, b: Uint8Array): number {
  return compareValues(pathType(column), a, b)
}
