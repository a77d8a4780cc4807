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
export function parseRoleName(c: TokenCursor): string {
  if (c.kind === Token.STRING) return c.string()
  if (c.kind === Token.QUESTION) {
    throw c.refuse('Bind variables cannot be used for role names')
  }
  return c.name('a role name')
}

/** `username`, `identity` of Parser.g: no words of the grammar without quotes. */
export function parseIdentity(c: TokenCursor): string {
  if (c.kind === Token.STRING) return c.string()
  if (c.kind !== Token.NAME && c.kind !== Token.QUOTED_NAME) throw c.unexpected('a name')
  return c.takeName()
}

function parseConditional(c: TokenCursor, isCreate: boolean): boolean {
  return isCreate ? c.ifNotExists() : c.ifExists()
}

/** `ROLE …` of CREATE and ALTER. */
export function parseRole(c: TokenCursor, kind: RoleStatement['kind']): RoleStatement {
  c.expect(Kw.ROLE)
  const conditional = parseConditional(c, kind === 'create_role')
  const role = parseRoleName(c)
  const options: RoleOption[] = []
  if (c.accept(Kw.WITH)) {
    do options.push(parseRoleOption(c))
    while (c.accept(Kw.AND))
  }
  return { kind, role, conditional, options }
}

function parseRoleOption(c: TokenCursor): RoleOption {
  switch (c.kind) {
    case Kw.HASHED:
    case Kw.PASSWORD: {
      const hashed = c.accept(Kw.HASHED)
      c.expect(Kw.PASSWORD)
      c.expect(Token.EQUAL)
      return { kind: 'password', hashed, value: c.string() }
    }
    case Kw.OPTIONS:
      c.advance()
      c.expect(Token.EQUAL)
      return { kind: 'options', entries: parseMapEntries(c) }
    case Kw.SUPERUSER:
    case Kw.LOGIN: {
      const kind = c.kind === Kw.LOGIN ? 'login' : 'superuser'
      c.advance()
      c.expect(Token.EQUAL)
      const value = c.tokenText().toLowerCase() === 'true'
      if (c.kind !== Token.BOOLEAN) throw c.unexpected('true or false')
      c.advance()
      return { kind, value }
    }
    case Kw.ACCESS:
      return parseAccessOption(c)
    default:
      throw c.unexpected('PASSWORD, OPTIONS, SUPERUSER, LOGIN or ACCESS')
  }
}

function parseAccessOption(c: TokenCursor): RoleOption {
  c.advance()
  const isDatacenters = c.accept(Kw.TO)
  if (!isDatacenters && !c.accept(Kw.FROM)) throw c.unexpected('TO or FROM')
  const kind = isDatacenters ? 'datacenters' : 'cidrs'
  const isAll = c.accept(Kw.ALL)
  c.expect(isDatacenters ? Kw.DATACENTERS : Kw.CIDRS)
  if (isAll) return { kind, names: undefined }
  c.expect(Token.OPEN_CURLY)
  const names = c.list(() => c.string())
  c.expect(Token.CLOSE_CURLY)
  return { kind, names }
}

/** `USER …` of CREATE and ALTER. */
export function parseUser(c: TokenCursor, kind: UserStatement['kind']): UserStatement {
  c.expect(Kw.USER)
  const conditional = parseConditional(c, kind === 'create_user')
  const user = parseIdentity(c)
  let password: UserStatement['password']
  if (c.accept(Kw.WITH)) {
    const hashed = c.accept(Kw.HASHED)
    c.expect(Kw.PASSWORD)
    password = { hashed, value: c.string() }
  }
  const isSuperuser = c.accept(Kw.SUPERUSER)
  const isNot = !isSuperuser && c.accept(Kw.NOSUPERUSER)
  const superuser = isSuperuser ? true : isNot ? false : undefined
  return { kind, user, conditional, password, superuser }
}

export function parseAddIdentity(c: TokenCursor): AddIdentityStatement {
  c.expect(Kw.ADD)
  c.expect(Kw.IDENTITY)
  const ifNotExists = c.ifNotExists()
  const identity = parseIdentity(c)
  c.expect(Kw.TO)
  c.expect(Kw.ROLE)
  return { kind: 'add_identity', identity, role: parseIdentity(c), ifNotExists }
}
