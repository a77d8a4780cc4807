/** Writes bytes one after the other into memory that grows and is used again. */
export class ByteWriter {
  bytes: Buffer
  length = 0

  constructor(capacity = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Makes room for `count` more bytes; `bytes` may be another buffer afterwards. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  writeByte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  writeInt(value: number): void {
    this.reserve(4)
    const { bytes, length } = this
    bytes[length] = value >>> 24
    bytes[length + 1] = value >>> 16
    bytes[length + 2] = value >>> 8
    bytes[length + 3] = value
    this.length = length + 4
  }

  write(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start
    this.reserve(count)
    const { bytes, length } = this
    // Below some dozen bytes a loop is cheaper than the call into the runtime.
    if (count <= 24) {
      for (let i = 0; i < count; i++) bytes[length + i] = source[start + i]!
    } else {
      bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), length)
    }
    this.length = length + count
  }

  writeLatin1(text: string): void {
    this.reserve(text.length)
    this.bytes.write(text, this.length, 'latin1')
    this.length += text.length
  }
}

/** Up to this length a loop is cheaper than making a view and calling into the runtime. */
const loopBytesMax = 96

/** Copies `source` from `start` to `end` into `target` at `at`. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start <= loopBytesMax) {
    for (let i = start, j = at; i < end; i++, j++) target[j] = source[i]!
  } else {
    target.set(source.subarray(start, end), at)
  }
}
