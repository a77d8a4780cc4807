import type { CqlType } from './cql-type.ts'

/** A column of a result, or a bind marker of a statement, as the server describes it. */
export interface ColumnSpec {
  readonly keyspace: string
  readonly table: string
  /**
   * Column name; for a marker without a column the name that the server makes up (`[ttl]`,
   * `in(id)`, …).
   */
  readonly name: string
  readonly type: CqlType
}
