import { reservedWords } from './reserved-words.ts'

/** Types that are one value on the wire (native_protocol_v4.spec §6). `varchar` is `text`. */
export type NativeTypeName =
  | 'ascii'
  | 'bigint'
  | 'blob'
  | 'boolean'
  | 'counter'
  | 'date'
  | 'decimal'
  | 'double'
  | 'duration'
  | 'float'
  | 'inet'
  | 'int'
  | 'smallint'
  | 'text'
  | 'time'
  | 'timestamp'
  | 'timeuuid'
  | 'tinyint'
  | 'uuid'
  | 'varint'

export interface NativeType {
  readonly kind: NativeTypeName
}

/**
 * `frozen` exists in schemas only: type specifications on the wire do not carry it, so types that
 * were read from a response have `frozen: false` at every level.
 */
export interface ListType {
  readonly kind: 'list'
  readonly element: CqlType
  readonly frozen: boolean
}

export interface SetType {
  readonly kind: 'set'
  readonly element: CqlType
  readonly frozen: boolean
}

export interface MapType {
  readonly kind: 'map'
  readonly key: CqlType
  readonly value: CqlType
  readonly frozen: boolean
}

/** Always frozen. */
export interface TupleType {
  readonly kind: 'tuple'
  readonly elements: readonly CqlType[]
}

export interface UdtField {
  readonly name: string
  readonly type: CqlType
}

export interface UdtType {
  readonly kind: 'udt'
  readonly keyspace: string
  readonly name: string
  readonly fields: readonly UdtField[]
  readonly frozen: boolean
}

/** Always frozen; every element is present. */
export interface VectorType {
  readonly kind: 'vector'
  readonly element: CqlType
  readonly dimension: number
}

/** A server-side class tsylla has no codec for: its values are bytes. */
export interface CustomType {
  readonly kind: 'custom'
  readonly className: string
}

export type CqlType =
  | NativeType
  | ListType
  | SetType
  | MapType
  | TupleType
  | UdtType
  | VectorType
  | CustomType

const nativeNames: readonly NativeTypeName[] = [
  'ascii',
  'bigint',
  'blob',
  'boolean',
  'counter',
  'date',
  'decimal',
  'double',
  'duration',
  'float',
  'inet',
  'int',
  'smallint',
  'text',
  'time',
  'timestamp',
  'timeuuid',
  'tinyint',
  'uuid',
  'varint',
]

/** The one frozen instance of every native type. */
export const nativeTypes: { readonly [K in NativeTypeName]: NativeType & { readonly kind: K } } =
  Object.freeze(Object.fromEntries(nativeNames.map((kind) => [kind, Object.freeze({ kind })]))) as {
    readonly [K in NativeTypeName]: NativeType & { readonly kind: K }
  }

/** The native type of that CQL name (`varchar` included), or `undefined`. */
export function nativeTypeByName(name: string): NativeType | undefined {
  if (name === 'varchar') return nativeTypes.text
  return Object.hasOwn(nativeTypes, name) ? nativeTypes[name as NativeTypeName] : undefined
}

const wordsInQuotes: ReadonlySet<string> = new Set(
  [...reservedWords, 'TABLE', 'SCHEMA'].map((word) => word.toLowerCase()),
)

/**
 * A name as Cassandra prints it (`ColumnIdentifier.maybeQuote`), which writes `true` and
 * `columnfamilies` without quotes, although they do not read back as names.
 */
function identifierText(name: string): string {
  const isPlain = /^[a-z][a-z0-9_]*$/.test(name) && !wordsInQuotes.has(name)
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`
}

/** The type as Cassandra's schema tables spell it: `frozen<map<text, int>>`. */
export function cqlTypeText(type: CqlType): string {
  switch (type.kind) {
    case 'list':
    case 'set':
      return frozenText(type.frozen, `${type.kind}<${cqlTypeText(type.element)}>`)
    case 'map':
      return frozenText(type.frozen, `map<${cqlTypeText(type.key)}, ${cqlTypeText(type.value)}>`)
    case 'tuple':
      return `frozen<tuple<${type.elements.map(cqlTypeText).join(', ')}>>`
    case 'udt':
      return frozenText(type.frozen, identifierText(type.name))
    case 'vector':
      return `vector<${cqlTypeText(type.element)}, ${type.dimension}>`
    case 'custom':
      return `'${type.className}'`
    default:
      return type.kind
  }
}

function frozenText(frozen: boolean, text: string): string {
  return frozen ? `frozen<${text}>` : text
}
