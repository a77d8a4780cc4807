import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

/** The effect of a DDL statement, in its RESULT and as an event. Servers may add targets. */
export interface SchemaChange {
  readonly change: 'CREATED' | 'UPDATED' | 'DROPPED' | (string & {})
  readonly target: 'KEYSPACE' | 'TABLE' | 'TYPE' | 'FUNCTION' | 'AGGREGATE' | (string & {})
  readonly keyspace: string
  /** Name of the table, type, function or aggregate; `undefined` for a keyspace. */
  readonly name: string | undefined
  /** CQL types of the arguments of a function or aggregate. */
  readonly argumentTypes: readonly string[] | undefined
}

/**
 * `<change_type:string><target:string><options>`: the keyspace; for other targets also the name;
 * for functions and aggregates also `[string list]` (native_protocol_v4.spec §4.2.5.5, §4.2.6).
 */
export function readSchemaChange(reader: WireReader): SchemaChange {
  const change = reader.readString()
  const target = reader.readString()
  const keyspace = reader.readString()
  const name = target === 'KEYSPACE' ? undefined : reader.readString()
  const argumentTypes = hasArguments(target) ? reader.readStringList() : undefined
  return { change, target, keyspace, name, argumentTypes }
}

/** The inverse of `readSchemaChange`. */
export function writeSchemaChange(writer: WireWriter, change: SchemaChange): void {
  writer.writeString(change.change)
  writer.writeString(change.target)
  writer.writeString(change.keyspace)
  if (change.target !== 'KEYSPACE') writer.writeString(change.name ?? '')
  if (hasArguments(change.target)) writer.writeStringList(change.argumentTypes ?? [])
}

function hasArguments(target: string): boolean {
  return target === 'FUNCTION' || target === 'AGGREGATE'
}
