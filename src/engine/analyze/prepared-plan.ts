import type {
  CqlStatement,
  SchemaStatement,
  TruncateStatement,
  UseStatement,
} from '../../cql/index.ts'
import type { ColumnSpec, UdtType } from '../../types/index.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import type { BatchPlan } from './batch.ts'
import type { ModifyPlan } from './modify.ts'
import type { SelectPlan } from './select.ts'

export type Plan =
  | SelectPlan
  | ModifyPlan
  | BatchPlan
  | { readonly kind: 'use'; readonly statement: UseStatement }
  | { readonly kind: 'truncate'; readonly statement: TruncateStatement }
  | { readonly kind: 'schema'; readonly statement: SchemaStatement }
  | { readonly kind: 'no_op' }

/** A part of the schema at the time when a statement was planned. */
export type PlanDependency =
  | { readonly kind: 'table'; readonly schema: TableSchema }
  | { readonly kind: 'type'; readonly type: UdtType }

/** A statement that was analyzed against one version of the schema. */
export interface PreparedPlan {
  readonly text: string
  /** Keyspace in use when it was prepared. */
  readonly keyspace: string | undefined
  readonly statement: CqlStatement
  readonly plan: Plan
  readonly markers: readonly ColumnSpec[]
  /** Indexes of the markers that make up the partition key; empty when they do not. */
  readonly partitionKeyIndexes: readonly number[]
  /** Columns of its result; empty for statements without rows and conditional ones. */
  readonly resultColumns: readonly ColumnSpec[]
  readonly isConditional: boolean
  /** The parts of the schema that it uses. When one changes, the statement is planned again. */
  readonly dependencies: readonly PlanDependency[]
}
