import type {
  DataStatement,
  Expression,
  QualifiedName,
  Relation,
  SelectItem,
  TypeName,
} from './ast.ts'

/** A property of WITH: the text of a constant or keyword, or the texts of a map literal. */
export interface Property {
  readonly name: string
  readonly value:
    | { readonly kind: 'text'; readonly constant: Expression | string }
    | { readonly kind: 'map'; readonly entries: readonly (readonly [Expression, Expression])[] }
}

export interface CreateKeyspaceStatement {
  readonly kind: 'create_keyspace'
  readonly keyspace: string
  readonly ifNotExists: boolean
  readonly properties: readonly Property[]
}

export interface ColumnMask {
  /** `undefined` is DEFAULT. */
  readonly call:
    | {
        readonly keyspace: string | undefined
        readonly name: string
        readonly args: readonly Expression[]
      }
    | undefined
}

export interface ColumnDefinition {
  readonly name: string
  readonly type: TypeName
  readonly isStatic: boolean
  readonly mask: ColumnMask | undefined
}

export interface ClusteringOrder {
  readonly column: string
  readonly descending: boolean
}

export interface CreateTableStatement {
  readonly kind: 'create_table'
  readonly table: QualifiedName
  readonly ifNotExists: boolean
  readonly columns: readonly ColumnDefinition[]
  /** Columns marked PRIMARY KEY where they are defined, and the keys of PRIMARY KEY clauses. */
  readonly primaryKeys: readonly PrimaryKey[]
  readonly clusteringOrder: readonly ClusteringOrder[]
  readonly compactStorage: boolean
  readonly properties: readonly Property[]
}

export interface PrimaryKey {
  readonly partitionKey: readonly string[]
  readonly clusteringKey: readonly string[]
  /** `a int PRIMARY KEY` instead of a clause of its own. */
  readonly inline: boolean
}

export interface CreateTypeStatement {
  readonly kind: 'create_type'
  readonly type: QualifiedName
  readonly ifNotExists: boolean
  readonly fields: readonly { readonly name: string; readonly type: TypeName }[]
}

export interface IndexTarget {
  readonly column: string
  readonly part: 'values' | 'keys' | 'entries' | 'full' | undefined
}

export interface CreateIndexStatement {
  readonly kind: 'create_index'
  readonly index: QualifiedName | undefined
  readonly table: QualifiedName
  readonly isCustom: boolean
  readonly ifNotExists: boolean
  readonly targets: readonly IndexTarget[]
  readonly className: string | undefined
  readonly properties: readonly Property[]
}

export interface CreateViewStatement {
  readonly kind: 'create_view'
  readonly view: QualifiedName
  readonly ifNotExists: boolean
  readonly selectors: readonly SelectItem[] | undefined
  readonly table: QualifiedName
  readonly where: readonly Relation[]
  readonly partitionKey: readonly string[]
  readonly clusteringKey: readonly string[]
  readonly clusteringOrder: readonly ClusteringOrder[]
  readonly compactStorage: boolean
  readonly properties: readonly Property[]
}

export interface CreateTriggerStatement {
  readonly kind: 'create_trigger'
  readonly name: string
  readonly table: QualifiedName
  readonly ifNotExists: boolean
  readonly className: string
}

export interface FunctionSignature {
  readonly keyspace: string | undefined
  readonly name: string
  /** `undefined` when no argument list was written. */
  readonly argumentTypes: readonly TypeName[] | undefined
}

export interface CreateFunctionStatement {
  readonly kind: 'create_function'
  readonly keyspace: string | undefined
  readonly name: string
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly args: readonly { readonly name: string; readonly type: TypeName }[]
  readonly calledOnNull: boolean
  readonly returns: TypeName
  readonly language: string
  readonly body: string
}

export interface CreateAggregateStatement {
  readonly kind: 'create_aggregate'
  readonly function: FunctionSignature
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly stateFunction: string
  readonly stateType: TypeName
  readonly finalFunction: string | undefined
  readonly initialCondition: Expression | undefined
}

export interface AlterKeyspaceStatement {
  readonly kind: 'alter_keyspace'
  readonly keyspace: string
  readonly ifExists: boolean
  readonly properties: readonly Property[]
}

export type TableChange =
  | { readonly kind: 'alter_type'; readonly column: string; readonly type: TypeName }
  | {
      readonly kind: 'alter_mask'
      readonly column: string
      readonly ifExists: boolean
      /** `undefined` is DROP MASKED. */
      readonly mask: ColumnMask | undefined
    }
  | {
      readonly kind: 'add'
      readonly ifNotExists: boolean
      readonly columns: readonly ColumnDefinition[]
    }
  | {
      readonly kind: 'drop'
      readonly ifExists: boolean
      readonly columns: readonly string[]
      readonly timestamp: string | undefined
    }
  | { readonly kind: 'rename'; readonly ifExists: boolean; readonly renames: readonly Rename[] }
  | { readonly kind: 'drop_compact_storage' }
  | { readonly kind: 'with'; readonly properties: readonly Property[] }

export interface Rename {
  readonly from: string
  readonly to: string
}

export interface AlterTableStatement {
  readonly kind: 'alter_table'
  readonly table: QualifiedName
  readonly ifExists: boolean
  readonly change: TableChange
}

export interface AlterTypeStatement {
  readonly kind: 'alter_type'
  readonly type: QualifiedName
  readonly ifExists: boolean
  readonly change:
    | { readonly kind: 'alter'; readonly field: string; readonly type: TypeName }
    | {
        readonly kind: 'add'
        readonly ifNotExists: boolean
        readonly field: string
        readonly type: TypeName
      }
    | { readonly kind: 'rename'; readonly ifExists: boolean; readonly renames: readonly Rename[] }
}

export interface AlterViewStatement {
  readonly kind: 'alter_view'
  readonly view: QualifiedName
  readonly ifExists: boolean
  readonly properties: readonly Property[]
}

/** DROP of anything that is named by a (qualified) name. */
export interface DropStatement {
  readonly kind: 'drop_table' | 'drop_type' | 'drop_index' | 'drop_view'
  readonly name: QualifiedName
  readonly ifExists: boolean
}

export interface DropKeyspaceStatement {
  readonly kind: 'drop_keyspace'
  readonly keyspace: string
  readonly ifExists: boolean
}

export interface DropTriggerStatement {
  readonly kind: 'drop_trigger'
  readonly name: string
  readonly table: QualifiedName
  readonly ifExists: boolean
}

export interface DropFunctionStatement {
  readonly kind: 'drop_function' | 'drop_aggregate'
  readonly function: FunctionSignature
  readonly ifExists: boolean
}

/** A resource that permissions are granted on. */
export type Resource =
  | { readonly kind: 'all_keyspaces' | 'all_functions' | 'all_roles' | 'all_mbeans' }
  | { readonly kind: 'keyspace' | 'all_tables_in' | 'all_functions_in'; readonly keyspace: string }
  | { readonly kind: 'table'; readonly table: QualifiedName }
  | { readonly kind: 'role' | 'mbean' | 'mbeans'; readonly name: string }
  | { readonly kind: 'function'; readonly function: FunctionSignature }

export interface PermissionsStatement {
  readonly kind: 'grant_permissions' | 'revoke_permissions'
  /** Empty: ALL. */
  readonly permissions: readonly string[]
  readonly resource: Resource
  readonly role: string
}

export interface ListPermissionsStatement {
  readonly kind: 'list_permissions'
  readonly permissions: readonly string[]
  readonly resource: Resource | undefined
  readonly role: string | undefined
  readonly recursive: boolean
}

export interface RoleGrantStatement {
  readonly kind: 'grant_role' | 'revoke_role'
  readonly role: string
  readonly grantee: string
}

export interface ListRolesStatement {
  readonly kind: 'list_roles'
  readonly role: string | undefined
  readonly recursive: boolean
}

export interface ListUsersStatement {
  readonly kind: 'list_users'
}

export type RoleOption =
  | { readonly kind: 'password'; readonly hashed: boolean; readonly value: string }
  | { readonly kind: 'options'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'superuser' | 'login'; readonly value: boolean }
  /** `names` undefined is ALL. */
  | { readonly kind: 'datacenters' | 'cidrs'; readonly names: readonly string[] | undefined }

export interface RoleStatement {
  readonly kind: 'create_role' | 'alter_role'
  readonly role: string
  /** IF NOT EXISTS of CREATE, IF EXISTS of ALTER. */
  readonly conditional: boolean
  readonly options: readonly RoleOption[]
}

export interface UserStatement {
  readonly kind: 'create_user' | 'alter_user'
  readonly user: string
  readonly conditional: boolean
  readonly password: { readonly hashed: boolean; readonly value: string } | undefined
  readonly superuser: boolean | undefined
}

export interface DropRoleStatement {
  readonly kind: 'drop_role' | 'drop_user' | 'drop_identity'
  readonly name: string
  readonly ifExists: boolean
}

export interface AddIdentityStatement {
  readonly kind: 'add_identity'
  readonly identity: string
  readonly role: string
  readonly ifNotExists: boolean
}

export type DescribeTarget =
  | {
      readonly kind: 'cluster' | 'keyspaces' | 'tables' | 'types' | 'functions' | 'aggregates'
    }
  | { readonly kind: 'schema'; readonly full: boolean }
  | { readonly kind: 'keyspace'; readonly only: boolean; readonly keyspace: string | undefined }
  | {
      readonly kind: 'table' | 'index' | 'view' | 'type' | 'function' | 'aggregate' | 'generic'
      readonly name: QualifiedName
    }

export interface DescribeStatement {
  readonly kind: 'describe'
  readonly target: DescribeTarget
  readonly internals: boolean
}

export type SchemaStatement =
  | CreateKeyspaceStatement
  | CreateTableStatement
  | CreateTypeStatement
  | CreateIndexStatement
  | CreateViewStatement
  | CreateTriggerStatement
  | CreateFunctionStatement
  | CreateAggregateStatement
  | AlterKeyspaceStatement
  | AlterTableStatement
  | AlterTypeStatement
  | AlterViewStatement
  | DropStatement
  | DropKeyspaceStatement
  | DropTriggerStatement
  | DropFunctionStatement

export type RolesStatement =
  | PermissionsStatement
  | ListPermissionsStatement
  | RoleGrantStatement
  | ListRolesStatement
  | ListUsersStatement
  | RoleStatement
  | UserStatement
  | DropRoleStatement
  | AddIdentityStatement

/** Any statement of CQL. */
export type CqlStatement = DataStatement | SchemaStatement | RolesStatement | DescribeStatement

export type CqlStatementKind = CqlStatement['kind']
