/**
 * `Buffer`'s own UTF-8 primitives, for [string] (native_protocol_v4.spec §3). They cost half of
 * `write` and `toString`, which check arguments and encoding names first. Undocumented, so runtimes
 * without them fall back to the public ones.
 */
interface FastUtf8 {
  utf8Write?(text: string, offset: number, length: number): number
  utf8Slice?(start: number, end: number): string
}

const hasFastUtf8: boolean =
  typeof (Buffer.prototype as FastUtf8).utf8Write === 'function' &&
  typeof (Buffer.prototype as FastUtf8).utf8Slice === 'function'

function publicWrite(bytes: Buffer, text: string, at: number, room: number): number {
  return bytes.write(text, at, room, 'utf8')
}
function fastWrite(bytes: Buffer, text: string, at: number, room: number): number {
  return (bytes as unknown as Required<FastUtf8>).utf8Write(text, at, room)
}
function publicRead(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end)
}
function fastRead(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Required<FastUtf8>).utf8Slice(start, end)
}

/** Writes at most `room` bytes of `text` at `at`. Returns the number of bytes. */
export const utf8Write: (bytes: Buffer, text: string, at: number, room: number) => number =
  hasFastUtf8 ? fastWrite : publicWrite

/** The text of the bytes from `start` to `end`. */
export const utf8Read: (bytes: Buffer, start: number, end: number) => string = hasFastUtf8
  ? fastRead
  : publicRead
