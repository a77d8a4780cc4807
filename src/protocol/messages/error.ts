import { ServerError, ServerErrorCode, type ServerErrorDetails } from '../../errors/index.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

// <code:int><message:string> and what the code asks for (native_protocol_v4.spec §9). v5 adds
// contentions to 1100, reason maps to 1300 and 1500, and the code 1700.

const codes = ServerErrorCode

/** Reads the body of an ERROR response. Codes outside the specification keep code and message. */
export function readError(reader: WireReader): ServerError {
  const code = reader.readInt()
  const message = reader.readString()
  return new ServerError(code, message, readDetails(reader, code))
}

function readDetails(reader: WireReader, code: number): ServerErrorDetails {
  switch (code) {
    case codes.UNAVAILABLE:
      return {
        consistency: reader.readConsistency(),
        required: reader.readInt(),
        alive: reader.readInt(),
      }
    case codes.WRITE_TIMEOUT:
      return { ...readReplicas(reader), writeType: reader.readString() }
    case codes.READ_TIMEOUT:
      return { ...readReplicas(reader), dataPresent: reader.readByte() !== 0 }
    case codes.READ_FAILURE:
      return {
        ...readReplicas(reader),
        failures: reader.readInt(),
        dataPresent: reader.readByte() !== 0,
      }
    case codes.WRITE_FAILURE:
      return {
        ...readReplicas(reader),
        failures: reader.readInt(),
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

/** Writes the body of an ERROR response. */
export function writeError(
  writer: WireWriter,
  code: number,
  message: string,
  details: ServerErrorDetails = {},
): void {
  writer.writeInt(code)
  writer.writeString(message)
  switch (code) {
    case codes.UNAVAILABLE:
      writer.writeConsistency(details.consistency ?? 'ONE')
      writer.writeInt(details.required ?? 0)
      writer.writeInt(details.alive ?? 0)
      return
    case codes.WRITE_TIMEOUT:
      writeReplicas(writer, details)
      writer.writeString(details.writeType ?? 'SIMPLE')
      return
    case codes.READ_TIMEOUT:
      writeReplicas(writer, details)
      writer.writeByte(details.dataPresent === true ? 1 : 0)
      return
    case codes.READ_FAILURE:
      writeReplicas(writer, details)
      writer.writeInt(details.failures ?? 0)
      writer.writeByte(details.dataPresent === true ? 1 : 0)
      return
    case codes.WRITE_FAILURE:
      writeReplicas(writer, details)
      writer.writeInt(details.failures ?? 0)
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

function writeReplicas(writer: WireWriter, details: ServerErrorDetails): void {
  writer.writeConsistency(details.consistency ?? 'ONE')
  writer.writeInt(details.received ?? 0)
  writer.writeInt(details.required ?? 0)
}
