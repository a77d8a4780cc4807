import {
  BindError,
  type BindErrorCode,
  ConfigError,
  EncodeError,
  TsyllaError,
} from '../errors/index.ts'
import { shortMax, type WireWriter } from '../protocol/index.ts'
import {
  type BindValues,
  type ColumnSpec,
  cqlTypeText,
  EMPTY,
  type MarkerFacts,
  parseUuidInto,
} from '../types/index.ts'
import { CellOp, type Codec, type CodecOptions, valueKind } from './codec.ts'
import { codecOf } from './codec-of-type.ts'
import { ListCodec } from './collections.ts'
import { alignFacts, markerKeysOf } from './marker-keys.ts'
import { NameResolver } from './name-resolver.ts'
import { TimestampCodec } from './temporals.ts'
import { isDate } from './value-guards.ts'

/** What servers call the markers of `token(…) > ?`. */
const tokenMarkerName = 'partition key token'

/** What an absent or null value means at a marker. */
const MarkerRule = { UNSET_ALLOWED: 1, NULL_ALLOWED: 2 } as const

/** Markers whose null or UNSET servers would take as "none at all". */
const strictNames: ReadonlySet<string> = new Set([
  '[ttl]',
  '[timestamp]',
  '[limit]',
  '[per_partition_limit]',
])

/**
 * Encodes the values of one prepared statement. It is made once; `resolve` puts values
 * in marker order and `write` encodes them by the markers' types, whatever the values look like.
 */
export class BindPlan {
  readonly markers: readonly ColumnSpec[]
  readonly partitionKeyIndexes: readonly number[]
  /** The last marker that is compared with a token; −1 when there is none. */
  readonly tokenIndex: number
  readonly #codecs: readonly Codec[]
  readonly #ops: Uint8Array
  readonly #rules: Uint8Array
  readonly #resolver: NameResolver

  /**
   * @param markerFacts what the text says of the markers; without it UNSET is refused and several
   *   `?` of one column are told apart by number only
   */
  constructor(
    markers: readonly ColumnSpec[],
    partitionKeyIndexes: readonly number[],
    markerFacts: readonly MarkerFacts[] | undefined,
    options: CodecOptions = {},
  ) {
    const facts = alignFacts(markers, markerFacts)
    this.markers = markers
    this.partitionKeyIndexes = partitionKeyIndexes
    this.tokenIndex = markers.findLastIndex(
      ({ name, type }) => name === tokenMarkerName && type.kind === 'bigint',
    )
    this.#codecs = markers.map((marker, i) => markerCodec(marker, facts?.[i], options))
    this.#ops = Uint8Array.from(this.#codecs, (codec) => codec.writeOp)
    this.#rules = Uint8Array.from(markers, (marker, i) =>
      rulesOf(marker, facts?.[i], partitionKeyIndexes.includes(i)),
    )
    this.#resolver = new NameResolver(markers, markerKeysOf(markers, facts))
  }

  /**
   * The values in marker order, in an array of their own: later changes by the caller do not reach
   * a retry.
   * @throws BindError when values are missing, too many, unknown or ambiguous
   */
  resolve(values: BindValues | undefined): unknown[] {
    const count = this.markers.length
    if (values === undefined) {
      if (count > 0) throw this.#countError(0)
      return []
    }
    if (Array.isArray(values)) {
      if (values.length !== count) throw this.#countError(values.length)
      return values.slice()
    }
    if (typeof values !== 'object' || values === null) {
      throw new BindError(
        'TSYLLA_BIND_COUNT',
        `The values of a statement are one argument, an array or an object, but ${valueKind(values)} was given: execute(text, [value, …]) or execute(text, { name: value })`,
      )
    }
    return this.#resolver.resolve(values as { readonly [name: string]: unknown })
  }

  /**
   * Appends `<n:short>` and the values. When it throws, the writer's offset is where it was.
   * @param values in marker order, as `resolve` returns them, or as the caller passed them
   */
  write(writer: WireWriter, values: BindValues | undefined): void {
    const ordered = this.#ordered(values)
    const start = writer.offset
    const count = this.markers.length
    writer.writeShort(count)
    let i = 0
    try {
      for (; i < count; i++) this.#writeCell(writer, i, ordered[i])
    } catch (error) {
      writer.offset = start
      throw this.#bindError(error, i, ordered[i])
    }
  }

  /** Whether a marker is a timestamp, which takes milliseconds in place of a `Date`. */
  isTimestamp(i: number): boolean {
    return this.#ops[i] === CellOp.TIMESTAMP
  }

  /**
   * Returns the milliseconds of a `Date` at a marker that is a timestamp; `undefined` for any other
   * value or marker.
   *
   * @throws BindError for an invalid `Date`
   */
  msOfDate(i: number, value: object): number | undefined {
    const codec = this.#codecs[i]
    if (!(codec instanceof TimestampCodec) || !isDate(value)) return undefined
    try {
      return codec.msOfDate(value)
    } catch (error) {
      throw this.#bindError(error, i, value)
    }
  }

  /** Whether the values contain the whole partition key. */
  get isRoutable(): boolean {
    return this.partitionKeyIndexes.length > 0
  }

  /**
   * Appends the partition key as tokens are computed of it: the bytes of a single column as they
   * are; of several each as `<length:short><bytes><0>` in key order
   * (org.apache.cassandra.db.marshal.CompositeType). Only for a plan that is routable.
   */
  writeRoutingKey(writer: WireWriter, values: BindValues | undefined): void {
    const ordered = this.#ordered(values)
    const start = writer.offset
    const indexes = this.partitionKeyIndexes
    let i = 0
    try {
      if (indexes.length === 1) {
        i = indexes[0]!
        this.#writeKeyPart(writer, i, ordered[i])
        return
      }
      for (let part = 0; part < indexes.length; part++) {
        i = indexes[part]!
        const at = writer.offset
        writer.writeShort(0)
        this.#writeKeyPart(writer, i, ordered[i])
        const length = writer.offset - at - 2
        if (length > shortMax) {
          throw new ConfigError(`a part of a partition key has at most ${shortMax} bytes`)
        }
        writer.bytes[at] = length >> 8
        writer.bytes[at + 1] = length
        writer.writeByte(0)
      }
    } catch (error) {
      writer.offset = start
      throw this.#bindError(error, i, ordered[i])
    }
  }

  #ordered(values: BindValues | undefined): readonly unknown[] {
    if (Array.isArray(values) && values.length === this.markers.length) return values
    return this.resolve(values)
  }

  #writeKeyPart(writer: WireWriter, i: number, value: unknown): void {
    if (value === null || value === undefined) throw this.#absent(i, value)
    if (value !== EMPTY) this.#codecs[i]!.write(writer, value)
  }

  #writeCell(writer: WireWriter, i: number, value: unknown): void {
    switch (this.#ops[i]) {
      case CellOp.INT:
        if (typeof value === 'number' && (value | 0) === value) {
          writer.reserve(8)
          const at = writer.offset
          writer.view.setInt32(at, 4)
          writer.view.setInt32(at + 4, value)
          writer.offset = at + 8
          return
        }
        break
      case CellOp.BIGINT:
        if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) {
          writer.reserve(12)
          const at = writer.offset
          writer.view.setInt32(at, 8)
          writer.view.setBigInt64(at + 4, value)
          writer.offset = at + 12
          return
        }
        break
      case CellOp.DOUBLE:
        if (typeof value === 'number') {
          writer.reserve(12)
          const at = writer.offset
          writer.view.setInt32(at, 8)
          writer.view.setFloat64(at + 4, value)
          writer.offset = at + 12
          return
        }
        break
      case CellOp.TIMESTAMP:
        if (Number.isSafeInteger(value)) {
          writer.writeInt(8)
          writer.writeLongOfNumber(value as number)
          return
        }
        break
      case CellOp.TEXT:
        if (typeof value === 'string' && writer.writeShortAsciiCell(value)) return
        break
      case CellOp.UUID:
        if (typeof value === 'string') {
          writer.reserve(20)
          const at = writer.offset
          writer.view.setInt32(at, 16)
          if (parseUuidInto(value, writer.bytes, at + 4)) {
            writer.offset = at + 20
            return
          }
        }
        break
    }
    this.#writeAny(writer, i, value)
  }

  #writeAny(writer: WireWriter, i: number, value: unknown): void {
    if (value === undefined) {
      if ((this.#rules[i]! & MarkerRule.UNSET_ALLOWED) === 0) throw this.#absent(i, value)
      writer.writeInt(-2)
      return
    }
    if (value === null && (this.#rules[i]! & MarkerRule.NULL_ALLOWED) === 0) {
      throw this.#absent(i, value)
    }
    this.#codecs[i]!.writeCell(writer, value)
  }

  #absent(i: number, value: null | undefined): BindError {
    const marker = this.markers[i]!
    const code: BindErrorCode = value === null ? 'TSYLLA_BIND_NULL' : 'TSYLLA_BIND_UNSET'
    const reason =
      value === null
        ? 'null deletes, which is no meaning here'
        : 'undefined keeps what is stored, which is possible only where a column is assigned'
    return new BindError(code, `Marker ${i + 1} (${marker.name}) is ${value}: ${reason}`, {
      column: marker.name,
      cqlType: cqlTypeText(marker.type),
      valueKind: valueKind(value),
    })
  }

  #bindError(error: unknown, i: number, value: unknown): unknown {
    if (!TsyllaError.is(error)) return this.#unreadable(error, i, value)
    if (!(error instanceof EncodeError || error instanceof ConfigError)) return error
    const marker = this.markers[i]!
    const message = `Marker ${i + 1} (${marker.name}): ${error.message}`
    return new BindError('TSYLLA_BIND_VALUE', message, {
      column: marker.name,
      cqlType: cqlTypeText(marker.type),
      ...(error instanceof EncodeError ? { valueKind: error.valueKind } : {}),
    })
  }

  /**
   * An accessor, an iterator or a proxy of the caller threw. Its message may contain the value, so
   * it is kept as the cause only.
   */
  #unreadable(cause: unknown, i: number, value: unknown): BindError {
    const marker = this.markers[i]!
    const cqlType = cqlTypeText(marker.type)
    const kind = valueKind(value)
    const error = new BindError(
      'TSYLLA_BIND_VALUE',
      `Marker ${i + 1} (${marker.name}): Cannot encode ${kind} as ${cqlType}: reading it failed, as the cause of this error says`,
      { column: marker.name, cqlType, valueKind: kind },
    )
    error.cause = cause
    return error
  }

  #countError(given: number): BindError {
    const names = this.markers.map((marker) => marker.name).join(', ')
    const message = `The statement has ${this.markers.length} markers, ${given} values were given`
    return new BindError('TSYLLA_BIND_COUNT', names === '' ? message : `${message} (${names})`)
  }
}

/** The codec of a marker. The list of `IF v IN ?` may have nulls: a column may have no value. */
function markerCodec(
  { type }: ColumnSpec,
  facts: MarkerFacts | undefined,
  options: CodecOptions,
): Codec {
  const isList = facts?.clause === 'if' && facts.operator === 'in' && facts.isWhole
  if (!isList || type.kind !== 'list') return codecOf(type, options)
  return new ListCodec(type, codecOf(type.element, options), true)
}

function rulesOf(
  marker: ColumnSpec,
  facts: MarkerFacts | undefined,
  isPartitionKey: boolean,
): number {
  if (isPartitionKey || strictNames.has(marker.name)) return 0
  switch (facts?.clause) {
    case 'insert':
    case 'set':
      return facts.isWhole
        ? MarkerRule.UNSET_ALLOWED | MarkerRule.NULL_ALLOWED
        : MarkerRule.NULL_ALLOWED
    case 'where':
    case 'element':
    case 'limit':
    case 'perPartitionLimit':
    case 'ttl':
    case 'timestamp':
      return 0
    default:
      return MarkerRule.NULL_ALLOWED
  }
}
