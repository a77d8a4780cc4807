import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/errors/index.ts'
import { ZipArchive } from '../../src/cloud/zip-archive.ts'
import { makeZip, type ZipPart } from '../support/zip.ts'

/** Made by Info-ZIP 3.0: extra fields, a folder, one stored and one deflated entry. */
const ofInfoZip = Buffer.from(
  [
    'UEsDBAoAAAAAAMOAe10AAAAAAAAAAAAAAAAHABwAZm9sZGVyL1VUCQADbqoJa26qCWt1eAsAAQQAAAAA',
    'BAAAAABQSwMEFAAAAAgAw4B7XZq8H8UNAAAA9QEAAAsAHABmb2xkZXIvbG9uZ1VUCQADbqoJa26qCWt1',
    'eAsAAQQAAAAABAAAAADLyc9LV8gZJUYSwQUAUEsDBAoAAAAAAMOAe13H7IAKBgAAAAYAAAAFABwAc2hv',
    'cnRVVAkAA26qCWtuqglrdXgLAAEEAAAAAAQAAAAAc2hvcnQKUEsBAh4DCgAAAAAAw4B7XQAAAAAAAAAA',
    'AAAAAAcAGAAAAAAAAAAQAO1BAAAAAGZvbGRlci9VVAUAA26qCWt1eAsAAQQAAAAABAAAAABQSwECHgMU',
    'AAAACADDgHtdmrwfxQ0AAAD1AQAACwAYAAAAAAABAAAApIFBAAAAZm9sZGVyL2xvbmdVVAUAA26qCWt1',
    'eAsAAQQAAAAABAAAAABQSwECHgMKAAAAAADDgHtdx+yACgYAAAAGAAAABQAYAAAAAAABAAAApIGTAAAA',
    'c2hvcnRVVAUAA26qCWt1eAsAAQQAAAAABAAAAABQSwUGAAAAAAMAAwDpAAAA2AAAAAAA',
  ].join(''),
  'base64',
)

/** What reading an entry of an archive gives. */
const read = (bytes: Buffer, name = 'a'): string => new ZipArchive(bytes).read(name).toString()
const part = (lies: Partial<ZipPart> = {}): ZipPart => ({ name: 'a', data: 'hello', ...lies })

describe('a zip archive', () => {
  test('is read, whether its entries are stored or deflated', () => {
    const long = 'x'.repeat(100_000)
    const zip = makeZip([
      part(),
      part({ name: 'b', isStored: true }),
      part({ name: 'c/d', data: long }),
    ])
    expect(new ZipArchive(zip).names).toEqual(['a', 'b', 'c/d'])
    expect([read(zip), read(zip, 'b'), read(zip, 'c/d')]).toEqual(['hello', 'hello', long])
    expect(read(makeZip([part({ data: '' })]))).toBe('')
    expect(read(makeZip([part()], 'a comment'))).toBe('hello')
    // What looks like the end of an archive within a comment is one.
    const two = makeZip([part()], `PK\x05\x06${'\0'.repeat(18)}`)
    expect(() => read(two)).toThrow(ConfigError)
  })

  test('of another program is read', () => {
    expect(new ZipArchive(ofInfoZip).names).toEqual(['folder/', 'folder/long', 'short'])
    expect(read(ofInfoZip, 'short')).toBe('short\n')
    expect(read(ofInfoZip, 'folder/long')).toBe(`${'long '.repeat(100)}\n`)
  })

  test.each([
    ['an entry that is not there', [part({ name: 'b' })], /does not contain "a", only b/],
    ['a wrong checksum', [part({ crc: 1 })], /"a" is damaged/],
    ['a wrong checksum, stored', [part({ isStored: true, crc: 1 })], /"a" is damaged/],
    ['more bytes than it says', [part({ bytes: 4 })], /"a" cannot be decompressed/],
    ['fewer bytes than it says', [part({ bytes: 6 })], /"a" is damaged/],
    ['a wrong size, stored', [part({ isStored: true, bytes: 4 })], /"a" is damaged/],
    ['data behind its end', [part({ compressedBytes: 1e6 })], /"a" is cut off/],
    ['a part of its data', [part({ compressedBytes: 3 })], /"a" cannot be decompressed/],
    ['another method', [part({ method: 12 })], /"a" is compressed by method 12/],
    ['garbage as deflated', [part({ isStored: true, method: 8 })], /cannot be decompressed/],
    ['encryption', [part({ flags: 1 })], /"a" is encrypted/],
    ['two entries of one name', [part(), part()], /two entries "a"/],
    ['another name in the header', [part({ headerName: 'b' })], /another name in its header/],
    ['a way out of its folder', [part(), part({ name: '../x' })], /entry with the name "..\/x"/],
    ['a way out in the middle', [part(), part({ name: 'x/../../y' })], /entry with the name/],
    ['an absolute name', [part(), part({ name: '/etc/passwd' })], /entry with the name/],
    ['a name of a drive', [part(), part({ name: 'C:x' })], /entry with the name/],
    ['a backslash', [part(), part({ name: '..\\x' })], /entry with the name/],
    ['an empty name', [part(), part({ name: '' })], /entry with the name ""/],
    [
      'too many entries',
      Array.from({ length: 65 }, (_, i) => part({ name: `${i}` })),
      /than 64 en/,
    ],
    ['a huge entry', [part({ data: new Uint8Array(2 ** 20 + 1) })], /more than 1048576 bytes/],
    ['a size of zip64', [part({ bytes: 0xffffffff })], /more than 1048576 bytes/],
  ])('with %s is refused', (_, parts, message) => {
    const zip = makeZip(parts)
    expect(() => read(zip)).toThrow(ConfigError)
    expect(() => read(zip)).toThrow(message)
  })

  test('that is a bomb takes no more memory than it says', () => {
    const bomb = deflateRawSync(new Uint8Array(64 * 2 ** 20))
    const lie = part({ data: bomb, isStored: true, method: 8, bytes: 1_000, crc: 0 })
    expect(() => read(makeZip([lie]))).toThrow(/cannot be decompressed/)
  })

  test('that is cut off anywhere, or has another byte anywhere, is refused or as before', () => {
    const zip = makeZip([part({ data: 'hello hello hello' }), part({ name: 'b', isStored: true })])
    for (let length = 0; length < zip.length; length++) {
      expect(() => read(Buffer.from(zip.subarray(0, length)))).toThrow(ConfigError)
    }
    for (let at = 0; at < zip.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = Buffer.from(zip)
        changed[at] = changed[at]! ^ bit
        let text = 'refused'
        try {
          text = read(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
        expect(['hello hello hello', 'refused']).toContain(text)
      }
    }
  })

  test('in several parts is refused', () => {
    const zip = makeZip([part()])
    zip.writeUInt16LE(1, zip.length - 18)
    expect(() => read(zip)).toThrow(/archive in several files/)
  })
})
