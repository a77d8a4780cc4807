import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError, ProtocolError } from '../../src/errors/index.ts'
import { UNSET, WireReader, WireWriter } from '../../src/protocol/index.ts'
import { Inet } from '../../src/types/index.ts'

function written(write: (writer: WireWriter) => void): Buffer {
  const writer = new WireWriter(1)
  write(writer)
  return writer.bytes.subarray(0, writer.offset)
}
function readerOf(write: (writer: WireWriter) => void): WireReader {
  return new WireReader(written(write))
}

describe('the writer', () => {
  test('grows in the middle of a frame and keeps what was written', () => {
    const writer = new WireWriter(2)
    for (let i = 0; i < 1000; i++) writer.writeInt(i)
    const reader = new WireReader(writer.bytes, 0, writer.offset)
    for (let i = 0; i < 1000; i++) expect(reader.readInt()).toBe(i)
  })

  test('a [string] of 65,535 bytes is written, one of 65,536 is refused before its first byte', () => {
    expect(written((w) => w.writeString('x'.repeat(0xffff))).length).toBe(2 + 0xffff)
    const writer = new WireWriter(16)
    writer.writeByte(7)
    expect(() => writer.writeString('x'.repeat(0x10000))).toThrow(ConfigError)
    expect(writer.offset).toBe(1)
    expect(() => writer.writeString('é'.repeat(0x8000))).toThrow(ConfigError)
    expect(writer.offset).toBe(1)
  })

  test('[short bytes], lists and maps beyond 65,535 are refused before their first byte', () => {
    const writer = new WireWriter(16)
    writer.writeShortBytes(new Uint8Array(0xffff))
    expect(writer.offset).toBe(2 + 0xffff)
    writer.offset = 0
    const long = Array.from({ length: 0x10000 }, () => '')
    expect(() => writer.writeShortBytes(new Uint8Array(0x10000))).toThrow(ConfigError)
    expect(() => writer.writeStringList(long)).toThrow(ConfigError)
    expect(() => writer.writeStringMap(new Map(long.map((_, i) => [`${i}`, ''])))).toThrow()
    expect(writer.offset).toBe(0)
    writer.writeStringList(long.slice(1))
    expect(new WireReader(writer.bytes, 0, writer.offset).readStringList().length).toBe(0xffff)
  })

  test('[bytes] of more than 2^31-1 are refused before their first byte', () => {
    const writer = new WireWriter(16)
    const lying = { length: 2 ** 31 } as unknown as Uint8Array
    expect(() => writer.writeBytes(lying)).toThrow(ConfigError)
    expect(writer.offset).toBe(0)
    expect(() => writer.reserve(2 ** 31)).toThrow(ConfigError)
  })

  test('hands out its memory and goes on in other memory', () => {
    const writer = new WireWriter(16)
    writer.writeInt(1)
    const first = writer.detach()
    writer.writeInt(2)
    expect([...first]).toEqual([0, 0, 0, 1])
    writer.adopt(new Uint8Array(new ArrayBuffer(64), 8, 16))
    writer.writeLong(3n)
    expect(writer.bytes.byteOffset).toBe(8)
    expect([...writer.copyFrom(0)]).toEqual([0, 0, 0, 0, 0, 0, 0, 3])
  })
})

describe('what is written is read back', () => {
  test('any text, as [string] and [long string]', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const reader = readerOf((w) => {
          w.writeString(text)
          w.writeLongString(text)
        })
        expect(reader.readString()).toBe(text)
        expect(reader.readLongString()).toBe(text)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  test('a long text whose UTF-8 length differs from its length', () => {
    const text = 'aé€😀'.repeat(10_000)
    expect(readerOf((w) => w.writeLongString(text)).readLongString()).toBe(text)
  })

  test('every [long], also one given as number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(readerOf((w) => w.writeLong(value)).readLong()).toBe(value)
      }),
    )
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(readerOf((w) => w.writeLongOfNumber(value)).readLong()).toBe(BigInt(value))
      }),
    )
  })

  test('null, UNSET and empty values are three things', () => {
    const reader = readerOf((w) => {
      w.writeInt(-1)
      w.writeInt(-2)
      w.writeInt(0)
    })
    expect(reader.readValue()).toBe(null)
    expect(reader.readValue()).toBe(UNSET)
    expect(reader.readValue()).toHaveLength(0)
  })

  test('maps, multimaps, bytes maps and inet addresses', () => {
    const strings = new Map([['a', 'b']])
    const multi = new Map([['CQL_VERSION', ['3.0.0', '3.4.7']]])
    const payload = new Map([
      ['k', Uint8Array.of(1, 2)],
      ['n', null],
    ])
    const reader = readerOf((w) => {
      w.writeStringMap(strings)
      w.writeStringMultimap(multi)
      w.writeBytesMap(payload)
      w.writeInet(Inet.parse('::1'), 9042)
      w.writeConsistency('LOCAL_QUORUM')
    })
    expect(reader.readStringMap()).toEqual(strings)
    expect(reader.readStringMultimap()).toEqual(multi)
    expect(reader.readBytesMap()).toEqual(payload)
    const inet = reader.readInet()
    expect(inet.address.toString()).toBe('::1')
    expect(inet.port).toBe(9042)
    expect(reader.readConsistency()).toBe('LOCAL_QUORUM')
  })
})

describe('the reader refuses', () => {
  const cases: [string, number[], (reader: WireReader) => unknown][] = [
    ['a byte that is not there', [], (r) => r.readByte()],
    ['a cut short', [1], (r) => r.readShort()],
    ['a cut int', [1, 2, 3], (r) => r.readInt()],
    ['a cut long', [1, 2, 3, 4, 5, 6, 7], (r) => r.readLong()],
    ['a string longer than the frame', [0, 3, 65], (r) => r.readString()],
    ['a long string of negative length', [255, 255, 255, 255], (r) => r.readLongString()],
    ['bytes longer than the frame', [0x7f, 255, 255, 255], (r) => r.readBytes()],
    ['a value of length -3', [255, 255, 255, 253], (r) => r.readValue()],
    ['a negative count', [255, 255, 255, 255, 0], (r) => r.readCount(1)],
    ['a count the frame cannot hold', [0x40, 0, 0, 0, 0], (r) => r.readCount(1)],
    ['a string list the frame cannot hold', [255, 255, 0, 0], (r) => r.readStringList()],
    ['an inet address of 5 bytes', [5, 1, 2, 3, 4, 5, 0, 0, 0, 1], (r) => r.readInet()],
    ['an unknown consistency', [0, 11], (r) => r.readConsistency()],
    ['a cut uuid', [1, 2, 3], (r) => r.readUuid()],
  ]
  test.each(cases)('%s', (_, bytes, read) => {
    expect(() => read(new WireReader(Uint8Array.from(bytes)))).toThrow(ProtocolError)
  })

  test('what lies behind its end, though the buffer goes on', () => {
    const reader = new WireReader(new Uint8Array(100), 10, 13)
    expect(() => reader.readInt()).toThrow(ProtocolError)
    expect(() => new WireReader(new Uint8Array(100), 10, 17).readLong()).toThrow(ProtocolError)
  })
})
