import { reservedWords } from '../types/index.ts'

/*
 * Words with a meaning in the grammar (Cassandra 5 Lexer.g); `TABLE` and `SCHEMA` are synonyms.
 */

// Names everywhere but where a user type is named.
const unreservedWords = [
  'TTL',
  'COUNT',
  'WRITETIME',
  'MAXWRITETIME',
  'KEY',
  'CAST',
  'JSON',
  'DISTINCT',
] as const
// Native types.
const typeWords = [
  'ASCII',
  'BIGINT',
  'BLOB',
  'BOOLEAN',
  'COUNTER',
  'DECIMAL',
  'DOUBLE',
  'DURATION',
  'FLOAT',
  'INET',
  'INT',
  'SMALLINT',
  'TEXT',
  'TIMESTAMP',
  'TINYINT',
  'UUID',
  'VARCHAR',
  'VARINT',
  'TIMEUUID',
  'DATE',
  'TIME',
] as const
// Basic unreserved words: names everywhere.
const basicWords = [
  'KEYS',
  'AS',
  'CLUSTER',
  'CLUSTERING',
  'COMPACT',
  'STORAGE',
  'TABLES',
  'TYPE',
  'TYPES',
  'VALUES',
  'MAP',
  'LIST',
  'FILTERING',
  'PERMISSION',
  'PERMISSIONS',
  'KEYSPACES',
  'ALL',
  'USER',
  'USERS',
  'ROLE',
  'ROLES',
  'IDENTITY',
  'SUPERUSER',
  'NOSUPERUSER',
  'LOGIN',
  'NOLOGIN',
  'OPTIONS',
  'PASSWORD',
  'HASHED',
  'EXISTS',
  'CUSTOM',
  'TRIGGER',
  'CONTAINS',
  'INTERNALS',
  'ONLY',
  'STATIC',
  'FROZEN',
  'TUPLE',
  'FUNCTION',
  'FUNCTIONS',
  'AGGREGATE',
  'AGGREGATES',
  'SFUNC',
  'STYPE',
  'FINALFUNC',
  'INITCOND',
  'RETURNS',
  'LANGUAGE',
  'CALLED',
  'INPUT',
  'LIKE',
  'PER',
  'PARTITION',
  'GROUP',
  'DATACENTERS',
  'CIDRS',
  'ACCESS',
  'DEFAULT',
  'MBEAN',
  'MBEANS',
  'REPLACE',
  'UNSET',
  'MASKED',
  'UNMASK',
  'SELECT_MASKED',
  'VECTOR',
  'ANN',
] as const

export type Keyword =
  | (typeof reservedWords)[number]
  | (typeof unreservedWords)[number]
  | (typeof typeWords)[number]
  | (typeof basicWords)[number]

const keywordList: readonly Keyword[] = [
  ...reservedWords,
  ...unreservedWords,
  ...typeWords,
  ...basicWords,
]

/** Kinds of tokens that are not keywords. Keywords follow from {@link keywordKindMin} on. */
export const Token = {
  END: 0,
  NAME: 1,
  QUOTED_NAME: 2,
  EMPTY_QUOTED_NAME: 3,
  STRING: 4,
  INTEGER: 5,
  FLOAT: 6,
  BOOLEAN: 7,
  DURATION: 8,
  UUID: 9,
  HEX: 10,
  QUESTION: 11,
  RANGE: 12,
  SEMICOLON: 13,
  OPEN: 14,
  CLOSE: 15,
  COMMA: 16,
  DOT: 17,
  OPEN_SQUARE: 18,
  CLOSE_SQUARE: 19,
  OPEN_CURLY: 20,
  CLOSE_CURLY: 21,
  COLON: 22,
  EQUAL: 23,
  LESS: 24,
  LESS_EQUAL: 25,
  GREATER: 26,
  GREATER_EQUAL: 27,
  NOT_EQUAL: 28,
  PLUS: 29,
  MINUS: 30,
  STAR: 31,
  SLASH: 32,
  PERCENT: 33,
  PLUS_EQUAL: 34,
  MINUS_EQUAL: 35,
  /** `expr(`, one token in Lexer.g. */
  EXPR_OPEN: 36,
  NEGATIVE_NAN: 37,
  NEGATIVE_INFINITY: 38,
  /** A character or an unfinished literal that no token starts with. */
  ERROR: 39,
} as const

export const keywordKindMin = 64

/** Token kind of every keyword. */
export const Kw: { readonly [K in Keyword]: number } = Object.freeze(
  Object.fromEntries(keywordList.map((word, index) => [word, keywordKindMin + index])),
) as { readonly [K in Keyword]: number }

const synonyms: readonly (readonly [string, Keyword])[] = [
  ['TABLE', 'COLUMNFAMILY'],
  ['SCHEMA', 'KEYSPACE'],
  ['COLUMNFAMILIES', 'TABLES'],
]

/** Spelling (all lower or all upper case) → kind, `TRUE` and `FALSE` included. */
export const kindByWord: ReadonlyMap<string, number> = new Map(
  [
    ...keywordList.map((word) => [word, Kw[word]] as const),
    ...synonyms.map(([word, keyword]) => [word, Kw[keyword]] as const),
    ['TRUE', Token.BOOLEAN] as const,
    ['FALSE', Token.BOOLEAN] as const,
  ].flatMap(([word, kind]) => [[word, kind] as const, [word.toLowerCase(), kind] as const]),
)

/** The kinds of names that a keyword can also be used as. */
export const WordUse = { RESERVED: 0, UNRESERVED: 1, NATIVE_TYPE: 2, BASIC: 3 } as const

const useByKind: Uint8Array = new Uint8Array(keywordKindMin + keywordList.length)
{
  const firstUnreserved = keywordList.indexOf('TTL')
  const firstType = keywordList.indexOf('ASCII')
  const firstBasic = keywordList.indexOf('KEYS')
  for (let i = firstUnreserved; i < keywordList.length; i++) {
    const use = i < firstType ? WordUse.UNRESERVED : i < firstBasic ? WordUse.NATIVE_TYPE : 3
    useByKind[keywordKindMin + i] = use
  }
}

/** How a token kind may be used as a name: `WordUse.RESERVED` for everything that is no word. */
export function wordUse(kind: number): number {
  return useByKind[kind]!
}

const lowerKeywords: readonly string[] = keywordList.map((word) => word.toLowerCase())

/** The canonical word of a keyword kind, in lower case. */
export function keywordText(kind: number): string {
  return lowerKeywords[kind - keywordKindMin] ?? ''
}

/** Whether `text`, unquoted, would be read back as exactly that name. */
export function isPlainName(text: string): boolean {
  if (!/^[a-z][a-z0-9_]*$/.test(text)) return false
  const kind = kindByWord.get(text)
  if (kind === undefined) return true
  return kind >= keywordKindMin && wordUse(kind) !== WordUse.RESERVED && text === keywordText(kind)
}
