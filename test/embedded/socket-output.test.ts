import { expect, test } from 'vitest'
import { type ClientSocket, SocketOutput } from '../../src/embedded/socket-output.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const KiB = 1024

/** A socket whose client takes bytes when the test says so, whole writes at a time. */
class StubSocket implements ClientSocket {
  readonly sent: number[] = []
  writableLength = 0
  isEnded = false
  isDestroyed = false
  isStuck = true

  write(bytes: Uint8Array): void {
    this.sent.push(bytes.length)
    if (this.isStuck) this.writableLength += bytes.length
  }
  end(): void {
    this.isEnded = true
  }
  destroy(): void {
    this.isDestroyed = true
  }
  pause(): void {}
  resume(): void {}
}

const writeTimeoutMs = 60_000
const endTimeoutMs = 10_000

function open(): {
  socket: StubSocket
  clock: VirtualClock
  output: SocketOutput
  stalls: number[]
} {
  const socket = new StubSocket()
  const clock = new VirtualClock()
  const stalls: number[] = []
  const onStalled = (bytes: number): void => void stalls.push(bytes)
  const output = new SocketOutput(socket, { clock, writeTimeoutMs, endTimeoutMs, onStalled })
  return { socket, clock, output, stalls }
}

/** The client takes all that the socket has. */
function take(socket: StubSocket, output: SocketOutput): void {
  socket.writableLength = 0
  output.onDrain()
}

test('a client that takes nothing for the write timeout is disconnected', () => {
  const { socket, clock, output, stalls } = open()
  expect(output.write(new Uint8Array(100))).toBe(false)
  output.write(new Uint8Array(50))
  clock.advance(writeTimeoutMs - 1)
  expect(socket.isDestroyed).toBe(false)
  clock.advance(1)
  expect(socket.isDestroyed).toBe(true)
  expect(stalls).toEqual([150])
})

test('a client that takes answers slowly, a piece of one answer at a time, stays connected', () => {
  const { socket, clock, output, stalls } = open()
  output.write(new Uint8Array(2 * KiB * KiB))
  for (let i = 0; i < 8; i++) {
    expect(output.pendingBytes).toBe((8 - i) * 256 * KiB)
    clock.advance(writeTimeoutMs - 1)
    take(socket, output)
  }
  expect(output.pendingBytes).toBe(0)
  expect(socket.sent).toEqual(Array.from({ length: 8 }, () => 256 * KiB))
  clock.advance(10 * writeTimeoutMs)
  expect(stalls).toEqual([])
  expect(clock.pendingCount).toBe(0)
})

test('a client that took part of what it was sent has the timeout again for the rest', () => {
  const { socket, clock, output } = open()
  output.write(new Uint8Array(300 * KiB))
  clock.advance(writeTimeoutMs - 1)
  take(socket, output)
  clock.advance(writeTimeoutMs)
  expect(socket.isDestroyed).toBe(false)
  clock.advance(writeTimeoutMs)
  expect(socket.isDestroyed).toBe(true)
})

test('a client that takes many answers slowly stays connected', () => {
  const { socket, clock, output, stalls } = open()
  for (let i = 0; i < 20; i++) output.write(new Uint8Array(200 * KiB))
  // The socket passes on as one write whatever it was given while the client took nothing.
  while (output.pendingBytes > 0) {
    expect(socket.writableLength).toBeLessThan(512 * KiB)
    clock.advance(writeTimeoutMs - 1)
    take(socket, output)
  }
  expect(stalls).toEqual([])
  expect(socket.sent.reduce((sum, bytes) => sum + bytes, 0)).toBe(4000 * KiB)
})

test('no timer runs for a client that takes everything at once', () => {
  const { socket, clock, output } = open()
  socket.isStuck = false
  expect(output.write(new Uint8Array(5 * KiB * KiB))).toBe(true)
  expect(output.pendingBytes).toBe(0)
  expect(clock.pendingCount).toBe(0)
})

test('answers keep their order behind one that is being sent', () => {
  const { socket, output } = open()
  output.write(new Uint8Array(600 * KiB))
  output.write(new Uint8Array(10))
  expect(socket.sent).toEqual([256 * KiB])
  for (let i = 0; i < 3; i++) take(socket, output)
  expect(socket.sent.slice(1)).toEqual([256 * KiB, 88 * KiB, 10])
})

test('a connection ends behind what was written, and is destroyed when its client does not close it', () => {
  const { socket, clock, output } = open()
  output.write(new Uint8Array(300 * KiB))
  output.end()
  expect(socket.isEnded).toBe(false)
  take(socket, output)
  expect(socket.isEnded).toBe(true)
  clock.advance(endTimeoutMs)
  expect(socket.isDestroyed).toBe(true)
})

test('no timer is left when the socket is closed', () => {
  const { clock, output } = open()
  output.write(new Uint8Array(10))
  output.close()
  expect(clock.pendingCount).toBe(0)
})

test('a client that takes a few bytes per timeout is disconnected', () => {
  const { socket, clock, output, stalls } = open()
  for (let i = 0; i < 20; i++) output.write(new Uint8Array(200 * KiB))
  let takenBytes = 0
  while (!socket.isDestroyed) {
    clock.advance(writeTimeoutMs / 2)
    socket.writableLength -= 10
    takenBytes += 10
    expect(takenBytes).toBeLessThan(100)
  }
  expect(stalls).toEqual([4000 * KiB - takenBytes + 10])
  expect(output.pendingBytes).toBeGreaterThan(0)
})

test('a client must take a part of much that is unread, and all of little', () => {
  const much = open()
  much.output.write(new Uint8Array(64 * KiB * KiB))
  for (let i = 0; i < 15; i++) take(much.socket, much.output)
  much.clock.advance(writeTimeoutMs)
  expect(much.stalls).toEqual([64 * KiB * KiB - 15 * 256 * KiB])
  const enough = open()
  enough.output.write(new Uint8Array(64 * KiB * KiB))
  for (let i = 0; i < 16; i++) take(enough.socket, enough.output)
  enough.clock.advance(writeTimeoutMs)
  expect(enough.stalls).toEqual([])
  const little = open()
  little.output.write(new Uint8Array(1000))
  little.socket.writableLength = 1
  little.clock.advance(writeTimeoutMs)
  expect(little.stalls).toEqual([1])
})

test('what is written meanwhile does not raise what the client must take', () => {
  const { socket, clock, output, stalls } = open()
  output.write(new Uint8Array(100))
  clock.advance(writeTimeoutMs / 2)
  output.write(new Uint8Array(200 * KiB))
  socket.writableLength -= 100
  clock.advance(writeTimeoutMs / 2)
  expect(stalls).toEqual([])
  clock.advance(writeTimeoutMs)
  expect(stalls).toEqual([200 * KiB])
})
