import type { Inet } from '../../types/index.ts'
import { readSchemaChange, type SchemaChange, writeSchemaChange } from './schema-change.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

/** Names for REGISTER (native_protocol_v4.spec §4.2.6). */
export const EventType = {
  TOPOLOGY_CHANGE: 'TOPOLOGY_CHANGE',
  STATUS_CHANGE: 'STATUS_CHANGE',
  SCHEMA_CHANGE: 'SCHEMA_CHANGE',
} as const

/**
 * Event that a node announces its end with, and key of SUPPORTED by which it offers to
 * (CASSANDRA-21191). It concerns the connection that it comes over.
 */
export const gracefulDisconnect = 'GRACEFUL_DISCONNECT'

/** Whether the body of an EVENT is {@link gracefulDisconnect}, without reading the rest. */
export function isGracefulDisconnect(bytes: Buffer, start: number, end: number): boolean {
  const { length } = gracefulDisconnect
  if (end - start < 2 + length || bytes.readUInt16BE(start) !== length) return false
  return bytes.toString('latin1', start + 2, start + 2 + length) === gracefulDisconnect
}

export interface TopologyChangeEvent {
  readonly type: 'TOPOLOGY_CHANGE'
  readonly change: 'NEW_NODE' | 'REMOVED_NODE' | (string & {})
  readonly address: Inet
  readonly port: number
}
export interface StatusChangeEvent {
  readonly type: 'STATUS_CHANGE'
  readonly change: 'UP' | 'DOWN' | (string & {})
  readonly address: Inet
  readonly port: number
}
export interface SchemaChangeEvent {
  readonly type: 'SCHEMA_CHANGE'
  readonly schemaChange: SchemaChange
}
/** An event of an unknown kind, whose body is not read. */
export interface UnknownEvent {
  readonly type: 'UNKNOWN'
  readonly name: string
}

export type ServerEvent = TopologyChangeEvent | StatusChangeEvent | SchemaChangeEvent | UnknownEvent

/** `<event_type:string>`, then change and [inet], or a schema change (v4 spec §4.2.6). */
export function readEvent(reader: WireReader): ServerEvent {
  const type = reader.readString()
  switch (type) {
    case EventType.TOPOLOGY_CHANGE:
    case EventType.STATUS_CHANGE: {
      const change = reader.readString()
      const { address, port } = reader.readInet()
      return { type, change, address, port }
    }
    case EventType.SCHEMA_CHANGE:
      return { type, schemaChange: readSchemaChange(reader) }
    default:
      return { type: 'UNKNOWN', name: type }
  }
}

/** The inverse of `readEvent`. */
export function writeEvent(writer: WireWriter, event: ServerEvent): void {
  if (event.type === 'UNKNOWN') {
    writer.writeString(event.name)
    return
  }
  writer.writeString(event.type)
  if (event.type === 'SCHEMA_CHANGE') {
    writeSchemaChange(writer, event.schemaChange)
    return
  }
  writer.writeString(event.change)
  writer.writeInet(event.address, event.port)
}
