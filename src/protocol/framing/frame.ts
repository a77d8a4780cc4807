import { ConfigError } from '../../errors/index.ts'
import {
  bodyBytesMax,
  HeaderFlag,
  headerBytes,
  ProtocolVersion,
  responseBit,
} from '../constants.ts'
import { compressBytesMin, type Compressor } from './compression.ts'
import type { WireWriter } from '../notation/writer.ts'

// Header: <version:byte><flags:byte><stream:short><opcode:byte><length:int>
// (native_protocol_v4.spec §2). The length is patched by `endFrame`.

/** Starts a request frame and returns its start for `endFrame`. */
export function beginRequest(
  writer: WireWriter,
  flags: number,
  streamId: number,
  opcode: number,
  version: ProtocolVersion = ProtocolVersion.V4,
): number {
  return beginFrame(writer, version, flags, streamId, opcode)
}

/** Starts a response frame and returns its start for `endFrame`. */
export function beginResponse(
  writer: WireWriter,
  flags: number,
  streamId: number,
  opcode: number,
  version: ProtocolVersion = ProtocolVersion.V4,
): number {
  return beginFrame(writer, version | responseBit, flags, streamId, opcode)
}

function beginFrame(
  writer: WireWriter,
  versionByte: number,
  flags: number,
  streamId: number,
  opcode: number,
): number {
  writer.reserve(headerBytes)
  const start = writer.offset
  const bytes = writer.bytes
  bytes[start] = versionByte
  bytes[start + 1] = flags
  bytes[start + 2] = streamId >> 8
  bytes[start + 3] = streamId
  bytes[start + 4] = opcode
  writer.offset = start + headerBytes
  return start
}

/**
 * Completes the frame that starts at `start`, all that was written since being its body.
 * @throws ConfigError if the body is larger than a frame may be
 */
export function endFrame(writer: WireWriter, start: number): void {
  const length = writer.offset - start - headerBytes
  if (length > bodyBytesMax) {
    throw new ConfigError(
      `A frame is too large: its body has ${length} bytes, at most ${bodyBytesMax} are possible`,
    )
  }
  writer.patchInt(start + 5, length)
}

/** As `endFrame`, compressing the body when it is large enough to gain. */
export function endFrameCompressed(
  writer: WireWriter,
  start: number,
  compressor: Compressor,
  bytesMin: number = compressBytesMin,
): void {
  const bodyStart = start + headerBytes
  endFrame(writer, start)
  if (writer.offset - bodyStart < bytesMin) return
  const compressed = compressor.compress(writer.bytes.subarray(bodyStart, writer.offset))
  if (compressed.length >= writer.offset - bodyStart) return
  writer.offset = bodyStart
  writer.writeRaw(compressed)
  writer.bytes[start + 1] = writer.bytes[start + 1]! | HeaderFlag.COMPRESSED
  endFrame(writer, start)
}

/**
 * Frames of v4 stand by themselves, and the body of each is compressed (native_protocol_v4.spec
 * §5). Those of v5 are not compressed: the segments that they travel in are.
 */
export class Framing {
  static readonly plain: Framing = new Framing(undefined)
  readonly #compressor: Compressor | undefined

  constructor(compressor: Compressor | undefined) {
    this.#compressor = compressor
  }

  /** Completes the frame that starts at `start`, all that was written since being its body. */
  complete(writer: WireWriter, start: number): void {
    if (this.#compressor === undefined) endFrame(writer, start)
    else endFrameCompressed(writer, start, this.#compressor)
  }
}
