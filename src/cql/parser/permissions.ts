import type { CqlStatement, Resource } from '../ast-schema.ts'
import { keywordText, Kw, Token } from '../tokens.ts'
import { parseSignature } from './alter-drop.ts'
import type { TokenCursor } from './cursor.ts'
import { parseRoleName } from './roles.ts'

const permissionKinds: ReadonlySet<number> = new Set([
  Kw.CREATE,
  Kw.ALTER,
  Kw.DROP,
  Kw.SELECT,
  Kw.MODIFY,
  Kw.AUTHORIZE,
  Kw.DESCRIBE,
  Kw.EXECUTE,
  Kw.UNMASK,
  Kw.SELECT_MASKED,
])

/** `permissionOrAll` of Parser.g; empty for ALL. */
function parsePermissions(cursor: TokenCursor): string[] {
  if (cursor.accept(Kw.ALL)) {
    cursor.accept(Kw.PERMISSIONS)
    return []
  }
  return cursor.list(() => {
    if (!permissionKinds.has(cursor.kind)) throw cursor.unexpected('a permission')
    const permission = keywordText(cursor.kind)
    cursor.advance()
    cursor.accept(Kw.PERMISSION)
    return permission
  })
}

function isPermissionListAt(cursor: TokenCursor): boolean {
  const following = cursor.peek(1)
  if (cursor.kind === Kw.ALL) return following === Kw.PERMISSIONS || following === Kw.ON
  if (!permissionKinds.has(cursor.kind)) return false
  // UNMASK and SELECT_MASKED are also names of roles.
  return following !== Kw.TO && following !== Kw.FROM
}

/** GRANT and REVOKE, of permissions or of roles. */
export function parseGrantOrRevoke(cursor: TokenCursor): CqlStatement {
  const isGrant = cursor.kind === Kw.GRANT
  const preposition = isGrant ? Kw.TO : Kw.FROM
  cursor.advance()
  if (!isPermissionListAt(cursor)) {
    const role = parseRoleName(cursor)
    cursor.expect(preposition)
    return { kind: isGrant ? 'grant_role' : 'revoke_role', role, grantee: parseRoleName(cursor) }
  }
  const permissions = parsePermissions(cursor)
  cursor.expect(Kw.ON)
  const resource = parseResource(cursor)
  cursor.expect(preposition)
  const kind = isGrant ? 'grant_permissions' : 'revoke_permissions'
  return { kind, permissions, resource, role: parseRoleName(cursor) }
}

/** `resource` of Parser.g. */
function parseResource(cursor: TokenCursor): Resource {
  switch (cursor.kind) {
    case Kw.ALL:
      return parseAllResource(cursor)
    case Kw.KEYSPACE:
      cursor.advance()
      return { kind: 'keyspace', keyspace: cursor.schemaName('keyspace') }
    case Kw.ROLE:
      if (!isResourceWord(cursor)) break
      cursor.advance()
      return { kind: 'role', name: parseRoleName(cursor) }
    case Kw.MBEAN:
    case Kw.MBEANS: {
      if (!isResourceWord(cursor)) break
      const kind = cursor.kind === Kw.MBEAN ? 'mbean' : 'mbeans'
      cursor.advance()
      return { kind, name: cursor.string() }
    }
    case Kw.FUNCTION:
      if (!isResourceWord(cursor)) break
      cursor.advance()
      return { kind: 'function', function: parseSignature(cursor) }
    case Kw.COLUMNFAMILY:
      cursor.advance()
      break
  }
  return { kind: 'table', table: cursor.qualifiedName() }
}

/** ROLE, FUNCTION, … are also names of tables. */
function isResourceWord(cursor: TokenCursor): boolean {
  const following = cursor.peek(1)
  return (
    following !== Token.DOT &&
    following !== Kw.TO &&
    following !== Kw.FROM &&
    following !== Kw.OF &&
    following !== Kw.NORECURSIVE &&
    following !== Token.END
  )
}

function parseAllResource(cursor: TokenCursor): Resource {
  cursor.advance()
  switch (cursor.kind) {
    case Kw.KEYSPACES:
      cursor.advance()
      return { kind: 'all_keyspaces' }
    case Kw.ROLES:
      cursor.advance()
      return { kind: 'all_roles' }
    case Kw.MBEANS:
      cursor.advance()
      return { kind: 'all_mbeans' }
    case Kw.TABLES:
      cursor.advance()
      cursor.expect(Kw.IN)
      cursor.expect(Kw.KEYSPACE)
      return { kind: 'all_tables_in', keyspace: cursor.schemaName('keyspace') }
    case Kw.FUNCTIONS:
      cursor.advance()
      if (!cursor.acceptAll(Kw.IN, Kw.KEYSPACE)) return { kind: 'all_functions' }
      return { kind: 'all_functions_in', keyspace: cursor.schemaName('keyspace') }
    default:
      throw cursor.unexpected('KEYSPACES, TABLES, FUNCTIONS, ROLES or MBEANS')
  }
}

/** LIST ROLES, USERS, permissions. */
export function parseList(cursor: TokenCursor): CqlStatement {
  cursor.expect(Kw.LIST)
  if (cursor.accept(Kw.USERS)) return { kind: 'list_users' }
  if (cursor.accept(Kw.ROLES)) {
    const role = cursor.accept(Kw.OF) ? parseRoleName(cursor) : undefined
    return { kind: 'list_roles', role, recursive: !cursor.accept(Kw.NORECURSIVE) }
  }
  if (cursor.kind !== Kw.ALL && !permissionKinds.has(cursor.kind)) {
    throw cursor.unexpected('ROLES, USERS or permissions')
  }
  const permissions = parsePermissions(cursor)
  const resource = cursor.accept(Kw.ON) ? parseResource(cursor) : undefined
  const role = cursor.accept(Kw.OF) ? parseRoleName(cursor) : undefined
  const recursive = !cursor.accept(Kw.NORECURSIVE)
  return { kind: 'list_permissions', permissions, resource, role, recursive }
}
