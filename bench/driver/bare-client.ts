import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  batchRowCount,
  type BenchClient,
  name,
  readRow,
  selectIdCount,
  statements,
} from './workload.ts'

const slabBytes = 1 << 18

type OnAnswer = (chunk: Buffer, bodyStart: number) => void

/** Writes and reads frames, without checks, deadlines or errors. */
class BareConnection {
  readonly #socket: Socket
  readonly #pending: (OnAnswer | undefined)[] = []
  readonly #free = Array.from({ length: 2_048 }, (_, i) => i)
  #rest: Buffer = Buffer.alloc(0)
  #start = 0
  slab: Buffer = Buffer.allocUnsafe(slabBytes)
  offset = 0
  readonly #flush = (): void => {
    this.#socket.write(this.slab.subarray(0, this.offset))
    this.slab = Buffer.allocUnsafe(slabBytes)
    this.offset = 0
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data) => this.#onData(data))
  }

  #onData(data: Buffer): void {
    const chunk = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let at = 0
    while (chunk.length - at >= 9) {
      const length = chunk.readInt32BE(at + 5)
      if (chunk.length - at - 9 < length) break
      const id = chunk.readInt16BE(at + 2)
      const settle = this.#pending[id]
      this.#free.push(id)
      settle?.(chunk, at + 9)
      at += 9 + length
    }
    this.#rest = chunk.subarray(at)
  }

  /** Starts a frame. The body goes to `offset`, which is behind the header afterwards. */
  begin(opcode: number, onAnswer: OnAnswer): void {
    const id = this.#free.pop()!
    const start = this.offset
    if (start === 0) setImmediate(this.#flush)
    const { slab } = this
    slab[start] = 4
    slab[start + 1] = 0
    slab.writeInt16BE(id, start + 2)
    slab[start + 4] = opcode
    this.#pending[id] = onAnswer
    this.#start = start
    this.offset = start + 9
  }

  end(): void {
    this.slab.writeInt32BE(this.offset - this.#start - 9, this.#start + 5)
  }

  ask(opcode: number, payload: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.begin(opcode, (chunk, start) => resolve(Buffer.from(chunk.subarray(start))))
      this.offset += payload.copy(this.slab, this.offset)
      this.end()
    })
  }

  /** Starts an EXECUTE at consistency LOCAL_QUORUM. The values follow. */
  beginExecute(id: Buffer, valueCount: number, onAnswer: OnAnswer): void {
    this.begin(10, onAnswer)
    const { slab } = this
    let at = this.offset + id.copy(slab, this.offset)
    at = slab.writeInt16BE(6, at)
    slab[at++] = 1
    this.offset = slab.writeInt16BE(valueCount, at)
  }

  /** Writes the values of the insert; their count is written before. */
  writeRow(id: bigint, count: number): void {
    this.writeLong(id)
    const { slab } = this
    let at = slab.writeInt32BE(name.length, this.offset)
    at += slab.write(name, at)
    at = slab.writeInt32BE(count, slab.writeInt32BE(4, at))
    this.offset = slab.writeDoubleBE(1.5, slab.writeInt32BE(8, at))
    this.writeLong(1_700_000_000_000n)
  }

  /** Writes an unlogged BATCH of inserts at consistency LOCAL_QUORUM. */
  writeBatch(id: Buffer, partition: bigint, onAnswer: OnAnswer): void {
    this.begin(13, onAnswer)
    const { slab } = this
    slab[this.offset] = 1
    this.offset = slab.writeInt16BE(batchRowCount, this.offset + 1)
    for (let row = 0; row < batchRowCount; row++) {
      slab[this.offset++] = 1
      this.offset = slab.writeInt16BE(5, this.offset + id.copy(slab, this.offset))
      this.writeRow(partition, row)
    }
    this.offset = slab.writeInt16BE(6, this.offset)
    slab[this.offset++] = 0
    this.end()
  }

  writeLong(value: bigint): void {
    const { slab } = this
    this.offset = slab.writeBigInt64BE(value, slab.writeInt32BE(8, this.offset))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function readRows(chunk: Buffer, start: number, columnCount: number): number {
  // Skips kind, flags and column count, then the table, then name and type of every column.
  let at = start + 12
  for (let i = 0; i < 2; i++) at += 2 + chunk.readInt16BE(at)
  for (let i = 0; i < columnCount; i++) at += 4 + chunk.readInt16BE(at)
  const count = chunk.readInt32BE(at)
  at += 4
  let read = 0
  for (let i = 0; i < count; i++) {
    const id = chunk.readBigInt64BE(at + 4)
    at += 12
    const length = chunk.readInt32BE(at)
    const text = chunk.toString('utf8', at + 4, at + 4 + length)
    at += 4 + length
    const row = {
      id,
      name: text,
      count: chunk.readInt32BE(at + 4),
      score: chunk.readDoubleBE(at + 12),
      at: new Date(Number(chunk.readBigInt64BE(at + 24))),
      ref: columnCount > 5 ? chunk.toString('hex', at + 36, at + 52) : 'x',
    }
    at += columnCount > 5 ? 52 : 32
    if (readRow(row) && row.ref) read++
  }
  return read
}

async function openBare(address: string): Promise<BareConnection> {
  const [host, port] = address.split(':')
  const socket = connect({ host: host!, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const connection = new BareConnection(socket)
  await connection.ask(1, Buffer.from('\0\x01\0\x0bCQL_VERSION\0\x053.0.0', 'latin1'))
  return connection
}

async function prepare(connection: BareConnection, text: string): Promise<Buffer> {
  const payload = Buffer.alloc(4 + text.length)
  payload.writeInt32BE(text.length)
  payload.write(text, 4)
  const answer = await connection.ask(9, payload)
  return answer.subarray(4, 6 + answer.readInt16BE(4))
}

/**
 * Opens a client for comparison: it sends requests to the nodes in turn, over one connection each,
 * without checks, deadlines, metadata, retries or routing. It decodes with the general methods of
 * `Buffer`, so a complete client can be faster.
 */
export async function openBareClient(addresses: readonly string[]): Promise<BenchClient> {
  const connections = await Promise.all(addresses.map(openBare))
  const first = connections[0]!
  const ids = {
    insert: await prepare(first, statements.insert.text),
    select: await prepare(first, statements.select.text),
    page: await prepare(first, statements.page.text),
  }
  const connectionOf = (i: number): BareConnection => connections[i % connections.length]!
  const selectOn = (
    connection: BareConnection,
    id: Buffer,
    key: bigint,
    columnCount: number,
  ): Promise<number> =>
    new Promise((resolve) => {
      connection.beginExecute(id, 1, (chunk, start) => resolve(readRows(chunk, start, columnCount)))
      connection.writeLong(key)
      connection.end()
    })
  return {
    name: 'bare pipelined client',
    insert: (i) =>
      new Promise<void>((resolve) => {
        const connection = connectionOf(i)
        connection.beginExecute(ids.insert, 5, () => resolve())
        connection.writeRow(BigInt(i), i & 0xffff)
        connection.end()
      }),
    select: (i) => selectOn(connectionOf(i), ids.select, BigInt(i % selectIdCount), 5),
    page: () => selectOn(first, ids.page, -1n, 6),
    batch: (i) =>
      new Promise<void>((resolve) => {
        connectionOf(i).writeBatch(ids.insert, BigInt(i), () => resolve())
      }),
    async close() {
      for (const connection of connections) connection.destroy()
    },
  }
}
