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

export function parseCreate(c: TokenCursor): CqlStatement {
  c.expect(Kw.CREATE)
  const orReplace = c.acceptAll(Kw.OR, Kw.REPLACE)
  if (orReplace && c.kind !== Kw.FUNCTION && c.kind !== Kw.AGGREGATE) {
    throw c.unexpected('FUNCTION or AGGREGATE')
  }
  switch (c.kind) {
    case Kw.KEYSPACE:
      return parseCreateKeyspace(c)
    case Kw.COLUMNFAMILY:
      return parseCreateTable(c)
    case Kw.TYPE:
      return parseCreateType(c)
    case Kw.CUSTOM:
    case Kw.INDEX:
      return parseCreateIndex(c)
    case Kw.MATERIALIZED:
      return parseCreateView(c)
    case Kw.TRIGGER:
      return parseCreateTrigger(c)
    case Kw.FUNCTION:
      return parseCreateFunction(c, orReplace)
    case Kw.AGGREGATE:
      return parseCreateAggregate(c, orReplace)
    case Kw.ROLE:
      return parseRole(c, 'create_role')
    case Kw.USER:
      return parseUser(c, 'create_user')
    default:
      throw c.unexpected('KEYSPACE, TABLE, TYPE, INDEX, MATERIALIZED VIEW, FUNCTION, AGGREGATE, …')
  }
}

/** `properties` of Parser.g. */
export function parseProperties(c: TokenCursor): Property[] {
  const properties: Property[] = [parseProperty(c)]
  while (c.accept(Kw.AND)) properties.push(parseProperty(c))
  checkProperties(c, properties)
  return properties
}

function checkProperties(c: TokenCursor, properties: readonly Property[]): void {
  const names = new Set<string>()
  for (const { name } of properties) {
    if (names.has(name)) throw c.refuse(`Multiple definitions for property '${name}'`)
    names.add(name)
  }
}

function parseProperty(c: TokenCursor): Property {
  const name = c.name('a property')
  c.expect(Token.EQUAL)
  if (c.kind === Token.OPEN_CURLY) {
    return { name, value: { kind: 'map', entries: parseMapEntries(c) } }
  }
  const constant = tryConstant(c)
  if (constant !== undefined) return { name, value: { kind: 'text', constant } }
  if (wordUse(c.kind) === 0) throw c.unexpected('a constant, a word or a map')
  const word = keywordText(c.kind)
  c.advance()
  return { name, value: { kind: 'text', constant: word } }
}

function parseCreateKeyspace(c: TokenCursor): CreateKeyspaceStatement {
  c.expect(Kw.KEYSPACE)
  const ifNotExists = c.ifNotExists()
  const keyspace = c.schemaName('keyspace')
  c.expect(Kw.WITH)
  return { kind: 'create_keyspace', keyspace, ifNotExists, properties: parseProperties(c) }
}

interface TableOptions {
  readonly clusteringOrder: ClusteringOrder[]
  readonly properties: Property[]
  compactStorage: boolean
}

/** `WITH tableProperty (AND tableProperty)*`, of tables and views. */
function parseTableOptions(c: TokenCursor): TableOptions {
  const options: TableOptions = { clusteringOrder: [], properties: [], compactStorage: false }
  if (!c.accept(Kw.WITH)) return options
  do {
    if (c.kind === Kw.COMPACT && c.peek(1) === Kw.STORAGE) {
      c.advance()
      c.advance()
      options.compactStorage = true
    } else if (c.kind === Kw.CLUSTERING && c.peek(1) === Kw.ORDER) {
      c.advance()
      c.advance()
      c.expect(Kw.BY)
      c.expect(Token.OPEN)
      options.clusteringOrder.push(...c.list(() => parseClusteringOrder(c)))
      c.expect(Token.CLOSE)
    } else {
      options.properties.push(parseProperty(c))
    }
  } while (c.accept(Kw.AND))
  checkProperties(c, options.properties)
  return options
}

function parseClusteringOrder(c: TokenCursor): ClusteringOrder {
  const column = c.name('a column name')
  if (c.accept(Kw.DESC)) return { column, descending: true }
  if (!c.accept(Kw.ASC)) throw c.unexpected('ASC or DESC')
  return { column, descending: false }
}

function parseCreateTable(c: TokenCursor): CreateTableStatement {
  c.expect(Kw.COLUMNFAMILY)
  const ifNotExists = c.ifNotExists()
  const table = c.qualifiedName()
  const columns: ColumnDefinition[] = []
  const primaryKeys: PrimaryKey[] = []
  c.expect(Token.OPEN)
  parseTableItem(c, columns, primaryKeys)
  while (c.accept(Token.COMMA)) {
    if (c.kind !== Token.CLOSE && c.kind !== Token.COMMA) parseTableItem(c, columns, primaryKeys)
  }
  c.expect(Token.CLOSE)
  const options = parseTableOptions(c)
  return { kind: 'create_table', table, ifNotExists, columns, primaryKeys, ...options }
}

function parseTableItem(
  c: TokenCursor,
  columns: ColumnDefinition[],
  primaryKeys: PrimaryKey[],
): void {
  if (c.kind === Kw.PRIMARY) {
    primaryKeys.push({ ...parsePrimaryKey(c), inline: false })
    return
  }
  const column = parseColumnDefinition(c)
  columns.push(column)
  if (c.acceptAll(Kw.PRIMARY, Kw.KEY)) {
    primaryKeys.push({ partitionKey: [column.name], clusteringKey: [], inline: true })
  }
}

/** `name type [STATIC] [mask]` */
export function parseColumnDefinition(c: TokenCursor): ColumnDefinition {
  const name = c.name('a column name')
  const type = parseType(c)
  const isStatic = c.accept(Kw.STATIC)
  return { name, type, isStatic, mask: c.kind === Kw.MASKED ? parseMask(c) : undefined }
}

/** `columnMask` of Parser.g. */
export function parseMask(c: TokenCursor): ColumnMask {
  c.expect(Kw.MASKED)
  c.expect(Kw.WITH)
  if (c.accept(Kw.DEFAULT)) return { call: undefined }
  const { keyspace, name } = parseFunctionName(c)
  c.expect(Token.OPEN)
  const args = c.kind === Token.CLOSE ? [] : c.list(() => parseTerm(c))
  c.expect(Token.CLOSE)
  return { call: { keyspace, name, args } }
}

function parsePrimaryKey(c: TokenCursor): { partitionKey: string[]; clusteringKey: string[] } {
  c.expect(Kw.PRIMARY)
  c.expect(Kw.KEY)
  c.expect(Token.OPEN)
  let partitionKey: string[]
  if (c.accept(Token.OPEN)) {
    partitionKey = c.list(() => c.name('a column name'))
    c.expect(Token.CLOSE)
  } else {
    partitionKey = [c.name("a column name or '('")]
  }
  const clusteringKey: string[] = []
  while (c.accept(Token.COMMA)) clusteringKey.push(c.name('a column name'))
  c.expect(Token.CLOSE)
  return { partitionKey, clusteringKey }
}

function parseCreateType(c: TokenCursor): CreateTypeStatement {
  c.expect(Kw.TYPE)
  const ifNotExists = c.ifNotExists()
  const type = parseUserTypeName(c)
  const field = () => ({ name: c.name('a field name'), type: parseType(c) })
  c.expect(Token.OPEN)
  const fields = [field()]
  while (c.accept(Token.COMMA)) {
    if (c.kind !== Token.CLOSE && c.kind !== Token.COMMA) fields.push(field())
  }
  c.expect(Token.CLOSE)
  return { kind: 'create_type', type, ifNotExists, fields }
}

function parseCreateIndex(c: TokenCursor): CreateIndexStatement {
  const isCustom = c.accept(Kw.CUSTOM)
  c.expect(Kw.INDEX)
  const ifNotExists = c.ifNotExists()
  const index = c.kind === Kw.ON ? undefined : { keyspace: undefined, name: c.schemaName('index') }
  c.expect(Kw.ON)
  const table = c.qualifiedName()
  c.expect(Token.OPEN)
  const targets = c.kind === Token.CLOSE ? [] : c.list(() => parseIndexTarget(c))
  c.expect(Token.CLOSE)
  const className = c.accept(Kw.USING) ? c.string() : undefined
  const properties = c.accept(Kw.WITH) ? parseProperties(c) : []
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

function parseIndexTarget(c: TokenCursor): IndexTarget {
  const part = c.peek(1) === Token.OPEN ? targetParts[c.kind] : undefined
  if (part === undefined) return { column: c.columnName(), part }
  c.advance()
  c.expect(Token.OPEN)
  const column = c.columnName()
  c.expect(Token.CLOSE)
  return { column, part }
}

function parseCreateView(c: TokenCursor): CreateViewStatement {
  c.expect(Kw.MATERIALIZED)
  c.expect(Kw.VIEW)
  const ifNotExists = c.ifNotExists()
  const view = c.qualifiedName()
  c.expect(Kw.AS)
  c.expect(Kw.SELECT)
  const selectors = parseSelectors(c)
  c.expect(Kw.FROM)
  const table = c.qualifiedName()
  const where = c.accept(Kw.WHERE) ? parseWhere(c) : []
  const key = parsePrimaryKey(c)
  const options = parseTableOptions(c)
  return { kind: 'create_view', view, ifNotExists, selectors, table, where, ...key, ...options }
}

function parseCreateTrigger(c: TokenCursor): CreateTriggerStatement {
  c.expect(Kw.TRIGGER)
  const ifNotExists = c.ifNotExists()
  const name = c.name('a trigger name')
  c.expect(Kw.ON)
  const table = c.qualifiedName()
  c.expect(Kw.USING)
  return { kind: 'create_trigger', name, table, ifNotExists, className: c.string() }
}

function parseCreateFunction(c: TokenCursor, orReplace: boolean): CreateFunctionStatement {
  c.expect(Kw.FUNCTION)
  const ifNotExists = c.ifNotExists()
  const { keyspace, name } = parseFunctionName(c)
  c.expect(Token.OPEN)
  const argument = () => ({ name: c.name('an argument name'), type: parseType(c) })
  const args = c.kind === Token.CLOSE ? [] : c.list(argument)
  c.expect(Token.CLOSE)
  const calledOnNull = c.accept(Kw.CALLED)
  if (!calledOnNull && !c.acceptAll(Kw.RETURNS, Kw.NULL)) {
    throw c.unexpected('RETURNS NULL ON NULL INPUT or CALLED ON NULL INPUT')
  }
  c.expect(Kw.ON)
  c.expect(Kw.NULL)
  c.expect(Kw.INPUT)
  c.expect(Kw.RETURNS)
  const returns = parseType(c)
  c.expect(Kw.LANGUAGE)
  if (c.kind !== Token.NAME) throw c.unexpected('the name of a language')
  const language = c.takeName()
  c.expect(Kw.AS)
  const body = c.string()
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

function parseCreateAggregate(c: TokenCursor, orReplace: boolean): CreateAggregateStatement {
  c.expect(Kw.AGGREGATE)
  const ifNotExists = c.ifNotExists()
  const { keyspace, name } = parseFunctionName(c)
  c.expect(Token.OPEN)
  const argumentTypes = c.kind === Token.CLOSE ? [] : c.list(() => parseType(c))
  c.expect(Token.CLOSE)
  c.expect(Kw.SFUNC)
  const stateFunction = takeFunctionName(c)
  c.expect(Kw.STYPE)
  const stateType = parseType(c)
  const finalFunction = c.accept(Kw.FINALFUNC) ? takeFunctionName(c) : undefined
  const initialCondition = c.accept(Kw.INITCOND) ? parseTerm(c) : undefined
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
