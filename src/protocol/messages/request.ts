import { ProtocolError } from '../../errors/index.ts'
import { HeaderFlag, Opcode } from '../constants.ts'
import { initialFeatures, type ProtocolFeatures } from '../features.ts'
import type { WireReader } from '../notation/reader.ts'
import { type AuthResponseRequest, readAuthToken } from './auth.ts'
import { type BatchRequest, readBatchRequest } from './batch.ts'
import { type ExecuteRequest, readExecute } from './execute.ts'
import type { OptionsRequest } from './options.ts'
import { type PrepareRequest, readPrepare } from './prepare.ts'
import { type QueryRequest, readQuery } from './query.ts'
import { readRegister, type RegisterRequest } from './register.ts'
import { readStartup, type StartupRequest } from './startup.ts'

export type Request =
  | StartupRequest
  | OptionsRequest
  | AuthResponseRequest
  | RegisterRequest
  | QueryRequest
  | PrepareRequest
  | ExecuteRequest
  | BatchRequest

/**
 * Reads the custom payload of a request, which comes first in the body (native_protocol_v4.spec
 * §2.2).
 */
export function readRequestPayload(
  reader: WireReader,
  headerFlags: number,
): ReadonlyMap<string, Uint8Array | null> | undefined {
  if ((headerFlags & HeaderFlag.CUSTOM_PAYLOAD) === 0) return undefined
  return reader.readBytesMap()
}

/**
 * Reads the body of a request, whose payload is read already (native_protocol_v4.spec §4.1). Bytes
 * behind it are ignored, as servers do. Values are views of the frame's memory.
 *
 * @throws ProtocolError if the body is malformed or the opcode is not that of a request
 */
export function readRequest(
  reader: WireReader,
  opcode: number,
  features: ProtocolFeatures = initialFeatures,
): Request {
  const { version } = features
  switch (opcode) {
    case Opcode.STARTUP:
      return readStartup(reader)
    case Opcode.OPTIONS:
      return { opcode }
    case Opcode.AUTH_RESPONSE:
      return { opcode, token: readAuthToken(reader) }
    case Opcode.REGISTER:
      return readRegister(reader)
    case Opcode.QUERY:
      return readQuery(reader, version)
    case Opcode.PREPARE:
      return readPrepare(reader, version)
    case Opcode.EXECUTE:
      return readExecute(reader, features)
    case Opcode.BATCH:
      return readBatchRequest(reader, version)
    default:
      throw new ProtocolError(`Unknown opcode ${opcode} of a request`)
  }
}
