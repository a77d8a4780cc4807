import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ByteOutput, highWaterBytes, OutputBuffer } from '../../src/protocol/index.ts'

/** An output that reuses memory or keeps it, as the test decides from write to write. */
class TestOutput implements ByteOutput {
  pendingBytes = 0
  keepsMemory = true
  readonly #parts: Uint8Array[] = []

  write(bytes: Uint8Array): boolean {
    if (this.keepsMemory) {
      this.#parts.push(bytes)
      return false
    }
    this.#parts.push(Uint8Array.from(bytes))
    bytes.fill(0xff)
    return true
  }

  get sizes(): number[] {
    return this.#parts.map(({ length }) => length)
  }

  get memoryBytes(): number[] {
    return this.#parts.map(({ buffer }) => buffer.byteLength)
  }

  get received(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

interface Frame {
  readonly bytes: Buffer
  readonly flushNumber: number
  readonly start: number
  readonly end: number
  isWithdrawn: boolean
}

function writeFrame(buffer: OutputBuffer, bytes: Buffer): Frame {
  const { writer, flushCount: flushNumber } = buffer
  const start = writer.offset
  writer.writeRaw(bytes)
  return { bytes, flushNumber, start, end: writer.offset, isWithdrawn: false }
}

type Step =
  | { readonly kind: 'write'; readonly size: number }
  | { readonly kind: 'fail'; readonly size: number }
  | { readonly kind: 'withdraw'; readonly index: number }
  | { readonly kind: 'flush' | 'flushLarge' }
  | { readonly kind: 'reuse'; readonly keepsMemory: boolean }

const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 * highWaterBytes }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: size.map((bytes): Step => ({ kind: 'write', size: bytes })) },
  { weight: 1, arbitrary: size.map((bytes): Step => ({ kind: 'fail', size: bytes })) },
  { weight: 3, arbitrary: fc.nat(200).map((index): Step => ({ kind: 'withdraw', index })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'flush' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'flushLarge' }) },
  {
    weight: 1,
    arbitrary: fc.boolean().map((keepsMemory): Step => ({ kind: 'reuse', keepsMemory })),
  },
)

describe('an output buffer', () => {
  test('delivers exactly the frames that were kept, in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const output = new TestOutput()
        const buffer = new OutputBuffer(4 * 1024)
        buffer.attach(output)
        const frames: Frame[] = []
        let content = 0
        for (const one of steps) {
          if (one.kind === 'write') {
            content = (content + 1) % 251
            frames.push(writeFrame(buffer, Buffer.alloc(one.size, content)))
          } else if (one.kind === 'fail') {
            const { start } = writeFrame(buffer, Buffer.alloc(one.size, 252))
            buffer.rollBack(start)
          } else if (one.kind === 'withdraw') {
            const frame = frames[one.index % Math.max(1, frames.length)]
            if (frame === undefined || frame.isWithdrawn) continue
            const mayBeThere = buffer.hasLeft(frame.flushNumber)
            frame.isWithdrawn = buffer.withdraw(frame.flushNumber, frame.start, frame.end)
            expect(frame.isWithdrawn).toBe(!mayBeThere)
          } else if (one.kind === 'reuse') output.keepsMemory = one.keepsMemory
          else buffer[one.kind]()
        }
        buffer.flush()
        const kept = frames.filter(({ isWithdrawn }) => !isWithdrawn)
        expect(output.received.equals(Buffer.concat(kept.map(({ bytes }) => bytes)))).toBe(true)
      }),
    )
  })

  test('leaves before the end of the turn once much was written', () => {
    const output = new TestOutput()
    const buffer = new OutputBuffer(4 * 1024)
    buffer.attach(output)
    for (let i = 0; i < 100; i++) {
      writeFrame(buffer, Buffer.alloc(10_000))
      buffer.flushLarge()
    }
    buffer.flush()
    expect(output.sizes.length).toBeGreaterThan(6)
    expect(Math.max(...output.sizes)).toBeLessThan(highWaterBytes + 10_000)
  })

  test('releases the memory of large frames', () => {
    const output = new TestOutput()
    const buffer = new OutputBuffer(4 * 1024)
    buffer.attach(output)
    for (const bytes of [100, 1_000_000, 100]) {
      writeFrame(buffer, Buffer.alloc(bytes))
      buffer.flush()
    }
    expect(output.memoryBytes.map((bytes) => bytes <= 16 * 1024)).toEqual([true, false, true])
  })

  test('flushes once however often a flush is scheduled', () => {
    const output = new TestOutput()
    const buffer = new OutputBuffer(4 * 1024)
    buffer.attach(output)
    const callbacks: (() => void)[] = []
    for (let i = 0; i < 3; i++) {
      writeFrame(buffer, Buffer.alloc(10))
      buffer.flushLater((callback) => callbacks.push(callback))
    }
    expect(callbacks).toHaveLength(1)
    callbacks[0]!()
    expect(output.sizes).toEqual([30])
    expect(buffer.isFlushScheduled).toBe(false)
  })

  test('counts what waits in it and in its output', () => {
    const output = new TestOutput()
    const buffer = new OutputBuffer(4 * 1024)
    writeFrame(buffer, Buffer.alloc(10))
    expect(buffer.pendingBytes).toBe(10)
    output.pendingBytes = 7
    buffer.attach(output)
    expect(buffer.pendingBytes).toBe(17)
    buffer.flush()
    expect(buffer.pendingBytes).toBe(7)
  })

  test('sends nothing after it was closed', () => {
    const output = new TestOutput()
    const buffer = new OutputBuffer(4 * 1024)
    buffer.attach(output)
    const frame = writeFrame(buffer, Buffer.alloc(10))
    buffer.withdraw(frame.flushNumber, frame.start, frame.end)
    buffer.close()
    buffer.flush()
    expect(output.sizes).toEqual([])
  })
})
