import { type CqlType, type NativeTypeName, nativeTypes, TimeUuid } from '../../types/index.ts'
import type { QueryContext } from '../query-context.ts'
import { invalid } from '../errors.ts'
import { type Cell, define, type ScalarFunction } from './definitions.ts'
import { mathFunctions } from './math.ts'
import { int32Of, int64Bytes, int64Of, valueFault } from '../../values/index.ts'

const { timeuuid, timestamp, date, time, bigint, uuid, blob } = nativeTypes
const dayMs = 86_400_000

function withNull(call: (value: Uint8Array) => Cell): (args: readonly Cell[]) => Cell {
  return ([value = null]) => (value === null || value.length === 0 ? null : call(value))
}

function dateBytesOfMs(ms: number): Uint8Array {
  return int64Bytes(BigInt(Math.floor(ms / dayMs) + 2 ** 31)).subarray(4)
}

function msOfDate(bytes: Uint8Array): bigint {
  return BigInt((int32Of(bytes) >>> 0) - 2 ** 31) * BigInt(dayMs)
}

function msOfTimeUuid(bytes: Uint8Array): number {
  return new TimeUuid(bytes).timestampMs
}

function timeOfDay(query: QueryContext): Uint8Array {
  return int64Bytes(BigInt(query.nowMs % dayMs) * 1_000_000n)
}

const now = (_args: readonly Cell[], query: QueryContext): Cell => query.services.nextTimeUuid()
const nowTimestamp = (_args: readonly Cell[], query: QueryContext): Cell =>
  int64Bytes(BigInt(query.nowMs))
const nowDate = (_args: readonly Cell[], query: QueryContext): Cell => dateBytesOfMs(query.nowMs)
const nowTime = (_args: readonly Cell[], query: QueryContext): Cell => timeOfDay(query)

function edgeOf(pick: (date: Date) => TimeUuid): (args: readonly Cell[]) => Cell {
  return withNull((value) => pick(new Date(Number(int64Of(value)))).toBytes())
}

/** TimeFcts: each function under its name and under its name before 5.0, if it had another. */
function timeFunctions(): ScalarFunction[] {
  const list: ScalarFunction[] = [
    define('now', [], timeuuid, now, false),
    define('current_timeuuid', [], timeuuid, now, false),
    define('currenttimeuuid', [], timeuuid, now, false),
    define('uuid', [], uuid, (_args, query) => query.services.randomUuid(), false),
  ]
  const both = (names: readonly string[], make: (name: string) => ScalarFunction): void => {
    for (const name of names) list.push(make(name))
  }
  both(['current_timestamp', 'currenttimestamp'], (name) =>
    define(name, [], timestamp, nowTimestamp, false),
  )
  both(['current_date', 'currentdate'], (name) => define(name, [], date, nowDate, false))
  both(['current_time', 'currenttime'], (name) => define(name, [], time, nowTime, false))
  both(['min_timeuuid', 'mintimeuuid'], (name) =>
    define(name, [timestamp], timeuuid, edgeOf(TimeUuid.min)),
  )
  both(['max_timeuuid', 'maxtimeuuid'], (name) =>
    define(name, [timestamp], timeuuid, edgeOf(TimeUuid.max)),
  )
  const dateOfTimeUuid = withNull((value) => dateBytesOfMs(msOfTimeUuid(value)))
  const dateOfTimestamp = withNull((value) => dateBytesOfMs(Number(int64Of(value))))
  const timestampOfTimeUuid = withNull((value) => int64Bytes(BigInt(msOfTimeUuid(value))))
  const timestampOfDate = withNull((value) => int64Bytes(msOfDate(value)))
  const same = withNull((value) => value)
  both(['to_date', 'todate'], (name) => define(name, [timeuuid], date, dateOfTimeUuid))
  both(['to_date', 'todate'], (name) => define(name, [timestamp], date, dateOfTimestamp))
  both(['to_timestamp', 'totimestamp'], (name) =>
    define(name, [timeuuid], timestamp, timestampOfTimeUuid),
  )
  both(['to_timestamp', 'totimestamp'], (name) => define(name, [date], timestamp, timestampOfDate))
  const unix = ['to_unix_timestamp', 'tounixtimestamp']
  both(unix, (name) => define(name, [timeuuid], bigint, timestampOfTimeUuid))
  both(unix, (name) => define(name, [timestamp], bigint, same))
  both(unix, (name) => define(name, [date], bigint, timestampOfDate))
  return list
}

/** BytesConversionFcts: conversions between values and blobs. Blobs are validated. */
function blobFunctions(): ScalarFunction[] {
  const list: ScalarFunction[] = []
  for (const kind of [...Object.keys(nativeTypes), 'varchar'] as (NativeTypeName | 'varchar')[]) {
    if (kind === 'blob') continue
    const type: CqlType = kind === 'varchar' ? nativeTypes.text : nativeTypes[kind]
    for (const name of [`${kind}_as_blob`, `${kind}asblob`]) {
      list.push(define(name, [type], blob, ([value]) => value ?? null))
    }
    for (const name of [`blob_as_${kind}`, `blobas${kind}`]) {
      list.push(
        define(name, [blob], type, ([value = null]) => {
          if (value === null) return null
          checkBlob(name, kind, type, value)
          return value
        }),
      )
    }
  }
  return list
}

function checkBlob(name: string, kind: string, type: CqlType, value: Uint8Array): void {
  if (valueFault(type, value) === undefined) return
  const hex = Buffer.from(value).toString('hex')
  throw invalid(
    `In call to function system.${name}, value 0x${hex} is not a valid binary representation for type ${kind}`,
  )
}

/** All native scalar functions. Overloads are separate entries. */
export const nativeFunctions: readonly ScalarFunction[] = [
  ...timeFunctions(),
  ...blobFunctions(),
  ...mathFunctions(),
]
