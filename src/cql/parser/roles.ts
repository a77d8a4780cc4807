import type {
  AddIdentityStatement,
  RoleOption,
  RoleStatement,
  UserStatement,
} from '../ast-schema.ts'
import { Kw, Token } from '../tokens.ts'
import type { TokenCursor } from './cursor.ts'
import { parseMapEntries } from './terms.ts'

/** `userOrRoleName` of Parser.g: a name or a string. */
export function parseRoleName(cursor: TokenCursor): string {
  if (cursor.kind === Token.STRING) return cursor.string()
  if (cursor.kind === Token.QUESTION) {
    throw cursor.refuse('Bind variables cannot be used for role names')
  }
  return cursor.name('a role name')
}

/** `username`, `identity` of Parser.g: no words of the grammar without quotes. */
export function parseIdentity(cursor: TokenCursor): string {
  if (cursor.kind === Token.STRING) return cursor.string()
  if (cursor.kind !== Token.NAME && cursor.kind !== Token.QUOTED_NAME)
    throw cursor.unexpected('a name')
  return cursor.takeName()
}

function parseConditional(cursor: TokenCursor, isCreate: boolean): boolean {
  return isCreate ? cursor.ifNotExists() : cursor.ifExists()
}

/** `ROLE …` of CREATE and ALTER. */
export function parseRole(cursor: TokenCursor, kind: RoleStatement['kind']): RoleStatement {
  cursor.expect(Kw.ROLE)
  const conditional = parseConditional(cursor, kind === 'create_role')
  const role = parseRoleName(cursor)
  const options: RoleOption[] = []
  if (cursor.accept(Kw.WITH)) {
    do options.push(parseRoleOption(cursor))
    while (cursor.accept(Kw.AND))
  }
  return { kind, role, conditional, options }
}

function parseRoleOption(cursor: TokenCursor): RoleOption {
  switch (cursor.kind) {
    case Kw.HASHED:
    case Kw.PASSWORD: {
      const hashed = cursor.accept(Kw.HASHED)
      cursor.expect(Kw.PASSWORD)
      cursor.expect(Token.EQUAL)
      return { kind: 'password', hashed, value: cursor.string() }
    }
    case Kw.OPTIONS:
      cursor.advance()
      cursor.expect(Token.EQUAL)
      return { kind: 'options', entries: parseMapEntries(cursor) }
    case Kw.SUPERUSER:
    case Kw.LOGIN: {
      const kind = cursor.kind === Kw.LOGIN ? 'login' : 'superuser'
      cursor.advance()
      cursor.expect(Token.EQUAL)
      const value = cursor.tokenText().toLowerCase() === 'true'
      if (cursor.kind !== Token.BOOLEAN) throw cursor.unexpected('true or false')
      cursor.advance()
      return { kind, value }
    }
    case Kw.ACCESS:
      return parseAccessOption(cursor)
    default:
      throw cursor.unexpected('PASSWORD, OPTIONS, SUPERUSER, LOGIN or ACCESS')
  }
}

function parseAccessOption(cursor: TokenCursor): RoleOption {
  cursor.advance()
  const isDatacenters = cursor.accept(Kw.TO)
  if (!isDatacenters && !cursor.accept(Kw.FROM)) throw cursor.unexpected('TO or FROM')
  const kind = isDatacenters ? 'datacenters' : 'cidrs'
  const isAll = cursor.accept(Kw.ALL)
  cursor.expect(isDatacenters ? Kw.DATACENTERS : Kw.CIDRS)
  if (isAll) return { kind, names: undefined }
  cursor.expect(Token.OPEN_CURLY)
  const names = cursor.list(() => cursor.string())
  cursor.expect(Token.CLOSE_CURLY)
  return { kind, names }
}

/** `USER …` of CREATE and ALTER. */
export function parseUser(cursor: TokenCursor, kind: UserStatement['kind']): UserStatement {
  cursor.expect(Kw.USER)
  const conditional = parseConditional(cursor, kind === 'create_user')
  const user = parseIdentity(cursor)
  let password: UserStatement['password']
  if (cursor.accept(Kw.WITH)) {
    const hashed = cursor.accept(Kw.HASHED)
    cursor.expect(Kw.PASSWORD)
    password = { hashed, value: cursor.string() }
  }
  const isSuperuser = cursor.accept(Kw.SUPERUSER)
  const isNot = !isSuperuser && cursor.accept(Kw.NOSUPERUSER)
  const superuser = isSuperuser ? true : isNot ? false : undefined
  return { kind, user, conditional, password, superuser }
}

export function parseAddIdentity(cursor: TokenCursor): AddIdentityStatement {
  cursor.expect(Kw.ADD)
  cursor.expect(Kw.IDENTITY)
  const ifNotExists = cursor.ifNotExists()
  const identity = parseIdentity(cursor)
  cursor.expect(Kw.TO)
  cursor.expect(Kw.ROLE)
  return { kind: 'add_identity', identity, role: parseIdentity(cursor), ifNotExists }
}
