import type {
  AlterTypeStatement,
  ColumnDefinition,
  CqlStatement,
  FunctionSignature,
  Rename,
  TableChange,
} from '../ast-schema.ts'
import { Kw, Token } from '../tokens.ts'
import { parseColumnDefinition, parseMask, parseProperties } from './create.ts'
import type { TokenCursor } from './cursor.ts'
import { parseIdentity, parseRole, parseRoleName, parseUser } from './roles.ts'
import { parseFunctionName } from './terms.ts'
import { parseType, parseUserTypeName } from './types.ts'

export function parseAlter(c: TokenCursor): CqlStatement {
  c.expect(Kw.ALTER)
  switch (c.kind) {
    case Kw.KEYSPACE: {
      c.advance()
      const ifExists = c.ifExists()
      const keyspace = c.schemaName('keyspace')
      c.expect(Kw.WITH)
      return { kind: 'alter_keyspace', keyspace, ifExists, properties: parseProperties(c) }
    }
    case Kw.COLUMNFAMILY: {
      c.advance()
      const ifExists = c.ifExists()
      const table = c.qualifiedName()
      return { kind: 'alter_table', table, ifExists, change: parseTableChange(c) }
    }
    case Kw.TYPE: {
      c.advance()
      const ifExists = c.ifExists()
      const type = parseUserTypeName(c)
      return { kind: 'alter_type', type, ifExists, change: parseTypeChange(c) }
    }
    case Kw.MATERIALIZED: {
      c.advance()
      c.expect(Kw.VIEW)
      const ifExists = c.ifExists()
      const view = c.qualifiedName()
      c.expect(Kw.WITH)
      return { kind: 'alter_view', view, ifExists, properties: parseProperties(c) }
    }
    case Kw.ROLE:
      return parseRole(c, 'alter_role')
    case Kw.USER:
      return parseUser(c, 'alter_user')
    default:
      throw c.unexpected('KEYSPACE, TABLE, TYPE, MATERIALIZED VIEW, ROLE or USER')
  }
}

function parseTableChange(c: TokenCursor): TableChange {
  switch (c.kind) {
    case Kw.ALTER:
      return parseColumnChange(c)
    case Kw.ADD: {
      c.advance()
      const ifNotExists = c.ifNotExists()
      return { kind: 'add', ifNotExists, columns: parseAddedColumns(c) }
    }
    case Kw.DROP:
      return parseColumnDrop(c)
    case Kw.RENAME: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'rename', ifExists, renames: parseRenames(c) }
    }
    case Kw.WITH:
      c.advance()
      return { kind: 'with', properties: parseProperties(c) }
    default:
      throw c.unexpected('ADD, DROP, RENAME, ALTER or WITH')
  }
}

function parseColumnChange(c: TokenCursor): TableChange {
  c.advance()
  const ifExists = c.ifExists()
  const column = c.columnName()
  if (!ifExists && c.accept(Kw.TYPE)) return { kind: 'alter_type', column, type: parseType(c) }
  if (c.acceptAll(Kw.DROP, Kw.MASKED)) {
    return { kind: 'alter_mask', column, ifExists, mask: undefined }
  }
  if (c.kind !== Kw.MASKED) throw c.unexpected('TYPE, MASKED or DROP MASKED')
  return { kind: 'alter_mask', column, ifExists, mask: parseMask(c) }
}

function parseAddedColumns(c: TokenCursor): ColumnDefinition[] {
  if (!c.accept(Token.OPEN)) return [parseColumnDefinition(c)]
  const columns = c.list(() => parseColumnDefinition(c))
  c.expect(Token.CLOSE)
  return columns
}

function parseColumnDrop(c: TokenCursor): TableChange {
  c.advance()
  if (c.kind === Kw.COMPACT && c.peek(1) === Kw.STORAGE) {
    c.advance()
    c.advance()
    return { kind: 'drop_compact_storage' }
  }
  const ifExists = c.ifExists()
  let columns: string[]
  if (c.accept(Token.OPEN)) {
    columns = c.list(() => c.name('a column name'))
    c.expect(Token.CLOSE)
  } else {
    columns = [c.name('a column name')]
  }
  let timestamp: string | undefined
  if (c.acceptAll(Kw.USING, Kw.TIMESTAMP)) {
    timestamp = c.tokenText()
    c.expect(Token.INTEGER)
  }
  return { kind: 'drop', ifExists, columns, timestamp }
}

function parseRenames(c: TokenCursor): Rename[] {
  const renames: Rename[] = []
  do {
    const from = c.name()
    c.expect(Kw.TO)
    renames.push({ from, to: c.name() })
  } while (c.accept(Kw.AND))
  return renames
}

function parseTypeChange(c: TokenCursor): AlterTypeStatement['change'] {
  if (c.accept(Kw.ALTER)) {
    const field = c.name('a field name')
    c.expect(Kw.TYPE)
    return { kind: 'alter', field, type: parseType(c) }
  }
  if (c.accept(Kw.ADD)) {
    const ifNotExists = c.ifNotExists()
    const field = c.name('a field name')
    return { kind: 'add', ifNotExists, field, type: parseType(c) }
  }
  if (!c.accept(Kw.RENAME)) throw c.unexpected('ADD, RENAME or ALTER')
  const ifExists = c.ifExists()
  return { kind: 'rename', ifExists, renames: parseRenames(c) }
}

export function parseDrop(c: TokenCursor): CqlStatement {
  c.expect(Kw.DROP)
  switch (c.kind) {
    case Kw.KEYSPACE: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_keyspace', keyspace: c.schemaName('keyspace'), ifExists }
    }
    case Kw.COLUMNFAMILY: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_table', name: c.qualifiedName(), ifExists }
    }
    case Kw.TYPE: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_type', name: parseUserTypeName(c), ifExists }
    }
    case Kw.INDEX: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_index', name: c.qualifiedName('index'), ifExists }
    }
    case Kw.MATERIALIZED: {
      c.advance()
      c.expect(Kw.VIEW)
      const ifExists = c.ifExists()
      return { kind: 'drop_view', name: c.qualifiedName(), ifExists }
    }
    default:
      return parseOtherDrop(c)
  }
}

function parseOtherDrop(c: TokenCursor): CqlStatement {
  switch (c.kind) {
    case Kw.TRIGGER: {
      c.advance()
      const ifExists = c.ifExists()
      const name = c.name('a trigger name')
      c.expect(Kw.ON)
      return { kind: 'drop_trigger', name, table: c.qualifiedName(), ifExists }
    }
    case Kw.FUNCTION:
    case Kw.AGGREGATE: {
      const kind = c.kind === Kw.FUNCTION ? 'drop_function' : 'drop_aggregate'
      c.advance()
      const ifExists = c.ifExists()
      return { kind, function: parseSignature(c), ifExists }
    }
    case Kw.ROLE: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_role', name: parseRoleName(c), ifExists }
    }
    case Kw.USER: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_user', name: parseIdentity(c), ifExists }
    }
    case Kw.IDENTITY: {
      c.advance()
      const ifExists = c.ifExists()
      return { kind: 'drop_identity', name: parseIdentity(c), ifExists }
    }
    default:
      throw c.unexpected('KEYSPACE, TABLE, TYPE, INDEX, MATERIALIZED VIEW, FUNCTION, AGGREGATE, …')
  }
}

/** `name [(types)]` */
export function parseSignature(c: TokenCursor): FunctionSignature {
  const { keyspace, name } = parseFunctionName(c)
  if (!c.accept(Token.OPEN)) return { keyspace, name, argumentTypes: undefined }
  const argumentTypes = c.kind === Token.CLOSE ? [] : c.list(() => parseType(c))
  c.expect(Token.CLOSE)
  return { keyspace, name, argumentTypes }
}
