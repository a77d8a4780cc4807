import { ProtocolError, ServerErrorCode } from '../../errors/index.ts'
import {
  beginResponse,
  endFrame,
  EventType,
  Opcode,
  responseBit,
  type VersionMismatchError,
  WireWriter,
  writeError,
} from '../../protocol/index.ts'

/** First CQL version of the binary protocol (StartupMessage). */
const cqlMajorMin = 3

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(Opcode).map(([name, code]) => [code, name]),
)

/** The name of an opcode, for messages. */
export function opcodeName(opcode: number): string {
  return names.get(opcode) ?? `0x${opcode.toString(16)}`
}

/** Versions that clients try: of Cassandra, and from 65 on of DataStax Enterprise. */
export function isVersion(version: number): boolean {
  return (version > 0 && version <= 10) || (version >= 65 && version <= 70)
}

/**
 * The answer to a frame of a version that is not spoken. Clients negotiate on it: some read the
 * text, some the version in its header. Versions 1 and 2 have a header of eight bytes, with which
 * alone such a client can read what is wrong (CASSANDRA-11464).
 */
export function unsupportedVersionFrame(error: VersionMismatchError): Uint8Array {
  const { version, streamId } = error
  const message = `Invalid or unsupported protocol version (${version}); supported versions are (4/v4)`
  const writer = new WireWriter(256)
  const start = beginResponse(writer, 0, streamId, Opcode.ERROR)
  writeError(writer, ServerErrorCode.PROTOCOL, message)
  endFrame(writer, start)
  const frame = writer.copyFrom(start)
  if (version !== 1 && version !== 2) return frame
  const short = new Uint8Array(frame.length - 1)
  short.set([version | responseBit, 0, streamId & 0xff], 0)
  short.set(frame.subarray(4), 3)
  return short
}

/** StartupMessage.execute: what STARTUP has to say. @throws ProtocolError */
export function checkStartup(options: ReadonlyMap<string, string>): void {
  const cqlVersion = options.get('CQL_VERSION')
  if (cqlVersion === undefined) {
    throw new ProtocolError('Missing value CQL_VERSION in STARTUP message')
  }
  const major = /^(\d+)\.\d+/.exec(cqlVersion)?.[1]
  if (major === undefined) throw new ProtocolError(`Invalid version value: ${cqlVersion}`)
  if (Number(major) < cqlMajorMin) {
    throw new ProtocolError(
      `CQL version ${cqlVersion} is not supported by the binary protocol (supported version are >= 3.0.0)`,
    )
  }
}

/** Checks the kinds of events of a REGISTER (RegisterMessage). @throws ProtocolError */
export function checkEventTypes(eventTypes: readonly string[]): void {
  for (const type of eventTypes) {
    if (!Object.hasOwn(EventType, type)) throw new ProtocolError(`Invalid value '${type}' for Type`)
  }
}
