import type {
  ClusteringOrder,
  ColumnDefinition,
  ColumnMask,
  CreateAggregateStatement,
  CreateFunctionStatement,
  CreateIndexStatement,
  CreateKeyspaceStatement,
  CreateTableStatement,
  CreateTriggerStatement,
  CreateTypeStatement,
  CreateViewStatement,
  CqlStatement,
  IndexTarget,
  PrimaryKey,
  Property,
} from '../ast-schema.ts'
import { keywordText, Kw, Token, wordUse } from '../tokens.ts'
import type { TokenCursor } from './cursor.ts'
import { parseWhere } from './relations.ts'
import { parseRole, parseUser } from './roles.ts'
import { parseSelectors } from './selectors.ts'
import {
  parseFunctionName,
  parseMapEntries,
  parseTerm,
  takeFunctionName,
  tryConstant,
} from './terms.ts'
import { parseType, parseUserTypeName } from './types.ts'

export function parseCreate(cursor: TokenCursor): CqlStatement {
  cursor.expect(Kw.CREATE)
  const orReplace = cursor.acceptAll(Kw.OR, Kw.REPLACE)
  if (orReplace && cursor.kind !== Kw.FUNCTION && cursor.kind !== Kw.AGGREGATE) {
    throw cursor.unexpected('FUNCTION or AGGREGATE')
  }
  switch (cursor.kind) {
    case Kw.KEYSPACE:
      return parseCreateKeyspace(cursor)
    case Kw.COLUMNFAMILY:
      return parseCreateTable(cursor)
    case Kw.TYPE:
      return parseCreateType(cursor)
    case Kw.CUSTOM:
    case Kw.INDEX:
      return parseCreateIndex(cursor)
    case Kw.MATERIALIZED:
      return parseCreateView(cursor)
    case Kw.TRIGGER:
      return parseCreateTrigger(cursor)
    case Kw.FUNCTION:
      return parseCreateFunction(cursor, orReplace)
    case Kw.AGGREGATE:
      return parseCreateAggregate(cursor, orReplace)
    case Kw.ROLE:
      return parseRole(cursor, 'create_role')
    case Kw.USER:
      return parseUser(cursor, 'create_user')
    default:
      throw cursor.unexpected(
        'KEYSPACE, TABLE, TYPE, INDEX, MATERIALIZED VIEW, FUNCTION, AGGREGATE, …',
      )
  }
}

/** `properties` of Parser.g. */
export function parseProperties(cursor: TokenCursor): Property[] {
  const properties: Property[] = [parseProperty(cursor)]
  while (cursor.accept(Kw.AND)) properties.push(parseProperty(cursor))
  checkProperties(cursor, properties)
  return properties
}

function checkProperties(cursor: TokenCursor, properties: readonly Property[]): void {
  const names = new Set<string>()
  for (const { name } of properties) {
    if (names.has(name)) throw cursor.refuse(`Multiple definitions for property '${name}'`)
    names.add(name)
  }
}

function parseProperty(cursor: TokenCursor): Property {
  const name = cursor.name('a property')
  cursor.expect(Token.EQUAL)
  if (cursor.kind === Token.OPEN_CURLY) {
    return { name, value: { kind: 'map', entries: parseMapEntries(cursor) } }
  }
  const constant = tryConstant(cursor)
  if (constant !== undefined) return { name, value: { kind: 'text', constant } }
  if (wordUse(cursor.kind) === 0) throw cursor.unexpected('a constant, a word or a map')
  const word = keywordText(cursor.kind)
  cursor.advance()
  return { name, value: { kind: 'text', constant: word } }
}

function parseCreateKeyspace(cursor: TokenCursor): CreateKeyspaceStatement {
  cursor.expect(Kw.KEYSPACE)
  const ifNotExists = cursor.ifNotExists()
  const keyspace = cursor.schemaName('keyspace')
  cursor.expect(Kw.WITH)
  return { kind: 'create_keyspace', keyspace, ifNotExists, properties: parseProperties(cursor) }
}

interface TableOptions {
  readonly clusteringOrder: ClusteringOrder[]
  readonly properties: Property[]
  compactStorage: boolean
}

/** `WITH tableProperty (AND tableProperty)*`, of tables and views. */
function parseTableOptions(cursor: TokenCursor): TableOptions {
  const options: TableOptions = { clusteringOrder: [], properties: [], compactStorage: false }
  if (!cursor.accept(Kw.WITH)) return options
  do {
    if (cursor.kind === Kw.COMPACT && cursor.peek(1) === Kw.STORAGE) {
      cursor.advance()
      cursor.advance()
      options.compactStorage = true
    } else if (cursor.kind === Kw.CLUSTERING && cursor.peek(1) === Kw.ORDER) {
      cursor.advance()
      cursor.advance()
      cursor.expect(Kw.BY)
      cursor.expect(Token.OPEN)
      options.clusteringOrder.push(...cursor.list(() => parseClusteringOrder(cursor)))
      cursor.expect(Token.CLOSE)
    } else {
      options.properties.push(parseProperty(cursor))
    }
  } while (cursor.accept(Kw.AND))
  checkProperties(cursor, options.properties)
  return options
}

function parseClusteringOrder(cursor: TokenCursor): ClusteringOrder {
  const column = cursor.name('a column name')
  if (cursor.accept(Kw.DESC)) return { column, descending: true }
  if (!cursor.accept(Kw.ASC)) throw cursor.unexpected('ASC or DESC')
  return { column, descending: false }
}

function parseCreateTable(cursor: TokenCursor): CreateTableStatement {
  cursor.expect(Kw.COLUMNFAMILY)
  const ifNotExists = cursor.ifNotExists()
  const table = cursor.qualifiedName()
  const columns: ColumnDefinition[] = []
  const primaryKeys: PrimaryKey[] = []
  cursor.expect(Token.OPEN)
  parseTableItem(cursor, columns, primaryKeys)
  while (cursor.accept(Token.COMMA)) {
    if (cursor.kind !== Token.CLOSE && cursor.kind !== Token.COMMA)
      parseTableItem(cursor, columns, primaryKeys)
  }
  cursor.expect(Token.CLOSE)
  const options = parseTableOptions(cursor)
  return { kind: 'create_table', table, ifNotExists, columns, primaryKeys, ...options }
}

function parseTableItem(
  cursor: TokenCursor,
  columns: ColumnDefinition[],
  primaryKeys: PrimaryKey[],
): void {
  if (cursor.kind === Kw.PRIMARY) {
    primaryKeys.push({ ...parsePrimaryKey(cursor), inline: false })
    return
  }
  const column = parseColumnDefinition(cursor)
  columns.push(column)
  if (cursor.acceptAll(Kw.PRIMARY, Kw.KEY)) {
    primaryKeys.push({ partitionKey: [column.name], clusteringKey: [], inline: true })
  }
}

/** `name type [STATIC] [mask]` */
export function parseColumnDefinition(cursor: TokenCursor): ColumnDefinition {
  const name = cursor.name('a column name')
  const type = parseType(cursor)
  const isStatic = cursor.accept(Kw.STATIC)
  return { name, type, isStatic, mask: cursor.kind === Kw.MASKED ? parseMask(cursor) : undefined }
}

/** `columnMask` of Parser.g. */
export function parseMask(cursor: TokenCursor): ColumnMask {
  cursor.expect(Kw.MASKED)
  cursor.expect(Kw.WITH)
  if (cursor.accept(Kw.DEFAULT)) return { call: undefined }
  const { keyspace, name } = parseFunctionName(cursor)
  cursor.expect(Token.OPEN)
  const args = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseTerm(cursor))
  cursor.expect(Token.CLOSE)
  return { call: { keyspace, name, args } }
}

function parsePrimaryKey(cursor: TokenCursor): { partitionKey: string[]; clusteringKey: string[] } {
  cursor.expect(Kw.PRIMARY)
  cursor.expect(Kw.KEY)
  cursor.expect(Token.OPEN)
  let partitionKey: string[]
  if (cursor.accept(Token.OPEN)) {
    partitionKey = cursor.list(() => cursor.name('a column name'))
    cursor.expect(Token.CLOSE)
  } else {
    partitionKey = [cursor.name("a column name or '('")]
  }
  const clusteringKey: string[] = []
  while (cursor.accept(Token.COMMA)) clusteringKey.push(cursor.name('a column name'))
  cursor.expect(Token.CLOSE)
  return { partitionKey, clusteringKey }
}

function parseCreateType(cursor: TokenCursor): CreateTypeStatement {
  cursor.expect(Kw.TYPE)
  const ifNotExists = cursor.ifNotExists()
  const type = parseUserTypeName(cursor)
  const field = () => ({ name: cursor.name('a field name'), type: parseType(cursor) })
  cursor.expect(Token.OPEN)
  const fields = [field()]
  while (cursor.accept(Token.COMMA)) {
    if (cursor.kind !== Token.CLOSE && cursor.kind !== Token.COMMA) fields.push(field())
  }
  cursor.expect(Token.CLOSE)
  return { kind: 'create_type', type, ifNotExists, fields }
}

function parseCreateIndex(cursor: TokenCursor): CreateIndexStatement {
  const isCustom = cursor.accept(Kw.CUSTOM)
  cursor.expect(Kw.INDEX)
  const ifNotExists = cursor.ifNotExists()
  const index =
    cursor.kind === Kw.ON ? undefined : { keyspace: undefined, name: cursor.schemaName('index') }
  cursor.expect(Kw.ON)
  const table = cursor.qualifiedName()
  cursor.expect(Token.OPEN)
  const targets = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseIndexTarget(cursor))
  cursor.expect(Token.CLOSE)
  const className = cursor.accept(Kw.USING) ? cursor.string() : undefined
  const properties = cursor.accept(Kw.WITH) ? parseProperties(cursor) : []
  return {
    kind: 'create_index',
    index,
    table,
    isCustom,
    ifNotExists,
    targets,
    className,
    properties,
  }
}

const targetParts: { readonly [kind: number]: IndexTarget['part'] } = {
  [Kw.VALUES]: 'values',
  [Kw.KEYS]: 'keys',
  [Kw.ENTRIES]: 'entries',
  [Kw.FULL]: 'full',
}

function parseIndexTarget(cursor: TokenCursor): IndexTarget {
  const part = cursor.peek(1) === Token.OPEN ? targetParts[cursor.kind] : undefined
  if (part === undefined) return { column: cursor.columnName(), part }
  cursor.advance()
  cursor.expect(Token.OPEN)
  const column = cursor.columnName()
  cursor.expect(Token.CLOSE)
  return { column, part }
}

function parseCreateView(cursor: TokenCursor): CreateViewStatement {
  cursor.expect(Kw.MATERIALIZED)
  cursor.expect(Kw.VIEW)
  const ifNotExists = cursor.ifNotExists()
  const view = cursor.qualifiedName()
  cursor.expect(Kw.AS)
  cursor.expect(Kw.SELECT)
  const selectors = parseSelectors(cursor)
  cursor.expect(Kw.FROM)
  const table = cursor.qualifiedName()
  const where = cursor.accept(Kw.WHERE) ? parseWhere(cursor) : []
  const key = parsePrimaryKey(cursor)
  const options = parseTableOptions(cursor)
  return { kind: 'create_view', view, ifNotExists, selectors, table, where, ...key, ...options }
}

function parseCreateTrigger(cursor: TokenCursor): CreateTriggerStatement {
  cursor.expect(Kw.TRIGGER)
  const ifNotExists = cursor.ifNotExists()
  const name = cursor.name('a trigger name')
  cursor.expect(Kw.ON)
  const table = cursor.qualifiedName()
  cursor.expect(Kw.USING)
  return { kind: 'create_trigger', name, table, ifNotExists, className: cursor.string() }
}

function parseCreateFunction(cursor: TokenCursor, orReplace: boolean): CreateFunctionStatement {
  cursor.expect(Kw.FUNCTION)
  const ifNotExists = cursor.ifNotExists()
  const { keyspace, name } = parseFunctionName(cursor)
  cursor.expect(Token.OPEN)
  const argument = () => ({ name: cursor.name('an argument name'), type: parseType(cursor) })
  const args = cursor.kind === Token.CLOSE ? [] : cursor.list(argument)
  cursor.expect(Token.CLOSE)
  const calledOnNull = cursor.accept(Kw.CALLED)
  if (!calledOnNull && !cursor.acceptAll(Kw.RETURNS, Kw.NULL)) {
    throw cursor.unexpected('RETURNS NULL ON NULL INPUT or CALLED ON NULL INPUT')
  }
  cursor.expect(Kw.ON)
  cursor.expect(Kw.NULL)
  cursor.expect(Kw.INPUT)
  cursor.expect(Kw.RETURNS)
  const returns = parseType(cursor)
  cursor.expect(Kw.LANGUAGE)
  if (cursor.kind !== Token.NAME) throw cursor.unexpected('the name of a language')
  const language = cursor.takeName()
  cursor.expect(Kw.AS)
  const body = cursor.string()
  return {
    kind: 'create_function',
    keyspace,
    name,
    orReplace,
    ifNotExists,
    args,
    calledOnNull,
    returns,
    language,
    body,
  }
}

function parseCreateAggregate(cursor: TokenCursor, orReplace: boolean): CreateAggregateStatement {
  cursor.expect(Kw.AGGREGATE)
  const ifNotExists = cursor.ifNotExists()
  const { keyspace, name } = parseFunctionName(cursor)
  cursor.expect(Token.OPEN)
  const argumentTypes = cursor.kind === Token.CLOSE ? [] : cursor.list(() => parseType(cursor))
  cursor.expect(Token.CLOSE)
  cursor.expect(Kw.SFUNC)
  const stateFunction = takeFunctionName(cursor)
  cursor.expect(Kw.STYPE)
  const stateType = parseType(cursor)
  const finalFunction = cursor.accept(Kw.FINALFUNC) ? takeFunctionName(cursor) : undefined
  const initialCondition = cursor.accept(Kw.INITCOND) ? parseTerm(cursor) : undefined
  return {
    kind: 'create_aggregate',
    function: { keyspace, name, argumentTypes },
    orReplace,
    ifNotExists,
    stateFunction,
    stateType,
    finalFunction,
    initialCondition,
  }
}
