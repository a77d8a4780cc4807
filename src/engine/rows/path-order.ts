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

/** The order elements of a complex column are stored and returned in. */
export function comparePaths(column: ColumnSchema, a: Uint8Array, b: Uint8Array): number {
  return compareValues(pathType(column), a, b)
}
