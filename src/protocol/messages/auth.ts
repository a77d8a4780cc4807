import { Opcode } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

export interface AuthenticateResponse {
  readonly opcode: typeof Opcode.AUTHENTICATE
  /** Class name of the server's authenticator. */
  readonly authenticator: string
}
export interface AuthResponseRequest {
  readonly opcode: typeof Opcode.AUTH_RESPONSE
  readonly token: Uint8Array | null
}
export interface AuthChallengeResponse {
  readonly opcode: typeof Opcode.AUTH_CHALLENGE
  readonly token: Uint8Array | null
}
export interface AuthSuccessResponse {
  readonly opcode: typeof Opcode.AUTH_SUCCESS
  readonly token: Uint8Array | null
}

/** `[string]` (native_protocol_v4.spec §4.2.3) */
export function writeAuthenticate(writer: WireWriter, authenticator: string): void {
  writer.writeString(authenticator)
}

export function readAuthenticate(reader: WireReader): AuthenticateResponse {
  return { opcode: Opcode.AUTHENTICATE, authenticator: reader.readString() }
}

/** `[bytes]` of AUTH_RESPONSE, AUTH_CHALLENGE and AUTH_SUCCESS (v4 spec §4.1.2, §4.2.7, §4.2.8). */
export function writeAuthToken(writer: WireWriter, token: Uint8Array | null): void {
  writer.writeBytes(token)
}

export function readAuthToken(reader: WireReader): Uint8Array | null {
  return reader.readBytes()
}
