import type { ColumnSchema } from '../catalog/table-schema.ts'

/* Messages about values that are known only at execution, in Cassandra's words. */

export const nullInCollection = 'null is not supported inside collections'
export const unsetInCollection = 'unset value is not supported inside collections'

export function nullCondition(column: ColumnSchema): string {
  return `Invalid null value in condition for column ${column.name}`
}

export function unsetValue(column: ColumnSchema): string {
  return `Invalid unset value for column ${column.name}`
}
