import { ProtocolError, type ServerError } from '../../errors/index.ts'
import { Opcode, ProtocolVersion } from '../constants.ts'
import { initialFeatures, type ProtocolFeatures } from '../features.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import {
  type AuthChallengeResponse,
  type AuthenticateResponse,
  type AuthSuccessResponse,
  readAuthenticate,
  readAuthToken,
  writeAuthenticate,
  writeAuthToken,
} from './auth.ts'
import { readError, writeError } from './error.ts'
import { readEvent, type ServerEvent, writeEvent } from './event.ts'
import { readSupported, type SupportedResponse, writeSupported } from './options.ts'
import { readResult, type ResultResponse, writeResult } from './result.ts'
import type { ReadyResponse } from './startup.ts'

export interface ErrorResponse {
  readonly opcode: typeof Opcode.ERROR
  readonly error: ServerError
}
export interface EventResponse {
  readonly opcode: typeof Opcode.EVENT
  readonly event: ServerEvent
}

export type Response =
  | ErrorResponse
  | ReadyResponse
  | AuthenticateResponse
  | SupportedResponse
  | AuthChallengeResponse
  | AuthSuccessResponse
  | EventResponse
  | ResultResponse

/**
 * Reads the body of a response, whose prefix is read already (native_protocol_v4.spec §4.2).
 *
 * @throws ProtocolError if the body is malformed or the opcode is not that of a response
 */
export function readResponse(
  reader: WireReader,
  opcode: number,
  features: ProtocolFeatures = initialFeatures,
): Response {
  switch (opcode) {
    case Opcode.ERROR:
      return { opcode, error: readError(reader, features) }
    case Opcode.READY:
      return { opcode }
    case Opcode.AUTHENTICATE:
      return readAuthenticate(reader)
    case Opcode.SUPPORTED:
      return readSupported(reader)
    case Opcode.RESULT:
      return readResult(reader, features)
    case Opcode.EVENT:
      return { opcode, event: readEvent(reader) }
    case Opcode.AUTH_CHALLENGE:
    case Opcode.AUTH_SUCCESS:
      return { opcode, token: readAuthToken(reader) }
    default:
      throw new ProtocolError(`Unknown opcode ${opcode} of a response`)
  }
}

/** The inverse of `readResponse`: the body, after `beginResponse`. */
export function writeResponse(
  writer: WireWriter,
  response: Response,
  version: ProtocolVersion = ProtocolVersion.V4,
): void {
  switch (response.opcode) {
    case Opcode.ERROR: {
      const { serverCode, message, details } = response.error
      return writeError(writer, serverCode, message, details, version)
    }
    case Opcode.READY:
      return
    case Opcode.AUTHENTICATE:
      return writeAuthenticate(writer, response.authenticator)
    case Opcode.SUPPORTED:
      return writeSupported(writer, response.options)
    case Opcode.EVENT:
      return writeEvent(writer, response.event)
    case Opcode.AUTH_CHALLENGE:
    case Opcode.AUTH_SUCCESS:
      return writeAuthToken(writer, response.token)
    case Opcode.RESULT:
      return writeResult(writer, response)
  }
}
