import { Opcode } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

export interface RegisterRequest {
  readonly opcode: typeof Opcode.REGISTER
  readonly eventTypes: readonly string[]
}

/** `[string list]` (native_protocol_v4.spec §4.1.8) */
export function writeRegister(writer: WireWriter, eventTypes: readonly string[]): void {
  writer.writeStringList(eventTypes)
}

export function readRegister(reader: WireReader): RegisterRequest {
  return { opcode: Opcode.REGISTER, eventTypes: reader.readStringList() }
}
