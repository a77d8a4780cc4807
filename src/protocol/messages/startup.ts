import { Opcode } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

export interface StartupRequest {
  readonly opcode: typeof Opcode.STARTUP
  readonly options: ReadonlyMap<string, string>
}

/** `[string map]` (native_protocol_v4.spec §4.1.1) */
export function writeStartup(writer: WireWriter, options: ReadonlyMap<string, string>): void {
  writer.writeStringMap(options)
}

export function readStartup(reader: WireReader): StartupRequest {
  return { opcode: Opcode.STARTUP, options: reader.readStringMap() }
}

/** READY has no body (native_protocol_v4.spec §4.2.2). */
export interface ReadyResponse {
  readonly opcode: typeof Opcode.READY
}
