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

export function parseAlter(cursor: TokenCursor): CqlStatement {
  cursor.expect(Kw.ALTER)
  switch (cursor.kind) {
    case Kw.KEYSPACE: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      const keyspace = cursor.schemaName('keyspace')
      cursor.expect(Kw.WITH)
      return { kind: 'alter_keyspace', keyspace, ifExists, properties: parseProperties(cursor) }
    }
    case Kw.COLUMNFAMILY: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      const table = cursor.qualifiedName()
      return { kind: 'alter_table', table, ifExists, change: parseTableChange(cursor) }
    }
    case Kw.TYPE: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      const type = parseUserTypeName(cursor)
      return { kind: 'alter_type', type, ifExists, change: parseTypeChange(cursor) }
    }
    case Kw.MATERIALIZED: {
      cursor.advance()
      cursor.expect(Kw.VIEW)
      const ifExists = cursor.ifExists()
      const view = cursor.qualifiedName()
      cursor.expect(Kw.WITH)
      return { kind: 'alter_view', view, ifExists, properties: parseProperties(cursor) }
    }
    case Kw.ROLE:
      return parseRole(cursor, 'alter_role')
    case Kw.USER:
      return parseUser(cursor, 'alter_user')
    default:
      throw cursor.unexpected('KEYSPACE, TABLE, TYPE, MATERIALIZED VIEW, ROLE or USER')
  }
}

function parseTableChange(cursor: TokenCursor): TableChange {
  switch (cursor.kind) {
    case Kw.ALTER:
      return parseColumnChange(cursor)
    case Kw.ADD: {
      cursor.advance()
      const ifNotExists = cursor.ifNotExists()
      return { kind: 'add', ifNotExists, columns: parseAddedColumns(cursor) }
    }
    case Kw.DROP:
      return parseColumnDrop(cursor)
    case Kw.RENAME: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'rename', ifExists, renames: parseRenames(cursor) }
    }
    case Kw.WITH:
      cursor.advance()
      return { kind: 'with', properties: parseProperties(cursor) }
    default:
      throw cursor.unexpected('ADD, DROP, RENAME, ALTER or WITH')
  }
}

function parseColumnChange(cursor: TokenCursor): TableChange {
  cursor.advance()
  const ifExists = cursor.ifExists()
  const column = cursor.columnName()
  if (!ifExists && cursor.accept(Kw.TYPE))
    return { kind: 'alter_type', column, type: parseType(cursor) }
  if (cursor.acceptAll(Kw.DROP, Kw.MASKED)) {
    return { kind: 'alter_mask', column, ifExists, mask: undefined }
  }
  if (cursor.kind !== Kw.MASKED) throw cursor.unexpected('TYPE, MASKED or DROP MASKED')
  return { kind: 'alter_mask', column, ifExists, mask: parseMask(cursor) }
}

function parseAddedColumns(cursor: TokenCursor): ColumnDefinition[] {
  if (!cursor.accept(Token.OPEN)) return [parseColumnDefinition(cursor)]
  const columns = cursor.list(() => parseColumnDefinition(cursor))
  cursor.expect(Token.CLOSE)
  return columns
}

function parseColumnDrop(cursor: TokenCursor): TableChange {
  cursor.advance()
  if (cursor.kind === Kw.COMPACT && cursor.peek(1) === Kw.STORAGE) {
    cursor.advance()
    cursor.advance()
    return { kind: 'drop_compact_storage' }
  }
  const ifExists = cursor.ifExists()
  let columns: string[]
  if (cursor.accept(Token.OPEN)) {
    columns = cursor.list(() => cursor.name('a column name'))
    cursor.expect(Token.CLOSE)
  } else {
    columns = [cursor.name('a column name')]
  }
  let timestamp: string | undefined
  if (cursor.acceptAll(Kw.USING, Kw.TIMESTAMP)) {
    timestamp = cursor.tokenText()
    cursor.expect(Token.INTEGER)
  }
  return { kind: 'drop', ifExists, columns, timestamp }
}

function parseRenames(cursor: TokenCursor): Rename[] {
  const renames: Rename[] = []
  do {
    const from = cursor.name()
    cursor.expect(Kw.TO)
    renames.push({ from, to: cursor.name() })
  } while (cursor.accept(Kw.AND))
  return renames
}

function parseTypeChange(cursor: TokenCursor): AlterTypeStatement['change'] {
  if (cursor.accept(Kw.ALTER)) {
    const field = cursor.name('a field name')
    cursor.expect(Kw.TYPE)
    return { kind: 'alter', field, type: parseType(cursor) }
  }
  if (cursor.accept(Kw.ADD)) {
    const ifNotExists = cursor.ifNotExists()
    const field = cursor.name('a field name')
    return { kind: 'add', ifNotExists, field, type: parseType(cursor) }
  }
  if (!cursor.accept(Kw.RENAME)) throw cursor.unexpected('ADD, RENAME or ALTER')
  const ifExists = cursor.ifExists()
  return { kind: 'rename', ifExists, renames: parseRenames(cursor) }
}

export function parseDrop(cursor: TokenCursor): CqlStatement {
  cursor.expect(Kw.DROP)
  switch (cursor.kind) {
    case Kw.KEYSPACE: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_keyspace', keyspace: cursor.schemaName('keyspace'), ifExists }
    }
    case Kw.COLUMNFAMILY: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_table', name: cursor.qualifiedName(), ifExists }
    }
    case Kw.TYPE: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_type', name: parseUserTypeName(cursor), ifExists }
    }
    case Kw.INDEX: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_index', name: cursor.qualifiedName('index'), ifExists }
    }
    case Kw.MATERIALIZED: {
      cursor.advance()
      cursor.expect(Kw.VIEW)
      const ifExists = cursor.ifExists()
      return { kind: 'drop_view', name: cursor.qualifiedName(), ifExists }
    }
    default:
      return parseOtherDrop(cursor)
  }
}

function parseOtherDrop(cursor: TokenCursor): CqlStatement {
  switch (cursor.kind) {
    case Kw.TRIGGER: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      const name = cursor.name('a trigger name')
      cursor.expect(Kw.ON)
      return { kind: 'drop_trigger', name, table: cursor.qualifiedName(), ifExists }
    }
    case Kw.FUNCTION:
    case Kw.AGGREGATE: {
      const kind = cursor.kind === Kw.FUNCTION ? 'drop_function' : 'drop_aggregate'
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind, function: parseSignature(cursor), ifExists }
    }
    case Kw.ROLE: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_role', name: parseRoleName(cursor), ifExists }
    }
    case Kw.USER: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_user', name: parseIdentity(cursor), ifExists }
    }
    case Kw.IDENTITY: {
      cursor.advance()
      const ifExists = cursor.ifExists()
      return { kind: 'drop_identity', name: parseIdentity(cursor), ifExists }
    }
    default:
      throw cursor.unexpected(
        'KEYSPACE, TABLE, TYPE, INDEX, MATERIALIZED VIEW, FUNCTION, AGGREGATE, …',
      )
  }
}

/** `name [(types)]` */
export function parseSignature(cursor: TokenCursor): FunctionSignature {
  const { keyspace, name } = parseFunctionName(cursor)
  if (!cursor.accept(Token.OPEN)) return { keyspace, name, argumentTypes: undefined }
  const argumentTypes = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseType(cursor))
  cursor.expect(Token.CLOSE)
  return { keyspace, name, argumentTypes }
}
