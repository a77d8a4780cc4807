import { describe, expect, test } from 'vitest'
import { ClosedError, type TsyllaError } from '../../src/errors/index.ts'
import type { WireWriter } from '../../src/protocol/index.ts'
import {
  Connection,
  type ConnectionRequest,
  Connector,
  type Endpoint,
  type Link,
  Ticker,
} from '../../src/transport/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A request that writes so many bytes, or throws behind them. */
class SizedRequest implements ConnectionRequest {
  readonly deadlineMs = Number.MAX_SAFE_INTEGER
  readonly sentMs = 0
  streamId = -1
  readonly #byteCount: number
  readonly #fails: boolean
  constructor(byteCount: number, fails = false) {
    this.#byteCount = byteCount
    this.#fails = fails
  }
  encode(writer: WireWriter): void {
    writer.reserve(this.#byteCount)
    writer.offset += this.#byteCount
    if (this.#fails) throw new RangeError('no')
  }
  onResponse(): void {}
  onLost(): void {}
  onOverdue(): number {
    return 0
  }
  onTimeout(): void {}
}

function open(canReuse: boolean): { connection: Connection; written: Uint8Array[] } {
  const written: Uint8Array[] = []
  const listener = { onRoom() {}, onEvent() {}, onClosed() {} }
  const connection = new Connection('node', new Ticker(new VirtualClock()), listener)
  const link: Link = {
    write(bytes) {
      written.push(bytes)
      return canReuse
    },
    end() {},
    destroy() {},
  }
  connection.attach(link)
  connection.markReady()
  return { connection, written }
}

const mebibyte = 1 << 20

describe('a connection', () => {
  test.each([true, false])('lets go of the memory of a large request (reuse %s)', (canReuse) => {
    const { connection, written } = open(canReuse)
    for (const byteCount of [100, 20 * mebibyte, 100, 100]) {
      connection.send(new SizedRequest(byteCount))
      connection.flush()
    }
    expect(written.map(({ length }) => length)).toEqual([100, 20 * mebibyte, 100, 100])
    expect(written.map(({ buffer }) => buffer.byteLength <= mebibyte)).toEqual([
      true,
      false,
      true,
      true,
    ])
    connection.destroy(new ClosedError('session'))
  })

  test('lets go of the memory of a request that was not sent in the end', () => {
    const { connection, written } = open(true)
    expect(() => connection.send(new SizedRequest(20 * mebibyte, true))).toThrow(RangeError)
    connection.send(new SizedRequest(100))
    connection.flush()
    expect(written.map(({ buffer }) => buffer.byteLength <= mebibyte)).toEqual([true])
    connection.destroy(new ClosedError('session'))
  })
})

describe('a connection that is lost', () => {
  test('writes nothing more, also when a request was withdrawn before', () => {
    const { connection, written } = open(true)
    const requests = [new SizedRequest(100), new SizedRequest(50)]
    for (const request of requests) connection.send(request)
    connection.abandon(requests[0]!)
    connection.destroy(new ClosedError('session'))
    connection.flush()
    expect(written).toEqual([])
  })
})

describe('a connector', () => {
  test('that is closed gives up what is being connected, and connects no more', async () => {
    const clock = new VirtualClock()
    const signals: (AbortSignal | undefined)[] = []
    const silent: Endpoint = {
      address: 'silent',
      network: { host: 'silent', port: 1 },
      clock,
      open: (_handler, signal) => {
        signals.push(signal)
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as TsyllaError))
        })
      },
      release: () => Promise.resolve(),
    }
    const connector = new Connector({
      ticker: new Ticker(clock),
      connectionTimeoutMs: 5_000,
      heartbeatIntervalMs: 30_000,
      credentials: undefined,
      authenticators: [],
      compression: undefined,
      startup: new Map(),
    })
    const listener = { onRoom() {}, onEvent() {}, onClosed() {} }
    const opening = [1, 2].map(() => connector.open(silent, listener))
    await expect.poll(() => signals.length).toBe(2)
    const failed = Promise.allSettled(opening)
    connector.close(new ClosedError('session'))
    const later = await Promise.allSettled([connector.open(silent, listener)])
    for (const outcome of [...(await failed), ...later]) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TSYLLA_CLOSED' } })
    }
    expect(signals).toHaveLength(2)
    expect(clock.pendingCount).toBe(0)
  })
})
