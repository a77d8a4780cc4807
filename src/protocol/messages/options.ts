import { Opcode } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

/** OPTIONS has no body (native_protocol_v4.spec §4.1.3). */
export interface OptionsRequest {
  readonly opcode: typeof Opcode.OPTIONS
}

export interface SupportedResponse {
  readonly opcode: typeof Opcode.SUPPORTED
  readonly options: ReadonlyMap<string, readonly string[]>
}

/** `[string multimap]` (native_protocol_v4.spec §4.2.4) */
export function writeSupported(
  writer: WireWriter,
  options: ReadonlyMap<string, readonly string[]>,
): void {
  writer.writeStringMultimap(options)
}

export function readSupported(reader: WireReader): SupportedResponse {
  return { opcode: Opcode.SUPPORTED, options: reader.readStringMultimap() }
}
