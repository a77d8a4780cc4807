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
function parsePermissions(c: TokenCursor): string[] {
  if (c.accept(Kw.ALL)) {
    c.accept(Kw.PERMISSIONS)
    return []
  }
  return c.list(() => {
    if (!permissionKinds.has(c.kind)) throw c.unexpected('a permission')
    const permission = keywordText(c.kind)
    c.advance()
    c.accept(Kw.PERMISSION)
    return permission
  })
}

function isPermissionListAt(c: TokenCursor): boolean {
  const following = c.peek(1)
  if (c.kind === Kw.ALL) return following === Kw.PERMISSIONS || following === Kw.ON
  if (!permissionKinds.has(c.kind)) return false
  // UNMASK and SELECT_MASKED are also names of roles.
  return following !== Kw.TO && following !== Kw.FROM
}

/** GRANT and REVOKE, of permissions or of roles. */
export function parseGrantOrRevoke(c: TokenCursor): CqlStatement {
  const isGrant = c.kind === Kw.GRANT
  const preposition = isGrant ? Kw.TO : Kw.FROM
  c.advance()
  if (!isPermissionListAt(c)) {
    const role = parseRoleName(c)
    c.expect(preposition)
    return { kind: isGrant ? 'grant_role' : 'revoke_role', role, grantee: parseRoleName(c) }
  }
  const permissions = parsePermissions(c)
  c.expect(Kw.ON)
  const resource = parseResource(c)
  c.expect(preposition)
  const kind = isGrant ? 'grant_permissions' : 'revoke_permissions'
  return { kind, permissions, resource, role: parseRoleName(c) }
}

/** `resource` of Parser.g. */
function parseResource(c: TokenCursor): Resource {
  switch (c.kind) {
    case Kw.ALL:
      return parseAllResource(c)
    case Kw.KEYSPACE:
      c.advance()
      return { kind: 'keyspace', keyspace: c.schemaName('keyspace') }
    case Kw.ROLE:
      if (!isResourceWord(c)) break
      c.advance()
      return { kind: 'role', name: parseRoleName(c) }
    case Kw.MBEAN:
    case Kw.MBEANS: {
      if (!isResourceWord(c)) break
      const kind = c.kind === Kw.MBEAN ? 'mbean' : 'mbeans'
      c.advance()
      return { kind, name: c.string() }
    }
    case Kw.FUNCTION:
      if (!isResourceWord(c)) break
      c.advance()
      return { kind: 'function', function: parseSignature(c) }
    case Kw.COLUMNFAMILY:
      c.advance()
      break
  }
  return { kind: 'table', table: c.qualifiedName() }
}

/** ROLE, FUNCTION, … are also names of tables. */
function isResourceWord(c: TokenCursor): boolean {
  const following = c.peek(1)
  return (
    following !== Token.DOT &&
    following !== Kw.TO &&
    following !== Kw.FROM &&
    following !== Kw.OF &&
    following !== Kw.NORECURSIVE &&
    following !== Token.END
  )
}

function parseAllResource(c: TokenCursor): Resource {
  c.advance()
  switch (c.kind) {
    case Kw.KEYSPACES:
      c.advance()
      return { kind: 'all_keyspaces' }
    case Kw.ROLES:
      c.advance()
      return { kind: 'all_roles' }
    case Kw.MBEANS:
      c.advance()
      return { kind: 'all_mbeans' }
    case Kw.TABLES:
      c.advance()
      c.expect(Kw.IN)
      c.expect(Kw.KEYSPACE)
      return { kind: 'all_tables_in', keyspace: c.schemaName('keyspace') }
    case Kw.FUNCTIONS:
      c.advance()
      if (!c.acceptAll(Kw.IN, Kw.KEYSPACE)) return { kind: 'all_functions' }
      return { kind: 'all_functions_in', keyspace: c.schemaName('keyspace') }
    default:
      throw c.unexpected('KEYSPACES, TABLES, FUNCTIONS, ROLES or MBEANS')
  }
}

/** LIST ROLES, USERS, permissions. */
export function parseList(c: TokenCursor): CqlStatement {
  c.expect(Kw.LIST)
  if (c.accept(Kw.USERS)) return { kind: 'list_users' }
  if (c.accept(Kw.ROLES)) {
    const role = c.accept(Kw.OF) ? parseRoleName(c) : undefined
    return { kind: 'list_roles', role, recursive: !c.accept(Kw.NORECURSIVE) }
  }
  if (c.kind !== Kw.ALL && !permissionKinds.has(c.kind)) {
    throw c.unexpected('ROLES, USERS or permissions')
  }
  const permissions = parsePermissions(c)
  const resource = c.accept(Kw.ON) ? parseResource(c) : undefined
  const role = c.accept(Kw.OF) ? parseRoleName(c) : undefined
  const recursive = !c.accept(Kw.NORECURSIVE)
  return { kind: 'list_permissions', permissions, resource, role, recursive }
}
