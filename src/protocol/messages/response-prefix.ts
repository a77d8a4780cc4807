import { parseUuidInto } from '../../types/index.ts'
import { HeaderFlag } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

/** What precedes the body of a response, depending on its header flags. */
export interface ResponsePrefix {
  readonly tracingId: string | undefined
  readonly warnings: readonly string[]
  readonly customPayload: ReadonlyMap<string, Uint8Array | null> | undefined
}

export const emptyResponsePrefix: ResponsePrefix = Object.freeze({
  tracingId: undefined,
  warnings: Object.freeze([]),
  customPayload: undefined,
})

const prefixFlags = HeaderFlag.TRACING | HeaderFlag.WARNING | HeaderFlag.CUSTOM_PAYLOAD

/** `[<tracing_id:uuid>][<warnings:string list>][<payload:bytes map>]` (native_protocol_v4 §2.2) */
export function readResponsePrefix(reader: WireReader, headerFlags: number): ResponsePrefix {
  if ((headerFlags & prefixFlags) === 0) return emptyResponsePrefix
  const has = (flag: number): boolean => (headerFlags & flag) !== 0
  return {
    tracingId: has(HeaderFlag.TRACING) ? reader.readUuid() : undefined,
    warnings: has(HeaderFlag.WARNING) ? reader.readStringList() : [],
    customPayload: has(HeaderFlag.CUSTOM_PAYLOAD) ? reader.readBytesMap() : undefined,
  }
}

/** Header flags a response with that prefix needs. */
export function responsePrefixFlags(prefix: ResponsePrefix): number {
  let flags = 0
  if (prefix.tracingId !== undefined) flags |= HeaderFlag.TRACING
  if (prefix.warnings.length > 0) flags |= HeaderFlag.WARNING
  if (prefix.customPayload !== undefined) flags |= HeaderFlag.CUSTOM_PAYLOAD
  return flags
}

/** The inverse of `readResponsePrefix`. */
export function writeResponsePrefix(writer: WireWriter, prefix: ResponsePrefix): void {
  if (prefix.tracingId !== undefined) {
    const id = new Uint8Array(16)
    parseUuidInto(prefix.tracingId, id, 0)
    writer.writeUuid(id)
  }
  if (prefix.warnings.length > 0) writer.writeStringList(prefix.warnings)
  if (prefix.customPayload !== undefined) writer.writeBytesMap(prefix.customPayload)
}
