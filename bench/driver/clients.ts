import { connect } from 'node:net'
import cassandra from 'cassandra-driver'
import { SessionBuilder } from '../../src/index.ts'
import { type BenchClient, selectIdCount, statements } from './workload.ts'

interface BenchRow {
  readonly id: bigint
  readonly name: string
  readonly count: number
  readonly score: number
  readonly at: Date
  readonly ref: string
}

const name = 'a name of 20 letters'

/** Reads every column, so that a client that decodes late pays as one that decodes early. */
function readRow(row: Omit<BenchRow, 'ref'>): unknown {
  return row.id !== undefined && row.name && row.count && row.score && row.at
}

/** tsylla through `executePrepared`, or through `execute(text, values)`. */
export async function openTsylla(address: string, byText: boolean): Promise<BenchClient> {
  const session = await new SessionBuilder().knownNode(address).build()
  const [insert, select, page] = await Promise.all([
    session.prepare(statements.insert.text),
    session.prepare(statements.select.text),
    session.prepare(statements.page.text),
  ])
  const at = new Date(1_700_000_000_000)
  return {
    name: byText ? 'tsylla execute(text, values)' : 'tsylla executePrepared',
    insert: byText
      ? (i) => session.execute(statements.insert.text, [BigInt(i), name, i & 0xffff, 1.5, at])
      : (i) => session.executePrepared(insert, [BigInt(i), name, i & 0xffff, 1.5, at]),
    async select(i) {
      const values = [BigInt(i % selectIdCount)]
      const result = byText
        ? await session.execute<BenchRow>(statements.select.text, values)
        : await session.executePrepared<BenchRow>(select, values)
      return readRow(result.firstRow()!)
    },
    async page() {
      const result = await session.executePrepared<BenchRow>(page, [-1n])
      let count = 0
      for (const row of result.rows()) if (readRow(row) && row.ref) count++
      return count
    },
    close: () => session.close(),
  }
}

export async function openCassandraDriver(address: string): Promise<BenchClient> {
  const client = new cassandra.Client({
    contactPoints: [address],
    localDataCenter: address.endsWith(':9042') ? 'datacenter1' : 'dc1',
    encoding: { useBigIntAsLong: true },
    pooling: { maxRequestsPerConnection: 2048 },
  })
  await client.connect()
  const at = new Date(1_700_000_000_000)
  const options = { prepare: true, fetchSize: 5_000 }
  return {
    name: 'cassandra-driver',
    insert: (i) =>
      client.execute(statements.insert.text, [BigInt(i), name, i & 0xffff, 1.5, at], options),
    async select(i) {
      const result = await client.execute(
        statements.select.text,
        [BigInt(i % selectIdCount)],
        options,
      )
      return readRow(result.first() as unknown as BenchRow)
    },
    async page() {
      const result = await client.execute(statements.page.text, [-1n], options)
      let count = 0
      for (const row of result.rows as unknown as BenchRow[]) if (readRow(row) && row.ref) count++
      return count
    },
    close: () => client.shutdown(),
  }
}

/**
 * The floor: frames written and read with no regard for anything – no checks, deadlines, metadata,
 * retries or several nodes. What a client can hardly be faster than.
 */
export async function openFloor(address: string): Promise<BenchClient> {
  const [host, port] = address.split(':')
  const socket = connect({ host: host!, port: Number(port), noDelay: true })
  const pending: (((body: Buffer, start: number) => void) | undefined)[] = []
  const free = Array.from({ length: 2_048 }, (_, i) => i)
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (data) => {
    const chunk = rest.length === 0 ? data : Buffer.concat([rest, data])
    let at = 0
    while (chunk.length - at >= 9) {
      const length = chunk.readInt32BE(at + 5)
      if (chunk.length - at - 9 < length) break
      const id = chunk.readInt16BE(at + 2)
      const settle = pending[id]
      free.push(id)
      settle?.(chunk, at + 9)
      at += 9 + length
    }
    rest = chunk.subarray(at)
  })
  let slab = Buffer.allocUnsafe(1 << 18)
  let offset = 0
  const flush = (): void => {
    socket.write(slab.subarray(0, offset))
    slab = Buffer.allocUnsafe(1 << 18)
    offset = 0
  }
  const begin = (opcode: number): number => {
    const id = free.pop()!
    if (offset === 0) setImmediate(flush)
    slab[offset] = 4
    slab[offset + 1] = 0
    slab.writeInt16BE(id, offset + 2)
    slab[offset + 4] = opcode
    return id
  }
  const raw = (opcode: number, payload: Buffer): Promise<Buffer> =>
    new Promise((resolve) => {
      const id = begin(opcode)
      slab.writeInt32BE(payload.length, offset + 5)
      payload.copy(slab, offset + 9)
      offset += 9 + payload.length
      pending[id] = (chunk, start) => resolve(Buffer.from(chunk.subarray(start)))
    })
  await raw(1, Buffer.from('\0\x01\0\x0bCQL_VERSION\0\x053.0.0', 'latin1'))
  const prepare = async (text: string): Promise<Buffer> => {
    const payload = Buffer.alloc(4 + text.length)
    payload.writeInt32BE(text.length)
    payload.write(text, 4)
    const answer = await raw(9, payload)
    return answer.subarray(4, 6 + answer.readInt16BE(4))
  }
  const ids = {
    insert: await prepare(statements.insert.text),
    select: await prepare(statements.select.text),
    page: await prepare(statements.page.text),
  }
  const execute = <T>(
    id: Buffer,
    write: (at: number) => number,
    read: (chunk: Buffer, start: number) => T,
  ): Promise<T> =>
    new Promise((resolve) => {
      const start = offset
      const stream = begin(10)
      let at = start + 9 + id.copy(slab, start + 9)
      at = slab.writeInt16BE(6, at)
      slab[at++] = 1
      at = write(at)
      slab.writeInt32BE(at - start - 9, start + 5)
      offset = at
      pending[stream] = (chunk, bodyStart) => resolve(read(chunk, bodyStart))
    })
  const writeLong = (value: bigint, at: number): number =>
    slab.writeBigInt64BE(value, slab.writeInt32BE(8, at))
  const readRows = (chunk: Buffer, start: number, columnCount: number): number => {
    // Kind, flags, count, table, then a name and a type for every column.
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
  return {
    name: 'bare pipelined client (floor)',
    insert: (i) =>
      execute(
        ids.insert,
        (start) => {
          let at = writeLong(BigInt(i), slab.writeInt16BE(5, start))
          at = slab.writeInt32BE(name.length, at)
          at += slab.write(name, at)
          at = slab.writeInt32BE(i & 0xffff, slab.writeInt32BE(4, at))
          at = slab.writeDoubleBE(1.5, slab.writeInt32BE(8, at))
          return writeLong(1_700_000_000_000n, at)
        },
        () => undefined,
      ),
    select: (i) =>
      execute(
        ids.select,
        (start) => writeLong(BigInt(i % selectIdCount), slab.writeInt16BE(1, start)),
        (chunk, start) => readRows(chunk, start, 5),
      ),
    page: () =>
      execute(
        ids.page,
        (start) => writeLong(-1n, slab.writeInt16BE(1, start)),
        (chunk, start) => readRows(chunk, start, 6),
      ),
    async close() {
      socket.destroy()
    },
  }
}
