import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/errors/index.ts'
import {
  beginRequest,
  beginResponse,
  bodyBytesMax,
  type Compressor,
  endFrame,
  endFrameCompressed,
  FrameParser,
  loadCompressor,
  Opcode,
  VersionMismatchError,
  WireWriter,
} from '../../src/protocol/index.ts'

interface Seen {
  flags: number
  streamId: number
  opcode: number
  body: number[]
}

function collecting(direction: 'request' | 'response' = 'response', bodyMax?: number) {
  const frames: Seen[] = []
  const parser = new FrameParser(
    {
      onFrame(flags, streamId, opcode, bytes, bodyStart, bodyEnd) {
        frames.push({ flags, streamId, opcode, body: [...bytes.subarray(bodyStart, bodyEnd)] })
      },
    },
    { direction, ...(bodyMax === undefined ? {} : { bodyBytesMax: bodyMax }) },
  )
  return { frames, parser }
}

function frame(streamId: number, body: readonly number[], flags = 0): Uint8Array {
  const writer = new WireWriter(16)
  const start = beginResponse(writer, flags, streamId, Opcode.RESULT)
  writer.writeRaw(Uint8Array.from(body))
  endFrame(writer, start)
  return writer.copyFrom(0)
}

describe('frames', () => {
  test('have the header of the specification', () => {
    const writer = new WireWriter(4)
    const start = beginRequest(writer, 0x02, 0x1234, Opcode.QUERY)
    writer.writeShort(0xabcd)
    endFrame(writer, start)
    expect([...writer.copyFrom(0)]).toEqual([0x04, 0x02, 0x12, 0x34, 0x07, 0, 0, 0, 2, 0xab, 0xcd])
    expect(frame(-1, [])).toEqual(Uint8Array.of(0x84, 0, 0xff, 0xff, 0x08, 0, 0, 0, 0))
  })

  test('a body beyond 256 MiB is refused by the side that writes it', () => {
    const writer = new WireWriter(16)
    beginRequest(writer, 0, 0, Opcode.QUERY)
    writer.offset = bodyBytesMax + 10
    expect(() => endFrame(writer, 0)).toThrow('too large')
  })

  test('are found however the stream is cut', () => {
    const bodies = fc.array(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 30 })), (list, cuts) => {
        const stream = Buffer.concat(list.map((body, i) => frame(i - 1, body)))
        const { frames, parser } = collecting()
        let at = 0
        for (const cut of cuts) {
          parser.push(stream, at, Math.min(at + cut, stream.length))
          at = Math.min(at + cut, stream.length)
        }
        parser.push(stream, at)
        expect(frames.map((f) => f.body)).toEqual(list)
        expect(frames.map((f) => f.streamId)).toEqual(list.map((_, i) => i - 1))
        expect(parser.pendingBytes).toBe(0)
      }),
    )
  })

  test('are found when fed byte by byte', () => {
    const stream = Buffer.concat([frame(1, [1, 2, 3]), frame(32767, []), frame(3, [9])])
    const { frames, parser } = collecting()
    for (const byte of stream) parser.push(Uint8Array.of(byte))
    expect(frames.map((f) => [f.streamId, f.body])).toEqual([
      [1, [1, 2, 3]],
      [32767, []],
      [3, [9]],
    ])
  })

  test('a large split frame is put together', () => {
    const body = Array.from({ length: 3_000_000 }, (_, i) => i & 0xff)
    const stream = frame(5, body)
    const { frames, parser } = collecting()
    for (let at = 0; at < stream.length; at += 65_536) {
      parser.push(stream, at, Math.min(at + 65_536, stream.length))
    }
    expect(Buffer.from(frames[0]!.body).equals(Buffer.from(body))).toBe(true)
  })

  test('a stopped parser ignores the rest of the chunk', () => {
    const seen: number[] = []
    const parser: FrameParser = new FrameParser(
      {
        onFrame(_flags, streamId) {
          seen.push(streamId)
          parser.stop()
        },
      },
      { direction: 'response' },
    )
    parser.push(Buffer.concat([frame(1, []), frame(2, []), frame(3, [1])]))
    parser.push(frame(4, []))
    expect(seen).toEqual([1])
  })
})

describe('a parser with a limit of frames', () => {
  const collect = (frameBytesMax: number, pausesAt?: number) => {
    const seen: (number | string)[] = []
    const parser: FrameParser = new FrameParser(
      {
        onFrame(_flags, streamId) {
          seen.push(streamId)
          if (streamId === pausesAt) parser.pause()
        },
        onFrameTooLarge: (streamId, frameBytes) => seen.push(`${streamId}: ${frameBytes}`),
      },
      { direction: 'response', frameBytesMax },
    )
    return { seen, parser }
  }
  const large = new Array<number>(100).fill(7)
  const stream = Buffer.concat([frame(1, []), frame(2, large), frame(3, [1]), frame(4, large)])

  test('skips and reports those beyond it, however the stream is cut', () => {
    for (let size = 1; size <= stream.length; size++) {
      const { seen, parser } = collect(108)
      for (let at = 0; at < stream.length; at += size) {
        parser.push(stream, at, Math.min(at + size, stream.length))
      }
      expect(seen).toEqual([1, '2: 109', 3, '4: 109'])
    }
    const { seen, parser } = collect(109)
    parser.push(stream)
    expect(seen).toEqual([1, 2, 3, 4])
  })

  test('keeps nothing of a frame it skips', () => {
    const { parser } = collect(1 << 20)
    parser.push(Uint8Array.of(0x84, 0, 0, 0, 8, 0x7f, 0xff, 0xff, 0xff))
    for (let i = 0; i < 100; i++) parser.push(new Uint8Array(65_536))
    expect(parser.pendingBytes).toBe(0)
  })

  test('stops after the frame during which it was paused, and says where', () => {
    for (const pausesAt of [1, 3]) {
      const { seen, parser } = collect(1000, pausesAt)
      const taken = parser.push(stream)
      expect(seen.at(-1)).toBe(pausesAt)
      parser.push(stream, taken)
      expect(seen).toEqual([1, 2, 3, 4])
    }
    // Also when it was put together from two chunks.
    const { seen, parser } = collect(1000, 1)
    expect(parser.push(stream, 0, 5)).toBe(5)
    expect(parser.push(stream, 5)).toBe(9)
    expect(seen).toEqual([1])
  })
})

describe('the parser refuses', () => {
  test('a negative length', () => {
    const { parser } = collecting()
    const bytes = Uint8Array.of(0x84, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff)
    expect(() => parser.push(bytes)).toThrow(ProtocolError)
  })

  test('a body beyond the limit, before it arrives', () => {
    const { parser } = collecting('response', 100)
    const bytes = Uint8Array.of(0x84, 0, 0, 0, 8, 0, 0, 0, 101)
    expect(() => parser.push(bytes)).toThrow(ProtocolError)
  })

  test('a request where responses are expected, and the reverse', () => {
    expect(() => collecting().parser.push(Uint8Array.of(4, 0, 0, 0, 8, 0, 0, 0, 0))).toThrow(
      ProtocolError,
    )
    const { parser } = collecting('request')
    expect(() => parser.push(frame(1, []))).toThrow(ProtocolError)
  })

  test('another version, naming it and the stream, even before the header is complete', () => {
    for (const [bytes, version, streamId] of [
      [[0x42, 0, 0, 7, 1, 0, 0, 0, 0], 0x42, 7],
      [[0x05, 0, 1, 0], 5, 256],
      [[0x02, 0, 3, 5], 2, 3],
    ] as const) {
      const { parser } = collecting('request')
      let error: unknown
      try {
        parser.push(Uint8Array.from(bytes))
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(VersionMismatchError)
      expect(error).toMatchObject({ version, streamId, code: 'TSYLLA_PROTOCOL' })
    }
  })

  test('a compressed frame when no compression was negotiated', () => {
    expect(() => collecting().parser.push(frame(1, [1], 0x01))).toThrow(ProtocolError)
  })
})

describe('a lying header', () => {
  test('reserves no more than 1 MiB before bytes arrive', () => {
    const { parser } = collecting()
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 4; i++) {
      collecting().parser.push(Uint8Array.of(0x84, 0, 0, 0, 8, 0x0f, 0xff, 0xff, 0xff))
    }
    parser.push(Uint8Array.of(0x84, 0, 0, 0, 8, 0x0f, 0xff, 0xff, 0xff))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
    expect(parser.pendingBytes).toBe(9)
  })
})

describe.each(['lz4', 'snappy'] as const)('%s', (name) => {
  function compressedFrame(compressor: Compressor, body: readonly number[]): Uint8Array {
    const writer = new WireWriter(16)
    const start = beginResponse(writer, 0, 1, Opcode.RESULT)
    writer.writeRaw(Uint8Array.from(body))
    endFrameCompressed(writer, start, compressor, 16)
    return writer.copyFrom(0)
  }

  test('a body shrinks on the wire and comes out as it was', async () => {
    const compressor = await loadCompressor(name)
    const body = Array.from({ length: 5000 }, () => 7)
    const bytes = compressedFrame(compressor, body)
    expect(bytes.length).toBeLessThan(1000)
    expect(bytes[1]).toBe(1)
    const { frames, parser } = collecting()
    parser.compressor = compressor
    parser.push(bytes)
    expect(frames).toEqual([{ flags: 0, streamId: 1, opcode: 8, body }])
  })

  test('a small or incompressible body goes as it is', async () => {
    const compressor = await loadCompressor(name)
    expect(compressedFrame(compressor, [1, 2, 3])[1]).toBe(0)
    const noise = Array.from({ length: 64 }, (_, i) => (i * 167 + i * i * 31) & 0xff)
    expect(compressedFrame(compressor, noise)[1]).toBe(0)
  })

  test('any body survives', async () => {
    const compressor = await loadCompressor(name)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (body) => {
        const packed = compressor.compress(body)
        expect(Buffer.from(compressor.decompress(packed, 3000)).equals(body)).toBe(true)
      }),
    )
  })

  test('a body that shrinks as much as it can survives', async () => {
    const compressor = await loadCompressor(name)
    for (const byteCount of [1_024, 100_000, 4_000_000]) {
      const body = new Uint8Array(byteCount)
      const packed = compressor.compress(body)
      expect(Buffer.from(compressor.decompress(packed, byteCount)).equals(body)).toBe(true)
    }
  })

  test('a declared size is checked before anything is decompressed', async () => {
    const compressor = await loadCompressor(name)
    const packed = Buffer.from(compressor.compress(new Uint8Array(5000)))
    expect(() => compressor.decompress(packed, 4999)).toThrow(ProtocolError)
    const bombs =
      name === 'lz4'
        ? [[], [0, 0], [0x0f, 0xff, 0xff, 0xff, 0], [0, 0, 1, 0, 0], [0, 0, 0, 5, 0xff, 0xff]]
        : [[], [0x80], [0xff, 0xff, 0xff, 0xff, 0xff], [5, 0xff, 0xff], [0xff, 0xff, 0x7f, 0]]
    for (const bomb of bombs) {
      expect(() => compressor.decompress(Uint8Array.from(bomb), bodyBytesMax)).toThrow(
        ProtocolError,
      )
    }
  })

  test('random bytes give a body of the declared size or a protocol error', async () => {
    const compressor = await loadCompressor(name)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          expect(compressor.decompress(bytes, 10_000).length).toBeLessThanOrEqual(10_000)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
