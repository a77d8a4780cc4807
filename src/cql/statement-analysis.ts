import { CqlSyntaxError } from '../errors/index.ts'
import type { MarkerClause, MarkerFacts, MarkerOperator } from '../types/index.ts'
import type {
  Access,
  DataStatement,
  Expression,
  FunctionCall,
  ModificationStatement,
  Relation,
} from './ast.ts'
import { foldIdentifier } from './identifiers.ts'
import { type TokenList, tokenize } from './lexer.ts'
import { describeMarkers, forEachOperand, type MarkerSpelling } from './markers.ts'
import { parseDataStatement } from './parser/data-statement.ts'
import { Kw, Token, WordUse, wordUse } from './tokens.ts'

/** `ddl` is CREATE, ALTER and DROP of anything. */
export type StatementKind =
  | 'select'
  | 'insert'
  | 'update'
  | 'delete'
  | 'batch'
  | 'use'
  | 'ddl'
  | 'other'

/** Facts about a statement that its text alone shows, without a schema. */
export interface StatementFacts {
  readonly kind: StatementKind
  /** Keyspace written before the table; of USE the keyspace. */
  readonly keyspace: string | undefined
  /** Table of SELECT, INSERT, UPDATE, DELETE and TRUNCATE. */
  readonly table: string | undefined
  /** Whether it is an LWT: IF in it or in a part of a batch. */
  readonly isConditional: boolean
  readonly hasUsingTimestamp: boolean
  /** `c = c ± v`: of a counter, or of a collection. Counters take no timestamp from the client. */
  readonly mayUpdateCounter: boolean
  /** Whether repeating it is harmless, as far as the text alone shows it. */
  readonly isIdempotent: boolean
  /**
   * Whether repeating it is harmless provided every marker of the clause `element` is the key of a
   * map, which the marker names of the server (`key(…)`) show after PREPARE.
   */
  readonly isIdempotentForMapKeys: boolean
  readonly markers: readonly MarkerFacts[]
  /** Whether it was parsed. The facts of other texts come from their tokens alone. */
  readonly isUnderstood: boolean
}

/**
 * Reads the facts of any text, including text that the parser refuses: servers have extensions
 * (Scylla's `USING TIMEOUT`, `BYPASS CACHE`), and the server decides what is valid.
 */
export function analyzeStatement(text: string): StatementFacts {
  try {
    const parsed = parseDataStatement(text)
    if (parsed !== undefined) {
      const { statement, markers } = parsed
      return factsOfStatement(statement, describeMarkers(statement, markers))
    }
  } catch (error) {
    if (!(error instanceof CqlSyntaxError)) throw error
  }
  return factsOfTokens(tokenize(text))
}

function factsOfStatement(
  statement: DataStatement,
  markers: readonly MarkerFacts[],
): StatementFacts {
  const parts = partsOf(statement)
  const isSelect = statement.kind === 'select'
  const isCounterBatch = statement.kind === 'batch' && statement.type === 'counter'
  const isHarmless = (mapKeys: boolean): boolean =>
    isSelect ||
    (parts.length > 0 && !isCounterBatch && parts.every((part) => isIdempotent(part, mapKeys)))
  const using = 'using' in statement ? statement.using : undefined
  return {
    kind: kindOf(statement),
    ...targetOf(statement),
    isConditional: parts.some(isConditional),
    hasUsingTimestamp:
      using?.timestamp !== undefined || parts.some((part) => part.using.timestamp !== undefined),
    mayUpdateCounter: isCounterBatch || parts.some(mayUpdateCounter),
    isIdempotent: isHarmless(false),
    isIdempotentForMapKeys: isHarmless(true),
    markers,
    isUnderstood: true,
  }
}

function partsOf(statement: DataStatement): readonly ModificationStatement[] {
  switch (statement.kind) {
    case 'insert':
    case 'insert_json':
    case 'update':
    case 'delete':
      return [statement]
    case 'batch':
      return statement.statements
    default:
      return []
  }
}

function kindOf({ kind }: DataStatement): StatementKind {
  if (kind === 'insert_json') return 'insert'
  return kind === 'truncate' ? 'other' : kind
}

function targetOf(statement: DataStatement): {
  keyspace: string | undefined
  table: string | undefined
} {
  switch (statement.kind) {
    case 'select':
    case 'insert':
    case 'insert_json':
    case 'update':
    case 'delete':
    case 'truncate':
      return { keyspace: statement.table.keyspace, table: statement.table.name }
    case 'use':
      return { keyspace: statement.keyspace, table: undefined }
    case 'batch':
      return { keyspace: undefined, table: undefined }
  }
}

function isConditional(part: ModificationStatement): boolean {
  return 'ifNotExists' in part ? part.ifNotExists : part.condition !== undefined
}

function mayUpdateCounter(part: ModificationStatement): boolean {
  if (part.kind !== 'update') return false
  return part.assignments.some(
    ({ operation, value }) =>
      (operation === 'add' || operation === 'subtract') && !collectionKinds.has(value.kind),
  )
}

/** Literals that cannot be added to a counter. */
const collectionKinds: ReadonlySet<Expression['kind']> = new Set(['list', 'set', 'map', 'udt'])

/** Functions whose result depends only on their arguments. All others are not repeatable. */
const pureFunctions: ReadonlySet<string> = new Set([
  'token',
  'to_date',
  'to_timestamp',
  'to_unix_timestamp',
  'todate',
  'totimestamp',
  'tounixtimestamp',
  'dateof',
  'unixtimestampof',
  'min_timeuuid',
  'max_timeuuid',
  'mintimeuuid',
  'maxtimeuuid',
  'to_json',
  'tojson',
  'abs',
  'exp',
  'log',
  'log10',
  'round',
])
const blobFunction = /^(?:[a-z]+_?as_?blob|blob_?as_?[a-z]+)$/

/** Deny by default: only what is known to have the same effect every time. */
function isIdempotent(part: ModificationStatement, mapKeys: boolean): boolean {
  if (isConditional(part)) return false
  switch (part.kind) {
    case 'insert':
      return part.values.every(isRepeatableValue)
    case 'insert_json':
      // It may have lists in it.
      return false
    case 'update':
      return (
        part.where.every(isRepeatableRelation) &&
        part.assignments.every(
          ({ operation, access, value }) =>
            operation === 'set' && isRepeatableValue(value) && isRepeatableAccess(access, mapKeys),
        )
      )
    case 'delete':
      return (
        part.where.every(isRepeatableRelation) &&
        part.targets.every(({ access }) => isRepeatableAccess(access, mapKeys))
      )
  }
}

/**
 * A list that is assigned again at the same timestamp is there twice: its elements have new places,
 * and the deletion before them is one microsecond older (Lists.Setter). A literal in brackets may
 * be a list; the type of a marker is known after PREPARE.
 */
function isRepeatableValue(value: Expression): boolean {
  const written = value.kind === 'hint' || value.kind === 'cast' ? value.value : value
  return written.kind !== 'list' && isRepeatable(value)
}

/** `ck = now()` names another row every time. */
function isRepeatableRelation(relation: Relation): boolean {
  if ('key' in relation && !isRepeatable(relation.key)) return false
  if ('value' in relation) return isRepeatable(relation.value)
  return !('values' in relation) || [relation.values].flat().every(isRepeatable)
}

/** An integer or an expression may be the index of a list, whose elements move. */
function isRepeatableAccess(access: Access | undefined, mapKeys: boolean): boolean {
  if (access?.kind !== 'element') return true
  const { key } = access
  if (key.kind === 'marker') return mapKeys
  return key.kind === 'constant' && key.type !== 'integer'
}

function isRepeatable(value: Expression): boolean {
  // A sum may have thousands of terms, each within the one before: no recursion.
  const pending = [value]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.kind === 'call' && !isPure(next)) return false
    forEachOperand(next, (operand) => pending.push(operand))
  }
  return true
}

function isPure({ keyspace, name }: FunctionCall): boolean {
  if (keyspace !== undefined && keyspace !== 'system') return false
  return pureFunctions.has(name) || blobFunction.test(name)
}

function tokenText(tokens: TokenList, index: number): string {
  return tokens.text.slice(tokens.starts[index], tokens.ends[index])
}

function isNameToken(kind: number): boolean {
  return kind === Token.NAME || kind === Token.QUOTED_NAME || wordUse(kind) !== WordUse.RESERVED
}

/** Whether a marker begins at that token; a colon may also stand in a map literal. */
function isMarkerAt(tokens: TokenList, index: number): boolean {
  const { kinds, starts, ends } = tokens
  if (kinds[index] === Token.QUESTION) return true
  if (kinds[index] !== Token.COLON || !isNameToken(kinds[index + 1]!)) return false
  // `{a: b(…)}` has a name after its colon too, but never one that could be a marker's place:
  // before a marker stands an operator, a bracket, a comma, another colon or a keyword.
  const before = index === 0 ? Token.END : kinds[index - 1]!
  const endsValue =
    before === Token.STRING ||
    before === Token.INTEGER ||
    before === Token.UUID ||
    before === Token.FLOAT ||
    before === Token.HEX ||
    before === Token.BOOLEAN ||
    before === Token.CLOSE ||
    before === Token.CLOSE_CURLY ||
    before === Token.CLOSE_SQUARE ||
    before === Token.QUESTION ||
    before === Token.NAME ||
    before === Token.QUOTED_NAME
  return !endsValue || (starts[index + 1] === ends[index] && wordUse(before) !== 0)
}

function markerSpellings(tokens: TokenList): MarkerSpelling[] {
  const spellings: MarkerSpelling[] = []
  for (let i = 0; i < tokens.kinds.length; i++) {
    if (!isMarkerAt(tokens, i)) continue
    if (tokens.kinds[i] === Token.QUESTION) {
      spellings.push({ name: undefined, isQuoted: false })
    } else {
      const isQuoted = tokens.kinds[i + 1] === Token.QUOTED_NAME
      const written = tokenText(tokens, i + 1)
      const name = isQuoted ? written.slice(1, -1).replaceAll('""', '"') : written
      spellings.push({ name, isQuoted })
      i++
    }
  }
  return spellings
}

const kindsByFirstWord: { readonly [kind: number]: StatementKind } = {
  [Kw.SELECT]: 'select',
  [Kw.INSERT]: 'insert',
  [Kw.UPDATE]: 'update',
  [Kw.DELETE]: 'delete',
  [Kw.BEGIN]: 'batch',
  [Kw.USE]: 'use',
  [Kw.CREATE]: 'ddl',
  [Kw.ALTER]: 'ddl',
  [Kw.DROP]: 'ddl',
}

function factsOfTokens(tokens: TokenList): StatementFacts {
  const kind = kindsByFirstWord[tokens.kinds[0]!] ?? 'other'
  const hasIf = tokens.kinds.includes(Kw.IF)
  return {
    kind,
    keyspace: undefined,
    table: undefined,
    isConditional:
      hasIf && (kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'batch'),
    hasUsingTimestamp: tokens.kinds.includes(Kw.USING) && tokens.kinds.includes(Kw.TIMESTAMP),
    mayUpdateCounter: kind === 'update' || kind === 'batch',
    isIdempotent: kind === 'select',
    isIdempotentForMapKeys: kind === 'select',
    markers: markersOfTokens(tokens, markerSpellings(tokens)),
    isUnderstood: false,
  }
}

const comparisons: { readonly [kind: number]: MarkerOperator } = {
  [Token.EQUAL]: '=',
  [Token.LESS]: '<',
  [Token.LESS_EQUAL]: '<=',
  [Token.GREATER]: '>',
  [Token.GREATER_EQUAL]: '>=',
  [Token.NOT_EQUAL]: '!=',
  [Kw.IN]: 'in',
  [Kw.CONTAINS]: 'contains',
  [Kw.LIKE]: 'like',
}

const valueClauses: { readonly [kind: number]: MarkerClause } = {
  [Kw.LIMIT]: 'limit',
  [Kw.TTL]: 'ttl',
  [Kw.TIMESTAMP]: 'timestamp',
  [Kw.JSON]: 'json',
}

const sections: { readonly [kind: number]: MarkerClause } = {
  [Kw.SET]: 'set',
  [Kw.WHERE]: 'where',
  [Kw.IF]: 'if',
  [Kw.VALUES]: 'insert',
}

/** The places of markers as the tokens around them suggest them. */
function markersOfTokens(tokens: TokenList, spellings: readonly MarkerSpelling[]): MarkerFacts[] {
  const { kinds } = tokens
  const columns = insertedColumns(tokens)
  const facts: MarkerFacts[] = []
  let section: MarkerClause = 'other'
  let valueIndex = 0
  let depth = 0
  for (let i = 0; i < kinds.length && facts.length < spellings.length; i++) {
    const kind = kinds[i]!
    if (sections[kind] !== undefined) {
      section = sections[kind]
      depth = 0
    }
    if (kind === Token.OPEN) depth++
    if (kind === Token.CLOSE && --depth === 0 && section === 'insert') section = 'other'
    if (kind === Token.COMMA && section === 'insert' && depth === 1) valueIndex++
    if (!isMarkerAt(tokens, i)) continue
    const index = facts.length
    const spelling = spellings[index]!
    const place = placeOfToken(tokens, i, section, columns[valueIndex])
    facts.push({ index, ...spelling, ...place, isWhole: place.clause !== 'other' })
    if (kind === Token.COLON) i++
  }
  return facts
}

function placeOfToken(
  tokens: TokenList,
  index: number,
  section: MarkerClause,
  inserted: string | undefined,
): Pick<MarkerFacts, 'clause' | 'column' | 'operator'> {
  const { kinds } = tokens
  const none = { column: undefined, operator: undefined }
  const before = kinds[index - 1] ?? Token.END
  if (section === 'insert') return { clause: 'insert', column: inserted, operator: undefined }
  const clause = valueClauses[before]
  if (clause !== undefined) {
    const isPerPartition = clause === 'limit' && kinds[index - 2] === Kw.PARTITION
    return { clause: isPerPartition ? 'perPartitionLimit' : clause, ...none }
  }
  const operator = comparisons[before]
  if (section === 'other' || operator === undefined || !isNameToken(kinds[index - 2] ?? 0)) {
    return { clause: 'other', ...none }
  }
  const column = foldIdentifier(tokenText(tokens, index - 2))
  return { clause: section, column, operator: section === 'set' ? undefined : operator }
}

/** The column list of an INSERT. */
function insertedColumns(tokens: TokenList): string[] {
  const { kinds } = tokens
  const open = kinds.indexOf(Token.OPEN)
  if (kinds[0] !== Kw.INSERT || open === -1) return []
  const columns: string[] = []
  for (let i = open + 1; kinds[i] !== Token.CLOSE && kinds[i] !== Token.END; i++) {
    if (kinds[i] !== Token.COMMA) columns.push(foldIdentifier(tokenText(tokens, i)))
  }
  return columns
}
