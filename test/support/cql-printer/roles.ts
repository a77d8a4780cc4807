import type {
  DescribeStatement,
  Resource,
  RoleOption,
  RolesStatement,
} from '../../../src/cql/ast-schema.ts'
import { quoteString } from '../../../src/cql/identifiers.ts'
import { id, printExpression, printName } from '../../../src/cql/printer.ts'
import { ifExists, ifNotExists, printSignature } from './schema.ts'

/** Users and identities are no words of the grammar, so their names are printed as strings. */
const user: (name: string) => string = quoteString

function printPermissions(permissions: readonly string[]): string {
  return permissions.length === 0 ? 'ALL PERMISSIONS' : permissions.join(', ').toUpperCase()
}

function printResource(resource: Resource): string {
  switch (resource.kind) {
    case 'all_keyspaces':
      return 'ALL KEYSPACES'
    case 'all_functions':
      return 'ALL FUNCTIONS'
    case 'all_roles':
      return 'ALL ROLES'
    case 'all_mbeans':
      return 'ALL MBEANS'
    case 'keyspace':
      return `KEYSPACE ${id(resource.keyspace)}`
    case 'all_tables_in':
      return `ALL TABLES IN KEYSPACE ${id(resource.keyspace)}`
    case 'all_functions_in':
      return `ALL FUNCTIONS IN KEYSPACE ${id(resource.keyspace)}`
    case 'table':
      return `TABLE ${printName(resource.table)}`
    case 'role':
      return `ROLE ${user(resource.name)}`
    case 'mbean':
      return `MBEAN ${quoteString(resource.name)}`
    case 'mbeans':
      return `MBEANS ${quoteString(resource.name)}`
    case 'function':
      return `FUNCTION ${printSignature(resource.function)}`
  }
}

function printRoleOption(option: RoleOption): string {
  switch (option.kind) {
    case 'password':
      return `${option.hashed ? 'HASHED ' : ''}PASSWORD = ${quoteString(option.value)}`
    case 'options': {
      const entries = option.entries.map(([k, v]) => `${printExpression(k)}: ${printExpression(v)}`)
      return `OPTIONS = {${entries.join(', ')}}`
    }
    case 'superuser':
    case 'login':
      return `${option.kind.toUpperCase()} = ${option.value}`
    case 'datacenters':
    case 'cidrs': {
      const preposition = option.kind === 'datacenters' ? 'TO' : 'FROM'
      const what = option.kind.toUpperCase()
      if (option.names === undefined) return `ACCESS ${preposition} ALL ${what}`
      return `ACCESS ${preposition} ${what} {${option.names.map(quoteString).join(', ')}}`
    }
  }
}

export function printRolesStatement(statement: RolesStatement): string {
  switch (statement.kind) {
    case 'grant_permissions':
    case 'revoke_permissions': {
      const [verb, to] =
        statement.kind === 'grant_permissions' ? ['GRANT', 'TO'] : ['REVOKE', 'FROM']
      const resource = printResource(statement.resource)
      const permissions = printPermissions(statement.permissions)
      return `${verb} ${permissions} ON ${resource} ${to} ${user(statement.role)}`
    }
    case 'grant_role':
      return `GRANT ${user(statement.role)} TO ${user(statement.grantee)}`
    case 'revoke_role':
      return `REVOKE ${user(statement.role)} FROM ${user(statement.grantee)}`
    case 'list_permissions': {
      const { resource, role } = statement
      const on = resource === undefined ? '' : ` ON ${printResource(resource)}`
      const list = `LIST ${printPermissions(statement.permissions)}${on}`
      return `${list}${printOf(role)}${printRecursion(statement.recursive)}`
    }
    case 'list_roles':
      return `LIST ROLES${printOf(statement.role)}${printRecursion(statement.recursive)}`
    case 'list_users':
      return 'LIST USERS'
    case 'drop_role':
      return `DROP ROLE ${ifExists(statement.ifExists)}${user(statement.name)}`
    case 'drop_user':
      return `DROP USER ${ifExists(statement.ifExists)}${user(statement.name)}`
    case 'drop_identity':
      return `DROP IDENTITY ${ifExists(statement.ifExists)}${user(statement.name)}`
    case 'add_identity': {
      const identity = `${ifNotExists(statement.ifNotExists)}${user(statement.identity)}`
      return `ADD IDENTITY ${identity} TO ROLE ${user(statement.role)}`
    }
    default:
      return printAccount(statement)
  }
}

function printOf(role: string | undefined): string {
  return role === undefined ? '' : ` OF ${user(role)}`
}

function printRecursion(recursive: boolean): string {
  return recursive ? '' : ' NORECURSIVE'
}

type Account = Extract<RolesStatement, { conditional: boolean }>

function printAccount(statement: Account): string {
  const isCreate = statement.kind === 'create_role' || statement.kind === 'create_user'
  const verb = isCreate ? 'CREATE' : 'ALTER'
  const condition = isCreate ? ifNotExists(statement.conditional) : ifExists(statement.conditional)
  if ('role' in statement) {
    const options = statement.options.map(printRoleOption).join(' AND ')
    const suffix = options === '' ? '' : ` WITH ${options}`
    return `${verb} ROLE ${condition}${user(statement.role)}${suffix}`
  }
  const { password, superuser } = statement
  let text = `${verb} USER ${condition}${user(statement.user)}`
  if (password !== undefined) {
    text += ` WITH ${password.hashed ? 'HASHED ' : ''}PASSWORD ${quoteString(password.value)}`
  }
  if (superuser !== undefined) text += superuser ? ' SUPERUSER' : ' NOSUPERUSER'
  return text
}

export function printDescribe({ target, internals }: DescribeStatement): string {
  const suffix = internals ? ' WITH INTERNALS' : ''
  switch (target.kind) {
    case 'schema':
      return `DESCRIBE ${target.full ? 'FULL ' : ''}SCHEMA${suffix}`
    case 'keyspace': {
      const name = target.keyspace === undefined ? '' : ` ${id(target.keyspace)}`
      return `DESCRIBE ${target.only ? 'ONLY ' : ''}KEYSPACE${name}${suffix}`
    }
    case 'generic':
      return `DESCRIBE ${printName(target.name)}${suffix}`
    case 'view':
      return `DESCRIBE MATERIALIZED VIEW ${printName(target.name)}${suffix}`
    case 'table':
    case 'index':
    case 'type':
    case 'function':
    case 'aggregate':
      return `DESCRIBE ${target.kind.toUpperCase()} ${printName(target.name)}${suffix}`
    default:
      return `DESCRIBE ${target.kind.toUpperCase()}${suffix}`
  }
}
