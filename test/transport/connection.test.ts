import { describe, expect, test } from 'vitest'
import { ClosedError, type TsyllaError } from '../../src/errors/index.ts'
import { ProtocolVersion, type WireWriter } from '../../src/protocol/index.ts'
import {
  ByteBudget,
  Connection,
  type ConnectionRequest,
  connectionInFlightBytesMax,
  Connector,
  type Endpoint,
  type Link,
  DeadlineTimer,
  sendUse,
} from '../../src/transport/index.ts'
import { runtimeWithClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A request that writes so many bytes, or throws behind them. */
class SizedRequest implements ConnectionRequest {
  readonly deadlineMs = Number.MAX_SAFE_INTEGER
  readonly sentMs = 0
  streamId = -1
  readonly dependsOnKeyspace = false
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

function open(
  canReuse: boolean,
  budget = new ByteBudget(Number.POSITIVE_INFINITY),
): {
  connection: Connection
  written: Uint8Array[]
  /** Connections with room, as the owner hears of them. */
  rooms: Connection[]
  link: { pendingBytes: number }
} {
  const written: Uint8Array[] = []
  const rooms: Connection[] = []
  const listener = {
    onRoom: (one: Connection) => void rooms.push(one),
    onEvent() {},
    onClosed() {},
  }
  const connection = new Connection(
    'node',
    new DeadlineTimer(runtimeWithClock(new VirtualClock())),
    listener,
    budget,
  )
  const link: Link & { pendingBytes: number } = {
    pendingBytes: 0,
    write(bytes) {
      written.push(bytes)
      return canReuse
    },
    end() {},
    destroy() {},
  }
  connection.attach(link)
  connection.markReady()
  return { connection, written, rooms, link }
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

describe('a request of the driver itself', () => {
  const deadlineTimer = new DeadlineTimer(runtimeWithClock(new VirtualClock()))
  const ask = (connection: Connection): Promise<unknown> =>
    sendUse(connection, 'k', { deadlineTimer, timeoutMs: 1_000 })
  const refused = { code: 'TSYLLA_CONNECTION', outcome: 'not_applied', node: 'node' }

  test('that meets a connection which is drained may go to another one', async () => {
    const { connection } = open(true)
    connection.send(new SizedRequest(100))
    const draining = connection.drain()
    await expect(ask(connection)).rejects.toMatchObject(refused)
    connection.destroy(connection.endedError())
    await draining
    await expect(ask(connection)).rejects.toMatchObject(refused)
  })

  test('that meets one whose session was closed fails with that', async () => {
    const { connection } = open(true)
    connection.destroy(new ClosedError('session'))
    await expect(ask(connection)).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })
})

describe('bytes in flight', () => {
  const inFlight = (connection: Connection, count: number, bytes: number): SizedRequest[] => {
    const requests = Array.from({ length: count }, () => new SizedRequest(bytes))
    return requests.filter((request) => connection.send(request))
  }

  test('leave before the end of the turn, so that no slab holds them all', () => {
    const { connection, written } = open(false)
    expect(inFlight(connection, 24, mebibyte)).toHaveLength(24)
    expect(written.length).toBe(24)
    connection.destroy(new ClosedError('session'))
  })

  test('keep a connection from taking more than one request beyond its limit', () => {
    const { connection } = open(true)
    const taken = inFlight(connection, 100, mebibyte + 1)
    expect(taken).toHaveLength(connectionInFlightBytesMax / mebibyte)
    expect(connection.inFlightBytes).toBe(taken.length * (mebibyte + 1))
    expect(connection.hasRoom).toBe(false)
    expect(connection.sendInternal(new SizedRequest(10))).toBe(true)
    connection.destroy(new ClosedError('session'))
    expect(connection.inFlightBytes).toBe(0)
  })

  test('end when a request is given up, unless the link still holds them', () => {
    const { connection, link, rooms } = open(true)
    const taken = inFlight(connection, 100, mebibyte)
    link.pendingBytes = connectionInFlightBytesMax
    for (const request of taken) connection.abandon(request)
    expect(connection.inFlightBytes).toBe(0)
    expect(connection.hasRoom).toBe(false)
    rooms.length = 0
    link.pendingBytes = 0
    connection.onSent()
    expect(rooms).toEqual([connection])
    expect(connection.hasRoom).toBe(true)
    connection.destroy(new ClosedError('session'))
  })

  test('of all connections are bounded together, and room on one is room on all', () => {
    let roomCount = 0
    const budget = new ByteBudget(10 * mebibyte, () => void roomCount++)
    const [first, second] = [open(true, budget), open(true, budget)]
    const taken = inFlight(first.connection, 100, mebibyte)
    expect(taken).toHaveLength(10)
    expect(inFlight(second.connection, 1, 1)).toEqual([])
    first.connection.abandon(taken[0]!)
    expect(roomCount).toBe(1)
    expect(inFlight(second.connection, 2, 2 * mebibyte)).toHaveLength(1)
    first.connection.destroy(new ClosedError('session'))
    expect(roomCount).toBe(2)
    expect(budget.bytes).toBe(2 * mebibyte)
    second.connection.destroy(new ClosedError('session'))
    expect(budget.bytes).toBe(0)
  })

  test('are reported as fewer to the session, whichever connection had them', () => {
    const reports: boolean[] = []
    const budget: ByteBudget = new ByteBudget(100, () => void reports.push(budget.isSpent))
    const { connection, rooms } = open(true, budget)
    const request = new SizedRequest(60)
    expect(connection.sendInternal(request)).toBe(true)
    const others = [60, 60].map((bytes) => new SizedRequest(bytes))
    for (const other of others) expect(connection.sendInternal(other)).toBe(true)
    connection.onFrame(0, request.streamId, 0, Buffer.alloc(0), 0, 0)
    expect(reports).toEqual([])
    connection.onFrame(0, others[0]!.streamId, 0, Buffer.alloc(0), 0, 0)
    expect(reports).toEqual([false])
    connection.destroy(new ClosedError('session'))
    expect(reports).toEqual([false])
    expect(rooms).toEqual([])
  })

  test('are released once, also of a request that is given up while the connection is closing', () => {
    const budget = new ByteBudget(mebibyte)
    const { connection } = open(true, budget)
    const [first, second] = [new SizedRequest(100), new SizedRequest(100)]
    first.onLost = () => void connection.abandon(second)
    connection.send(first)
    connection.send(second)
    connection.destroy(new ClosedError('session'))
    expect(connection.inFlightBytes).toBe(0)
    expect(budget.bytes).toBe(0)
  })

  test('are counted no more when a request could not be encoded', () => {
    const budget = new ByteBudget(mebibyte)
    const { connection } = open(true, budget)
    expect(() => connection.send(new SizedRequest(mebibyte, true))).toThrow(RangeError)
    expect(budget.bytes).toBe(0)
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
  test('that is closed aborts pending connection attempts and starts no more', async () => {
    const clock = new VirtualClock()
    const signals: (AbortSignal | undefined)[] = []
    const silent: Endpoint = {
      address: 'silent',
      network: { host: 'silent', port: 1 },
      clock,
      open: (_handler, { signal } = {}) => {
        signals.push(signal)
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as TsyllaError))
        })
      },
      release: () => Promise.resolve(),
    }
    const connector = new Connector({
      server: '10.0.0.1:9042',
      deadlineTimer: new DeadlineTimer(runtimeWithClock(clock)),
      connectionTimeoutMs: 5_000,
      heartbeatIntervalMs: 30_000,
      inFlightBytesMax: 1,
      onRoom() {},
      authProvider: undefined,
      compression: undefined,
      protocolVersionMax: ProtocolVersion.V5,
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
