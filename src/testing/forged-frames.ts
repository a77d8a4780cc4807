import { ConfigError, ServerErrorCode, type ServerErrorDetails } from '../errors/index.ts'
import {
  beginResponse,
  endFrame,
  eventStreamId,
  Opcode,
  ProtocolVersion,
  responseBit,
  type ServerEvent,
  WireWriter,
  writeError,
  writeEvent,
} from '../protocol/index.ts'
import { checkInteger, checkOneOf, checkOptions } from '../kernel/index.ts'
import { parseAddress } from '../transport/index.ts'
import { Inet } from '../types/index.ts'

/** Names of errors of the protocol (native_protocol_v4.spec §9). */
export type ForgedErrorName = keyof typeof ServerErrorCode

/** An error that a {@link FaultProxy} answers with, in the place of the node. */
export interface ForgedError {
  /** Its name, or its number in the protocol. */
  readonly code: ForgedErrorName | number
  /** Default: `forged by the proxy`. */
  readonly message?: string | undefined
  /** What the error has besides, for example `received` and `required`. Default: zeros. */
  readonly details?: ServerErrorDetails | undefined
}

const codeMax = 0xffff
const errorNames = Object.keys(ServerErrorCode) as readonly ForgedErrorName[]

/** @throws ConfigError */
export function checkForgedError(error: ForgedError | undefined): ForgedError {
  if (error === undefined) {
    throw new ConfigError("forgeError needs an error, such as { code: 'OVERLOADED' }")
  }
  checkOptions('error of a fault rule', error, { code: true, message: true, details: true })
  const { code, message = '', details = {} } = error
  if (typeof code === 'number') checkInteger('code', code, 0, codeMax)
  else checkOneOf('code', code, errorNames)
  if (typeof message !== 'string') throw new ConfigError('message of an error must be a text')
  if (typeof details !== 'object' || details === null) {
    throw new ConfigError('details of an error must be an object')
  }
  try {
    writeError(new WireWriter(), codeOf(error), message, details)
  } catch (cause) {
    throw new ConfigError(`details do not fit the error: ${String(cause)}`, 'not_applied', {
      cause,
    })
  }
  return error
}

function codeOf({ code }: ForgedError): number {
  return typeof code === 'number' ? code : ServerErrorCode[code]
}

function versionOf(byte: number): ProtocolVersion {
  const version = byte & ~responseBit
  return version === ProtocolVersion.V5 ? ProtocolVersion.V5 : ProtocolVersion.V4
}

/** Returns a frame with the error. @param versionByte the first byte of the frame it answers */
export function errorFrame(error: ForgedError, streamId: number, versionByte: number): Uint8Array {
  const version = versionOf(versionByte)
  const writer = new WireWriter()
  const start = beginResponse(writer, 0, streamId, Opcode.ERROR, version)
  const { message = 'forged by the proxy', details } = error
  writeError(writer, codeOf(error), message, details, version)
  endFrame(writer, start)
  return writer.copyFrom(start)
}

/** An event that a {@link FaultProxy} sends in the place of the node (v4 spec §4.2.6). */
export type InjectedEvent =
  | {
      readonly type: 'STATUS_CHANGE'
      readonly change: 'UP' | 'DOWN'
      /** `host:port` of the node that it is about. */
      readonly address: string
    }
  | {
      readonly type: 'TOPOLOGY_CHANGE'
      readonly change: 'NEW_NODE' | 'REMOVED_NODE' | 'MOVED_NODE'
      readonly address: string
    }
  | {
      readonly type: 'SCHEMA_CHANGE'
      readonly change: 'CREATED' | 'UPDATED' | 'DROPPED'
      readonly target: 'KEYSPACE' | 'TABLE' | 'TYPE'
      readonly keyspace: string
      /** Name of the table or the type. */
      readonly name?: string | undefined
    }

const changes = {
  STATUS_CHANGE: ['UP', 'DOWN'],
  TOPOLOGY_CHANGE: ['NEW_NODE', 'REMOVED_NODE', 'MOVED_NODE'],
  SCHEMA_CHANGE: ['CREATED', 'UPDATED', 'DROPPED'],
} as const

/** @throws ConfigError */
export function serverEventOf(event: InjectedEvent): ServerEvent {
  if (typeof event !== 'object' || event === null) {
    throw new ConfigError("An event is an object, such as { type: 'STATUS_CHANGE', … }")
  }
  const types = Object.keys(changes) as (keyof typeof changes)[]
  checkOneOf('type of an event', event.type, types)
  checkOneOf<string>(`change of ${event.type}`, event.change, changes[event.type])
  if (event.type !== 'SCHEMA_CHANGE') {
    const { host, port } = parseAddress(event.address, 0, 'The address of an event,')
    return { type: event.type, change: event.change, address: Inet.parse(host), port }
  }
  const { change, target, keyspace, name } = event
  checkOneOf('target of SCHEMA_CHANGE', target, ['KEYSPACE', 'TABLE', 'TYPE'])
  if (typeof keyspace !== 'string' || (target !== 'KEYSPACE') !== (typeof name === 'string')) {
    throw new ConfigError('SCHEMA_CHANGE has a keyspace, and a name unless its target is KEYSPACE')
  }
  const schemaChange = { change, target, keyspace, name, argumentTypes: undefined }
  return { type: 'SCHEMA_CHANGE', schemaChange }
}

/** @param versionByte the first byte of any frame of the connection */
export function eventFrame(event: ServerEvent, versionByte: number): Uint8Array {
  const writer = new WireWriter()
  const version = versionOf(versionByte)
  const start = beginResponse(writer, 0, eventStreamId, Opcode.EVENT, version)
  writeEvent(writer, event)
  endFrame(writer, start)
  return writer.copyFrom(start)
}
