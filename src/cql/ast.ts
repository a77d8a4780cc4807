/**
 * The syntax tree of CQL as written: no schema, no types resolved. Names are folded (unquoted ones
 * to lower case).
 */

/** A table, view or index name, with the keyspace if one was written. */
export interface QualifiedName {
  readonly keyspace: string | undefined
  readonly name: string
}

export type ConstantKind = 'string' | 'integer' | 'float' | 'boolean' | 'duration' | 'uuid' | 'hex'

export interface Constant {
  readonly kind: 'constant'
  readonly type: ConstantKind
  /** The text as written; of a string its value; NaN and Infinity in Cassandra's spelling. */
  readonly text: string
}

/** `?` or `:name`; `index` counts the markers of the statement from 0. */
export interface Marker {
  readonly kind: 'marker'
  readonly index: number
  readonly name: string | undefined
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%'

/** A term or a selector. Terms contain no columns. */
export type Expression =
  | Constant
  | Marker
  | { readonly kind: 'null' }
  | { readonly kind: 'list'; readonly elements: readonly Expression[] }
  | { readonly kind: 'set'; readonly elements: readonly Expression[] }
  | { readonly kind: 'map'; readonly entries: readonly MapEntry[] }
  | { readonly kind: 'udt'; readonly fields: readonly FieldValue[] }
  | { readonly kind: 'tuple'; readonly elements: readonly Expression[] }
  | FunctionCall
  | { readonly kind: 'hint'; readonly type: TypeName; readonly value: Expression }
  | { readonly kind: 'cast'; readonly type: TypeName; readonly value: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'negate'; readonly value: Expression }
  | ColumnReference
  | { readonly kind: 'field'; readonly of: Expression; readonly field: string }
  | { readonly kind: 'element'; readonly of: Expression; readonly key: Expression }
  | {
      readonly kind: 'slice'
      readonly of: Expression
      readonly from: Expression | undefined
      readonly to: Expression | undefined
    }
  | { readonly kind: 'count_rows' }
  | {
      readonly kind: 'cell_info'
      readonly info: 'writetime' | 'maxwritetime' | 'ttl'
      readonly of: Expression
    }

export interface ColumnReference {
  readonly kind: 'column'
  readonly name: string
}

export interface FunctionCall {
  readonly kind: 'call'
  readonly keyspace: string | undefined
  readonly name: string
  readonly args: readonly Expression[]
}

export interface MapEntry {
  readonly key: Expression
  readonly value: Expression
}

export interface FieldValue {
  readonly field: string
  readonly value: Expression
}

export type TypeName =
  | { readonly kind: 'native'; readonly name: string }
  | { readonly kind: 'list'; readonly element: TypeName }
  | { readonly kind: 'set'; readonly element: TypeName }
  | { readonly kind: 'frozen'; readonly element: TypeName }
  | { readonly kind: 'map'; readonly key: TypeName; readonly value: TypeName }
  | { readonly kind: 'tuple'; readonly elements: readonly TypeName[] }
  | { readonly kind: 'vector'; readonly element: TypeName; readonly dimension: number }
  | { readonly kind: 'named'; readonly keyspace: string | undefined; readonly name: string }
  | { readonly kind: 'custom'; readonly className: string }

export type ComparisonOperator = '=' | '<' | '<=' | '>' | '>=' | '!='

/** A condition of WHERE. */
export type Relation =
  | {
      readonly kind: 'compare'
      readonly column: string
      readonly operator: ComparisonOperator
      readonly value: Expression
    }
  | {
      readonly kind: 'in'
      readonly column: string
      readonly values: Marker | readonly Expression[]
    }
  | {
      readonly kind: 'contains'
      readonly column: string
      readonly isKey: boolean
      readonly value: Expression
    }
  | { readonly kind: 'like'; readonly column: string; readonly value: Expression }
  | { readonly kind: 'is_not_null'; readonly column: string }
  | {
      readonly kind: 'element'
      readonly column: string
      readonly key: Expression
      readonly operator: ComparisonOperator
      readonly value: Expression
    }
  | {
      readonly kind: 'token'
      readonly columns: readonly string[]
      readonly operator: ComparisonOperator
      readonly value: Expression
    }
  | {
      readonly kind: 'tuple'
      readonly columns: readonly string[]
      readonly operator: ComparisonOperator
      readonly value: Expression
    }
  | {
      readonly kind: 'tuple_in'
      readonly columns: readonly string[]
      readonly values: Marker | readonly Expression[]
    }
  | { readonly kind: 'index_expression'; readonly index: QualifiedName; readonly value: Expression }

/** The part of a column that a condition of IF or an item of SET or DELETE addresses. */
export type Access =
  | { readonly kind: 'element'; readonly key: Expression }
  | { readonly kind: 'field'; readonly field: string }

/** A condition of IF. */
export interface Condition {
  readonly column: string
  readonly access: Access | undefined
  readonly test:
    | {
        readonly kind: 'compare'
        readonly operator: ComparisonOperator
        readonly value: Expression
      }
    | { readonly kind: 'in'; readonly values: Marker | readonly Expression[] }
    | { readonly kind: 'contains'; readonly isKey: boolean; readonly value: Expression }
}

/** The clause IF: EXISTS, NOT EXISTS, or conditions on columns. */
export type IfClause =
  | { readonly kind: 'exists' }
  | { readonly kind: 'not_exists' }
  | { readonly kind: 'conditions'; readonly conditions: readonly Condition[] }

export interface UsingClause {
  readonly timestamp: Expression | undefined
  readonly ttl: Expression | undefined
}

/** An item of SET. `add` is `c = c + v`, `prepend` is `c = v + c`, `subtract` is `c = c - v`. */
export interface Assignment {
  readonly column: string
  readonly operation: 'set' | 'add' | 'subtract' | 'prepend'
  readonly access: Access | undefined
  readonly value: Expression
}

export interface SelectItem {
  readonly value: Expression
  readonly alias: string | undefined
}

export interface OrderBy {
  readonly column: string
  readonly annOf: Expression | undefined
  readonly descending: boolean
}

export interface SelectStatement {
  readonly kind: 'select'
  readonly table: QualifiedName
  readonly json: boolean
  readonly distinct: boolean
  /** `undefined` is `*`. */
  readonly selectors: readonly SelectItem[] | undefined
  readonly where: readonly Relation[]
  readonly groupBy: readonly Expression[]
  readonly orderBy: readonly OrderBy[]
  readonly perPartitionLimit: Expression | undefined
  readonly limit: Expression | undefined
  readonly allowFiltering: boolean
}

export interface InsertStatement {
  readonly kind: 'insert'
  readonly table: QualifiedName
  readonly columns: readonly string[]
  readonly values: readonly Expression[]
  readonly ifNotExists: boolean
  readonly using: UsingClause
}

export interface InsertJsonStatement {
  readonly kind: 'insert_json'
  readonly table: QualifiedName
  readonly json: Expression
  readonly defaultUnset: boolean
  readonly ifNotExists: boolean
  readonly using: UsingClause
}

export interface UpdateStatement {
  readonly kind: 'update'
  readonly table: QualifiedName
  readonly using: UsingClause
  readonly assignments: readonly Assignment[]
  readonly where: readonly Relation[]
  readonly condition: IfClause | undefined
}

export interface DeleteStatement {
  readonly kind: 'delete'
  readonly table: QualifiedName
  /** Empty: whole rows. */
  readonly targets: readonly { readonly column: string; readonly access: Access | undefined }[]
  readonly using: UsingClause
  readonly where: readonly Relation[]
  readonly condition: IfClause | undefined
}

export type ModificationStatement =
  | InsertStatement
  | InsertJsonStatement
  | UpdateStatement
  | DeleteStatement

export interface BatchStatement {
  readonly kind: 'batch'
  readonly type: 'logged' | 'unlogged' | 'counter'
  readonly using: UsingClause
  readonly statements: readonly ModificationStatement[]
}

export interface UseStatement {
  readonly kind: 'use'
  readonly keyspace: string
}

export interface TruncateStatement {
  readonly kind: 'truncate'
  readonly table: QualifiedName
}

/** Statements about rows, and USE: all that does not define or describe something. */
export type DataStatement =
  | SelectStatement
  | ModificationStatement
  | BatchStatement
  | UseStatement
  | TruncateStatement
