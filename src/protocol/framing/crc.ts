import { crc32 } from 'node:zlib'

// Checksums of segments (native_protocol_v5.spec §2.2).

const crc24Start = 0x875060
const crc24Polynomial = 0x1974f0b

const crc24Table: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 16
  for (let bit = 0; bit < 8; bit++) {
    crc <<= 1
    if ((crc & 0x1000000) !== 0) crc ^= crc24Polynomial
  }
  return crc
})

/** Checksum of the `length` bytes of a segment's header at `start`. */
export function headerCrc24(bytes: Uint8Array, start: number, length: number): number {
  let crc = crc24Start
  for (let i = 0; i < length; i++) {
    crc = ((crc << 8) ^ crc24Table[((crc >> 16) ^ bytes[start + i]!) & 0xff]!) & 0xffffff
  }
  return crc
}

/** The checksum of a payload begins with that of these bytes. */
const crc32Start = crc32(Uint8Array.of(0xfa, 0x2d, 0x55, 0xca))

/** Checksum of a segment's payload, an unsigned 32-bit integer. */
export function payloadCrc32(bytes: Uint8Array, start: number, end: number): number {
  return crc32(bytes.subarray(start, end), crc32Start)
}
