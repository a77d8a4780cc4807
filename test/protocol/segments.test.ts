import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/errors/index.ts'
import { headerCrc24 } from '../../src/protocol/framing/crc.ts'
import {
  beginResponse,
  endFrame,
  type FrameHandler,
  FrameParser,
  loadCompressor,
  Lz4Compressor,
  Opcode,
  OutputBuffer,
  ProtocolVersion,
  SegmentParser,
  SegmentSealer,
  WireWriter,
} from '../../src/protocol/index.ts'

const lz4 = await loadCompressor('lz4')
if (!(lz4 instanceof Lz4Compressor)) throw new Error('lz4 is another compressor')
const compressors = [undefined, lz4]

function frameOf(streamId: number, body: Uint8Array): Uint8Array {
  const writer = new WireWriter()
  const start = beginResponse(writer, 0, streamId, Opcode.RESULT, ProtocolVersion.V5)
  writer.writeRaw(body)
  endFrame(writer, start)
  return writer.copyFrom(0)
}

/** The bodies that a parser of segments finds, by the order they come. */
class Receiver implements FrameHandler {
  readonly bodies: Buffer[] = []
  readonly streamIds: number[] = []
  readonly parser: SegmentParser

  constructor(compressor: Lz4Compressor | undefined) {
    const frames = new FrameParser(this, { direction: 'response' })
    frames.useVersion(ProtocolVersion.V5)
    this.parser = new SegmentParser(frames, compressor)
  }

  onFrame(_f: number, streamId: number, _o: number, bytes: Buffer, start: number, end: number) {
    this.streamIds.push(streamId)
    this.bodies.push(Buffer.from(bytes.subarray(start, end)))
  }

  /** Pushes the bytes in chunks of these sizes, each in memory that is overwritten afterwards. */
  pushAll(bytes: Uint8Array, chunkSizes: readonly number[]): void {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = chunkSizes[i % chunkSizes.length] ?? bytes.length
      const chunk = Buffer.from(bytes.subarray(at, at + size))
      this.parser.push(chunk)
      chunk.fill(0xee)
      at += size
    }
  }
}

/** Bodies of which some shrink when compressed, and some span several segments. */
const body = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 400_000 }), fc.nat(255))
      .map(([length, byte]) => new Uint8Array(length).fill(byte)),
  },
)
const bodies = fc.array(body, { minLength: 1, maxLength: 12 })
const chunkSizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })

describe.each(compressors)('segments with the compressor %#', (compressor) => {
  test('what is sealed is found again, however it is cut', () => {
    fc.assert(
      fc.property(bodies, chunkSizes, (sent, sizes) => {
        const sealer = new SegmentSealer(compressor)
        const frames = Buffer.concat(sent.map((one, i) => frameOf(i, one)))
        const receiver = new Receiver(compressor)
        receiver.pushAll(sealer.seal(frames), sizes)
        expect(receiver.bodies.map((one) => one.toString('hex'))).toEqual(
          sent.map((one) => Buffer.from(one).toString('hex')),
        )
      }),
    )
  })

  test('an output buffer seals what leaves together', () => {
    fc.assert(
      fc.property(bodies, chunkSizes, fc.boolean(), (sent, sizes, keepsMemory) => {
        const output = new OutputBuffer(4096)
        const parts: Uint8Array[] = []
        output.attach({
          write(bytes) {
            parts.push(keepsMemory ? bytes : Uint8Array.from(bytes))
            return !keepsMemory
          },
        })
        output.useSealer(new SegmentSealer(compressor))
        const kept: Uint8Array[] = []
        for (const [i, one] of sent.entries()) {
          const start = output.writer.offset
          const { flushCount } = output
          output.writer.writeRaw(frameOf(i, one))
          // Every third frame is withdrawn, every fourth leaves with those before it.
          if (i % 3 === 1) output.withdraw(flushCount, start, output.writer.offset)
          else kept.push(one)
          if (i % 4 === 3) output.flush()
          else output.flushLarge()
        }
        output.flush()
        expect(output.pendingBytes).toBe(0)
        const receiver = new Receiver(compressor)
        receiver.pushAll(Buffer.concat(parts), sizes)
        const withdrawn = sent.length - receiver.bodies.length
        expect(withdrawn).toBeLessThanOrEqual(Math.ceil(sent.length / 3))
        for (const one of kept) {
          expect(receiver.bodies.some((found) => found.equals(one))).toBe(true)
        }
      }),
    )
  })

  test('no changed bit goes unnoticed, and none is read beyond its segment', () => {
    const sealed = Buffer.from(
      new SegmentSealer(compressor).seal(frameOf(7, new Uint8Array(2_000).fill(5))),
    )
    for (let bit = 0; bit < sealed.length * 8; bit += sealed.length > 500 ? 61 : 1) {
      const broken = Buffer.from(sealed)
      broken[bit >> 3] = broken[bit >> 3]! ^ (1 << (bit & 7))
      const receiver = new Receiver(compressor)
      expect(() => receiver.parser.push(broken), `bit ${bit}`).toThrow(ProtocolError)
      expect(receiver.bodies).toEqual([])
    }
  })

  test('survives whatever a node sends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), chunkSizes, (bytes, sizes) => {
        const receiver = new Receiver(compressor)
        try {
          receiver.pushAll(bytes, sizes)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
        expect(receiver.bodies).toEqual([])
      }),
    )
  })
})

/** How Cassandra 5 answers `SELECT release_version FROM system.local`. */
const ofCassandra = [
  '440002a791b085000002080000003b000000020000000100000001000673797374656d00056c6f63',
  '616c000f72656c656173655f76657273696f6e000d0000000100000005352e302e39a22d7911',
].join('')

test('a segment of Cassandra is read, and its frame is sealed into the same bytes', () => {
  const receiver = new Receiver(undefined)
  receiver.parser.push(Buffer.from(ofCassandra, 'hex'))
  expect(receiver.bodies[0]!.toString('latin1')).toContain('release_version')
  const frame = frameOf(receiver.streamIds[0]!, receiver.bodies[0]!)
  expect(Buffer.from(new SegmentSealer(undefined).seal(frame)).toString('hex')).toBe(ofCassandra)
})

test('bits of the padding mean nothing', () => {
  const half = frameOf(1, new Uint8Array(50)).subarray(0, 20)
  const writer = new WireWriter()
  const sealer = new SegmentSealer(undefined)
  writer.writeRaw(new Uint8Array(sealer.headBytes))
  writer.writeRaw(half)
  sealer.sealInPlace(writer, 0)
  const segment = Buffer.from(writer.copyFrom(0))
  segment[2] = segment[2]! | 0xfc
  segment.writeUIntLE(headerCrc24(segment, 0, 3), 3, 3)
  expect(() => new Receiver(undefined).parser.push(segment)).toThrow(/goes on behind a segment/)
})

test('a self-contained segment contains whole frames', () => {
  const frame = frameOf(1, new Uint8Array(50))
  const halves = [frame.subarray(0, 20), frame.subarray(20)].map((half) => {
    const writer = new WireWriter()
    const sealer = new SegmentSealer(undefined)
    writer.writeRaw(new Uint8Array(sealer.headBytes))
    writer.writeRaw(half)
    sealer.sealInPlace(writer, 0)
    return writer.copyFrom(0)
  })
  const receiver = new Receiver(undefined)
  expect(() => receiver.parser.push(Buffer.concat(halves))).toThrow(/goes on behind a segment/)
})

test('a large segment has memory of its own, which later ones leave alone', () => {
  const seen: Buffer[] = []
  const frames = new FrameParser(
    {
      onFrame: (_f, _s, _o, bytes, start, end) => {
        seen.push(bytes.subarray(start, end))
      },
    },
    { direction: 'response' },
  )
  frames.useVersion(ProtocolVersion.V5)
  const parser = new SegmentParser(frames, undefined)
  const sealer = new SegmentSealer(undefined)
  for (const byte of [1, 2]) {
    const sealed = sealer.seal(frameOf(byte, new Uint8Array(100_000).fill(byte)))
    parser.push(sealed.subarray(0, 50_000))
    parser.push(sealed.subarray(50_000))
  }
  expect(seen.map((bytes) => [bytes[0], bytes.at(-1)])).toEqual([
    [1, 1],
    [2, 2],
  ])
})
