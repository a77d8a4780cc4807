import type { CqlType, UdtType } from '../types/index.ts'

/** A column, from `system_schema.columns`. */
export interface ColumnMetadata {
  readonly name: string
  readonly type: CqlType
  readonly kind: 'partition_key' | 'clustering' | 'static' | 'regular'
  /** Place in the partition key or in the clustering key; −1 for other columns. */
  readonly position: number
  /** Order of a clustering column; `none` for other columns. */
  readonly clusteringOrder: 'asc' | 'desc' | 'none'
}

/** A secondary index, from `system_schema.indexes`. */
export interface IndexMetadata {
  readonly name: string
  readonly kind: 'KEYS' | 'CUSTOM' | 'COMPOSITES'
  /** What is indexed, as written in CREATE INDEX: a column, or `values(c)`, `keys(c)` and so on. */
  readonly target: string
  /** All options, `target` and the `class_name` of custom indexes included. */
  readonly options: ReadonlyMap<string, string>
}

/** What tables and views have in common. */
export interface RelationMetadata {
  readonly keyspace: string
  readonly name: string
  /** UUID, another one when the table is created again. */
  readonly id: string
  /** In the order of SELECT *: both keys, then static and regular columns by name. */
  readonly columns: ReadonlyMap<string, ColumnMetadata>
  readonly partitionKey: readonly ColumnMetadata[]
  readonly clusteringKey: readonly ColumnMetadata[]
  /** Options such as `gc_grace_seconds`, `compaction` or `comment`, by their column's name. */
  readonly options: ReadonlyMap<string, unknown>
}

/** A table, from `system_schema.tables`. */
export interface TableMetadata extends RelationMetadata {
  readonly indexes: ReadonlyMap<string, IndexMetadata>
  /** Flags, for example `compound`, `counter`. */
  readonly flags: ReadonlySet<string>
}

/** A materialized view, from `system_schema.views`. */
export interface ViewMetadata extends RelationMetadata {
  readonly baseTable: string
  readonly whereClause: string
  readonly includesAllColumns: boolean
}

/** A user-defined function, from `system_schema.functions`. */
export interface FunctionMetadata {
  readonly keyspace: string
  readonly name: string
  readonly argumentNames: readonly string[]
  readonly argumentTypes: readonly CqlType[]
  readonly returnType: CqlType
  readonly language: string
  readonly body: string
  readonly isCalledOnNull: boolean
}

/** A user-defined aggregate, from `system_schema.aggregates`. */
export interface AggregateMetadata {
  readonly keyspace: string
  readonly name: string
  readonly argumentTypes: readonly CqlType[]
  readonly stateFunction: string
  readonly stateType: CqlType
  readonly finalFunction: string | undefined
  /** As CQL; `undefined` for null. */
  readonly initialCondition: string | undefined
  readonly returnType: CqlType
}

/**
 * A virtual table, from `system_virtual_schema.tables`: it shows the state of the node that it is
 * read on.
 */
export interface VirtualTableMetadata
  extends Pick<
    RelationMetadata,
    'keyspace' | 'name' | 'columns' | 'partitionKey' | 'clusteringKey'
  > {
  readonly comment: string
}

/** A virtual keyspace of Cassandra 4 and later, such as `system_views`. */
export interface VirtualKeyspaceMetadata {
  readonly name: string
  readonly tables: ReadonlyMap<string, VirtualTableMetadata>
}

/** A keyspace with all that it contains. */
export interface KeyspaceMetadata {
  readonly name: string
  /** Strategy (`class`) and its options. */
  readonly replication: ReadonlyMap<string, string>
  readonly durableWrites: boolean
  readonly tables: ReadonlyMap<string, TableMetadata>
  readonly views: ReadonlyMap<string, ViewMetadata>
  readonly types: ReadonlyMap<string, UdtType>
  /** Overloads have the same name. */
  readonly functions: readonly FunctionMetadata[]
  readonly aggregates: readonly AggregateMetadata[]
}
