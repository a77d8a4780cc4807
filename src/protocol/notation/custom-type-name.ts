import { type CqlType, type NativeTypeName, nativeTypes, type UdtField } from '../../types/index.ts'

/**
 * Cassandra's spelling of types as Java classes (org.apache.cassandra.db.marshal.TypeParser): a
 * class name, optionally with parameters in parentheses. v4 uses it for what has no type id
 * (native_protocol_v4.spec §4.2.5.2, Custom).
 */
const marshalPackage = 'org.apache.cassandra.db.marshal.'

/** Maximum nesting of types, which protects the stack. */
export const typeDepthMax = 64

/** Types by class name. When a type has several classes, the first one is written. */
const nativeClasses: ReadonlyMap<string, NativeTypeName> = new Map([
  ['AsciiType', 'ascii'],
  ['LongType', 'bigint'],
  ['BytesType', 'blob'],
  ['BooleanType', 'boolean'],
  ['CounterColumnType', 'counter'],
  ['DecimalType', 'decimal'],
  ['DoubleType', 'double'],
  ['FloatType', 'float'],
  ['Int32Type', 'int'],
  ['TimestampType', 'timestamp'],
  ['DateType', 'timestamp'],
  ['UUIDType', 'uuid'],
  ['UTF8Type', 'text'],
  ['IntegerType', 'varint'],
  ['TimeUUIDType', 'timeuuid'],
  // Cassandra declares the results of functions of timeuuids with this class.
  ['LegacyTimeUUIDType', 'timeuuid'],
  ['LexicalUUIDType', 'uuid'],
  ['InetAddressType', 'inet'],
  ['SimpleDateType', 'date'],
  ['TimeType', 'time'],
  ['ShortType', 'smallint'],
  ['ByteType', 'tinyint'],
  ['DurationType', 'duration'],
])

const classOfNative: ReadonlyMap<NativeTypeName, string> = new Map(
  [...nativeClasses].reverse().map(([className, kind]) => [kind, className]),
)

/** Reports a name that does not follow the grammar. The type is then a custom type. */
class UnknownTypeName extends Error {}

/** Returns the type of a class name; a custom type for unknown classes. */
export function parseCustomTypeName(className: string): CqlType {
  try {
    const parser = new TypeNameParser(className)
    const type = parser.readType(0)
    parser.expectEnd()
    return type
  } catch (error) {
    if (error instanceof UnknownTypeName) return { kind: 'custom', className }
    throw error
  }
}

class TypeNameParser {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  readType(depth: number): CqlType {
    if (depth > typeDepthMax) throw new UnknownTypeName()
    const name = this.#readWord()
    const simple = name.startsWith(marshalPackage) ? name.slice(marshalPackage.length) : name
    const native = nativeClasses.get(simple)
    if (native !== undefined) {
      return nativeTypes[native]
    }
    this.#expect('(')
    const type = this.#readParameters(simple, depth + 1)
    this.#expect(')')
    return type
  }

  expectEnd(): void {
    if (this.#at !== this.#text.length) throw new UnknownTypeName()
  }

  #readParameters(simple: string, depth: number): CqlType {
    switch (simple) {
      case 'FrozenType':
      case 'ReversedType':
        return this.readType(depth)
      case 'ListType':
        return { kind: 'list', element: this.readType(depth), frozen: false }
      case 'SetType':
        return { kind: 'set', element: this.readType(depth), frozen: false }
      case 'MapType': {
        const key = this.readType(depth)
        this.#expect(',')
        return { kind: 'map', key, value: this.readType(depth), frozen: false }
      }
      case 'TupleType':
        return { kind: 'tuple', elements: this.#readTypes(depth) }
      case 'VectorType':
        return this.#readVector(depth)
      case 'UserType':
        return this.#readUserType(depth)
      default:
        throw new UnknownTypeName()
    }
  }

  #readTypes(depth: number): CqlType[] {
    const types = [this.readType(depth)]
    while (this.#takes(',')) types.push(this.readType(depth))
    return types
  }

  /** `VectorType(element, dimension)` */
  #readVector(depth: number): CqlType {
    const element = this.readType(depth)
    this.#expect(',')
    const digits = this.#readWord()
    const dimension = Number(digits)
    if (!/^[0-9]+$/.test(digits) || dimension === 0 || dimension > 0x7fff_ffff) {
      throw new UnknownTypeName()
    }
    return { kind: 'vector', element, dimension }
  }

  /** `UserType(keyspace, hex(name), hex(field):type, …)` */
  #readUserType(depth: number): CqlType {
    const keyspace = this.#readWord()
    this.#expect(',')
    const name = hexText(this.#readWord())
    const fields: UdtField[] = []
    while (this.#takes(',')) {
      const field = hexText(this.#readWord())
      this.#expect(':')
      fields.push({ name: field, type: this.readType(depth) })
    }
    return { kind: 'udt', keyspace, name, fields, frozen: false }
  }

  #skipSpaces(): void {
    while (this.#text.charCodeAt(this.#at) === 0x20) this.#at++
  }

  /** Reads characters up to the next punctuation. */
  #readWord(): string {
    this.#skipSpaces()
    const start = this.#at
    while (this.#at < this.#text.length && !'(),: '.includes(this.#text[this.#at]!)) this.#at++
    if (this.#at === start) throw new UnknownTypeName()
    return this.#text.slice(start, this.#at)
  }

  #takes(character: string): boolean {
    this.#skipSpaces()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) throw new UnknownTypeName()
  }
}

function hexText(hex: string): string {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) throw new UnknownTypeName()
  return Buffer.from(hex, 'hex').toString('utf8')
}

function textHex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex')
}

/** Returns the class name that Cassandra writes for a type, such as for vectors in v4. */
export function customTypeName(type: CqlType): string {
  switch (type.kind) {
    case 'list':
      return frozenName(type.frozen, `${marshalPackage}ListType(${customTypeName(type.element)})`)
    case 'set':
      return frozenName(type.frozen, `${marshalPackage}SetType(${customTypeName(type.element)})`)
    case 'map': {
      const parameters = `${customTypeName(type.key)},${customTypeName(type.value)}`
      return frozenName(type.frozen, `${marshalPackage}MapType(${parameters})`)
    }
    case 'tuple':
      return `${marshalPackage}TupleType(${type.elements.map(customTypeName).join(',')})`
    case 'vector':
      return `${marshalPackage}VectorType(${customTypeName(type.element)} , ${type.dimension})`
    case 'udt': {
      const fields = type.fields.map((f) => `,${textHex(f.name)}:${customTypeName(f.type)}`)
      const parameters = `${type.keyspace},${textHex(type.name)}${fields.join('')}`
      return frozenName(type.frozen, `${marshalPackage}UserType(${parameters})`)
    }
    case 'custom':
      return type.className
    default:
      return `${marshalPackage}${classOfNative.get(type.kind)!}`
  }
}

function frozenName(frozen: boolean, name: string): string {
  return frozen ? `${marshalPackage}FrozenType(${name})` : name
}
