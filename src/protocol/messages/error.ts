import { ServerError, ServerErrorCode, type ServerErrorDetails } from '../../errors/index.ts'
import { Inet } from '../../types/index.ts'
import { ProtocolVersion } from '../constants.ts'
import type { ProtocolFeatures } from '../features.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

// <code:int><message:string> and what the code asks for (native_protocol_v4.spec §9). v5 adds
// contentions to 1100, and has reasons in place of the number of failures in 1300 and 1500
// (native_protocol_v5.spec §9).

const codes = ServerErrorCode

/** Reads the body of an ERROR response. Codes outside the specification keep code and message. */
export function readError(
  reader: WireReader,
  { version, rateLimitErrorCode }: ProtocolFeatures,
): ServerError {
  const code = reader.readInt()
  const message = reader.readString()
  // The number is negotiated, so that it may change.
  if (code === rateLimitErrorCode) {
    return new ServerError(code, message, readRateLimit(reader), 'TSYLLA_SERVER_RATE_LIMIT')
  }
  return new ServerError(code, message, readDetails(reader, code, version))
}

/** `<op_type:byte><rejected_by_coordinator:byte>` (protocol-extensions.md of ScyllaDB) */
function readRateLimit(reader: WireReader): ServerErrorDetails {
  const operation = reader.readByte() === 0 ? 'read' : 'write'
  return { operation, isRejectedByCoordinator: reader.readByte() !== 0 }
}

function readDetails(
  reader: WireReader,
  code: number,
  version: ProtocolVersion,
): ServerErrorDetails {
  switch (code) {
    case codes.UNAVAILABLE:
      return {
        consistency: reader.readConsistency(),
        required: reader.readInt(),
        alive: reader.readInt(),
      }
    case codes.WRITE_TIMEOUT: {
      const details = { ...readReplicas(reader), writeType: reader.readString() }
      // Servers that leave them out are told apart by the end of the frame.
      const mayHaveThem = version === ProtocolVersion.V5 && details.writeType === 'CAS'
      const hasContentions = mayHaveThem && reader.remaining >= 2
      return hasContentions ? { ...details, contentions: reader.readShort() } : details
    }
    case codes.READ_TIMEOUT:
      return { ...readReplicas(reader), dataPresent: reader.readByte() !== 0 }
    case codes.READ_FAILURE:
      return {
        ...readReplicas(reader),
        ...readFailures(reader, version),
        dataPresent: reader.readByte() !== 0,
      }
    case codes.WRITE_FAILURE:
      return {
        ...readReplicas(reader),
        ...readFailures(reader, version),
        writeType: reader.readString(),
      }
    case codes.CAS_WRITE_UNKNOWN:
      return readReplicas(reader)
    case codes.FUNCTION_FAILURE:
      return {
        keyspace: reader.readString(),
        functionName: reader.readString(),
        argumentTypes: reader.readStringList(),
      }
    case codes.ALREADY_EXISTS:
      return { keyspace: reader.readString(), table: reader.readString() }
    case codes.UNPREPARED:
      return { statementId: reader.readShortBytes() }
    default:
      return {}
  }
}

/** `<cl><received><blockfor>` */
function readReplicas(reader: WireReader): ServerErrorDetails {
  return {
    consistency: reader.readConsistency(),
    received: reader.readInt(),
    required: reader.readInt(),
  }
}

/** `<failures:int>`, and in v5 as many `<address:inetaddr><reason:short>` */
function readFailures(
  reader: WireReader,
  version: ProtocolVersion,
): Pick<ServerErrorDetails, 'failures' | 'failureReasons'> {
  if (version === ProtocolVersion.V4) return { failures: reader.readInt() }
  const failures = reader.readCount(7)
  const failureReasons = new Map<string, number>()
  for (let i = 0; i < failures; i++) {
    const { address } = reader.readInetAddress()
    failureReasons.set(address, reader.readShort())
  }
  return { failures, failureReasons }
}

/** Writes the body of an ERROR response. */
export function writeError(
  writer: WireWriter,
  code: number,
  message: string,
  details: ServerErrorDetails = {},
  version: ProtocolVersion = ProtocolVersion.V4,
): void {
  writer.writeInt(code)
  writer.writeString(message)
  if (details.operation !== undefined) {
    writer.writeByte(details.operation === 'read' ? 0 : 1)
    writer.writeByte(details.isRejectedByCoordinator === true ? 1 : 0)
    return
  }
  switch (code) {
    case codes.UNAVAILABLE:
      writer.writeConsistency(details.consistency ?? 'ONE')
      writer.writeInt(details.required ?? 0)
      writer.writeInt(details.alive ?? 0)
      return
    case codes.WRITE_TIMEOUT:
      writeReplicas(writer, details)
      writer.writeString(details.writeType ?? 'SIMPLE')
      if (version === ProtocolVersion.V5 && details.writeType === 'CAS') {
        writer.writeShort(details.contentions ?? 0)
      }
      return
    case codes.READ_TIMEOUT:
      writeReplicas(writer, details)
      writer.writeByte(details.dataPresent === true ? 1 : 0)
      return
    case codes.READ_FAILURE:
      writeReplicas(writer, details)
      writeFailures(writer, details, version)
      writer.writeByte(details.dataPresent === true ? 1 : 0)
      return
    case codes.WRITE_FAILURE:
      writeReplicas(writer, details)
      writeFailures(writer, details, version)
      writer.writeString(details.writeType ?? 'SIMPLE')
      return
    case codes.CAS_WRITE_UNKNOWN:
      writeReplicas(writer, details)
      return
    case codes.FUNCTION_FAILURE:
      writer.writeString(details.keyspace ?? '')
      writer.writeString(details.functionName ?? '')
      writer.writeStringList(details.argumentTypes ?? [])
      return
    case codes.ALREADY_EXISTS:
      writer.writeString(details.keyspace ?? '')
      writer.writeString(details.table ?? '')
      return
    case codes.UNPREPARED:
      writer.writeShortBytes(details.statementId ?? new Uint8Array(0))
      return
  }
}

function writeFailures(
  writer: WireWriter,
  { failures = 0, failureReasons }: ServerErrorDetails,
  version: ProtocolVersion,
): void {
  if (version === ProtocolVersion.V4) return writer.writeInt(failures)
  const reasons = [...(failureReasons ?? [])]
  writer.writeInt(reasons.length)
  for (const [address, reason] of reasons) {
    writer.writeInetAddress(Inet.parse(address))
    writer.writeShort(reason)
  }
}

function writeReplicas(writer: WireWriter, details: ServerErrorDetails): void {
  writer.writeConsistency(details.consistency ?? 'ONE')
  writer.writeInt(details.received ?? 0)
  writer.writeInt(details.required ?? 0)
}
