import { quoteIdentifier } from '../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'

/*
 * Error messages of analysis. Drivers and applications match on these texts, so they are exactly
 * those of org.apache.cassandra.cql3, including mistakes.
 */

const names = (columns: readonly ColumnSchema[]): string =>
  columns.map((column) => quoteIdentifier(column.name)).join(', ')

export const allowFiltering =
  'Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING'

export function undefinedColumn(name: string, table: TableSchema): string {
  const text = `${quoteIdentifier(table.keyspace)}.${quoteIdentifier(table.name)}`
  return `Undefined column name ${quoteIdentifier(name)} in table ${text}`
}

export function invalidConstant(kind: string, text: string, name: string, type: CqlType): string {
  return `Invalid ${kind.toUpperCase()} constant (${text}) for "${name}" of type ${cqlTypeText(type)}`
}

export function invalidLiteral(what: string, name: string, type: CqlType): string {
  return `Invalid ${what} literal for ${name} of type ${cqlTypeText(type)}`
}

export function wrongPart(what: string, name: string, part: string, type: CqlType): string {
  return `Invalid ${what} literal for ${name}: ${part} is not of type ${cqlTypeText(type)}`
}

export function moreThanOneEqual(columns: string): string {
  return `${columns} cannot be restricted by more than one relation if it includes an Equal`
}

export function moreThanOneIn(columns: string): string {
  return `${columns} cannot be restricted by more than one relation if it includes a IN`
}

export function equalityAndInequality(column: string): string {
  return `Column "${column}" cannot be restricted by both an equality and an inequality relation`
}

export function secondBound(bound: 'start' | 'end', column: string): string {
  return `More than one restriction was found for the ${bound} bound on ${column}`
}

export function missingPartitionKey(columns: readonly ColumnSchema[]): string {
  return `Some partition key parts are missing: ${names(columns)}`
}

export function missingClustering(columns: readonly ColumnSchema[]): string {
  return `Some clustering keys are missing: ${names(columns)}`
}

export function nonKeyInWhere(columns: readonly ColumnSchema[]): string {
  return `Non PRIMARY KEY columns found in where clause: ${names(columns)} `
}

export function precedingNotRestricted(column: string, preceding: string): string {
  return `PRIMARY KEY column "${column}" cannot be restricted as preceding column "${preceding}" is not restricted`
}

export function precedingNotEqual(column: string, preceding: string): string {
  return `Clustering column "${column}" cannot be restricted (preceding column "${preceding}" is restricted by a non-EQ relation)`
}

export function precedingNotEqualKey(column: string, preceding: string): string {
  return `PRIMARY KEY column "${column}" cannot be restricted (preceding column "${preceding}" is restricted by a non-EQ relation)`
}

export const tokenOfAll =
  'The token() function must be applied to all partition key components or none of them'

export function tokenOrder(table: TableSchema): string {
  return `The token function arguments must be in the partition key order: ${names(table.partitionKey)}`
}

export function invalidOperation(operation: string, what: string, column: ColumnSchema): string {
  return `Invalid operation (${operation}) for ${what} column ${column.name}`
}

export function counterSet(column: ColumnSchema): string {
  return `Cannot set the value of counter column ${column.name} (counters can only be incremented/decremented, not set)`
}
