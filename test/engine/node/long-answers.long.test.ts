import { afterEach, describe, expect, test } from 'vitest'
import {
  type AnswerLimits,
  answerLimitsDefault,
  Engine,
  EngineNode,
  type KvSnapshot,
  type KvStore,
  MemoryStore,
  type NodeConnection,
  type NodeOutput,
} from '../../../src/engine/index.ts'
import {
  beginRequest,
  endFrame,
  FrameParser,
  Opcode,
  QueryFlag,
  WireWriter,
  writeExecuteHead,
  writeQueryHead,
  writeStartup,
} from '../../../src/protocol/index.ts'
import { blockedMsMax } from '../../../src/engine/long-reads.ts'
import { Inet } from '../../../src/types/index.ts'
import type { Clock } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const MiB = 1024 * 1024
/** Flags of <metadata> of rows (native_protocol_v4.spec §4.2.5.2). */
const globalTableFlag = 0x01
const noMetadataFlag = 0x04
const keyspace =
  "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

/** Counts the snapshots that are open: a read of several turns holds one. */
class CountingStore extends MemoryStore {
  openCount = 0
  peakCount = 0
  takenCount = 0
  /** Set: what is read is not durable before {@link finishCommits}. */
  isUncommitted = false
  #commits: (() => void)[] = []

  override takeUncommittedRead(): boolean {
    return this.isUncommitted
  }

  override commit(): Promise<void> {
    if (!this.isUncommitted) return super.commit()
    return new Promise((resolve) => void this.#commits.push(resolve))
  }

  finishCommits(): void {
    const commits = this.#commits
    this.#commits = []
    for (const resolve of commits) resolve()
  }

  override snapshot(): KvSnapshot {
    this.takenCount++
    this.peakCount = Math.max(this.peakCount, ++this.openCount)
    const snapshot = super.snapshot()
    const release = snapshot.release.bind(snapshot)
    snapshot.release = () => {
      this.openCount--
      release()
    }
    return snapshot
  }
}

function frame(opcode: number, streamId: number, encode: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(256)
  const start = beginRequest(writer, 0, streamId, opcode)
  encode(writer)
  endFrame(writer, start)
  return writer.copyFrom(0)
}

/** A client that decides when it reads what the node has sent. */
class SlowClient implements NodeOutput {
  readonly connection: NodeConnection
  /** Streams in the order of their answers. */
  readonly streams: number[] = []
  readonly opcodes: number[] = []
  readonly lengths: number[] = []
  /** Flags of RESULTs of rows, and what stands there in other answers. */
  readonly rowsFlags: (number | undefined)[] = []
  isReading = true
  unreadBytes = 0
  peakUnreadBytes = 0
  #unread: Uint8Array[] = []
  readonly #parser = new FrameParser(
    {
      onFrame: (_flags, streamId, opcode, bytes, start, end) => {
        this.streams.push(streamId)
        this.opcodes.push(opcode)
        this.lengths.push(end - start)
        this.rowsFlags.push(end - start < 8 ? undefined : bytes.readInt32BE(start + 4))
      },
    },
    { direction: 'response' },
  )

  constructor(node: EngineNode) {
    const client = { address: Inet.parse('127.0.0.1'), port: 1 }
    this.connection = node.connect(this, client)
    this.push(frame(Opcode.STARTUP, 0, (w) => writeStartup(w, new Map([['CQL_VERSION', '3.0.0']]))))
  }

  get pendingBytes(): number {
    return this.unreadBytes
  }

  write(bytes: Uint8Array): boolean {
    this.#unread.push(bytes)
    this.unreadBytes += bytes.length
    this.peakUnreadBytes = Math.max(this.peakUnreadBytes, this.unreadBytes)
    if (this.isReading) this.read()
    return false
  }

  end(): void {}

  push(...frames: Uint8Array[]): void {
    this.connection.push(Buffer.concat(frames))
  }

  query(text: string, streamId: number): Uint8Array {
    return frame(Opcode.QUERY, streamId, (writer) => writeQueryHead(writer, text, 1, 0))
  }

  /** Asks for the whole table `t` so many times, on the streams 1, 2, …. */
  readAll(count: number): void {
    this.push(...Array.from({ length: count }, (_, i) => this.query('SELECT * FROM k.t', i + 1)))
  }

  /** Reads what has been sent, and lets the node know. */
  read(): void {
    const unread = this.#unread
    this.#unread = []
    this.unreadBytes = 0
    for (const bytes of unread) this.#parser.push(new Uint8Array(bytes))
    // As a socket does, which says so in a later turn.
    setImmediate(() => this.connection.onTaken())
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await turns(1)
}

const rowBytes = 20_000
const rowCount = 520
const answerBytes = rowBytes * rowCount
/** One slice of a read, and what its memory is larger than its content. */
const sliceBytes = 2 * MiB

/** A node with table `t` of about 10 MB in one partition, and `s` of one small row. */
async function openNode(
  storage: KvStore,
  answerLimits: Partial<AnswerLimits> = {},
  clock?: Clock,
): Promise<EngineNode> {
  const engine = new Engine({ storage, answerLimits, clock })
  await engine.query(keyspace)
  await engine.query('CREATE TABLE k.t (p int, c int, v blob, PRIMARY KEY (p, c))')
  await engine.query('CREATE TABLE k.s (p int PRIMARY KEY, v int)')
  await engine.query('INSERT INTO k.s (p, v) VALUES (1, 1)')
  for (let c = 0; c < rowCount; c++) {
    const key = Buffer.alloc(4)
    key.writeInt32BE(c)
    const values = [key, Buffer.alloc(rowBytes)]
    await engine.query('INSERT INTO k.t (p, c, v) VALUES (1, ?, ?)', undefined, values)
  }
  return new EngineNode(engine)
}

let node: EngineNode | undefined
afterEach(async () => {
  node?.close()
  await node?.engine.close()
  node = undefined
})

describe('answers of many rows', () => {
  test('60 pipelined reads of 10 MB are read a few at a time, and all are answered', async () => {
    const store = new CountingStore()
    node = await openNode(store)
    const client = new SlowClient(node)
    client.readAll(60)
    await until(() => client.streams.length === 61)
    expect(store.peakCount).toBeLessThanOrEqual(16)
    expect(store.openCount).toBe(0)
    expect([...client.streams].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 61 }, (_, i) => i),
    )
  })

  test('a client that reads nothing is sent one answer beyond its limit, no more', async () => {
    node = await openNode(new CountingStore())
    const client = new SlowClient(node)
    client.isReading = false
    client.readAll(60)
    await turns(2_000)
    const { clientBytesMax } = answerLimitsDefault
    expect(client.peakUnreadBytes).toBeLessThan(clientBytesMax + answerBytes + MiB)
    // The answer that was sent, and those that are not complete.
    expect(node.engine.answerBytes).toBeLessThan(2 * clientBytesMax + 2 * answerBytes + sliceBytes)
    client.isReading = true
    client.read()
    await until(() => client.streams.length === 61)
  })

  test('short requests do not wait for the long reads of their connection', async () => {
    node = await openNode(new CountingStore())
    const client = new SlowClient(node)
    client.readAll(20)
    client.push(client.query('SELECT v FROM k.s WHERE p = 1', 100))
    client.push(client.query('INSERT INTO k.s (p, v) VALUES (2, 2)', 101))
    await turns(1)
    expect(client.streams).toEqual([0, 100, 101])
  })

  test('a long read does not wait for those that another client asked for before', async () => {
    node = await openNode(new CountingStore())
    const [first, second] = [new SlowClient(node), new SlowClient(node)]
    first.readAll(30)
    second.readAll(1)
    await until(() => second.streams.length === 2)
    expect(first.streams.length).toBeLessThanOrEqual(3)
  })

  test('answers to many clients together take the memory of the engine, and one answer', async () => {
    const engineBytesMax = 6 * MiB
    const store = new CountingStore()
    node = await openNode(store, { engineBytesMax, engineReadCountMax: 8 })
    const clients = Array.from({ length: 12 }, () => new SlowClient(node!))
    for (const client of clients) client.readAll(3)
    let peakBytes = 0
    await until(() => {
      peakBytes = Math.max(peakBytes, node!.engine.answerBytes)
      return clients.every(({ streams }) => streams.length === 4)
    })
    // A growing answer is in memory of up to twice its size.
    expect(peakBytes).toBeLessThan(engineBytesMax + 2 * answerBytes + sliceBytes)
    expect(store.peakCount).toBeLessThanOrEqual(8 + 1)
    expect(node.engine.answerBytes).toBe(0)
  })

  test('unread answers that fill the memory of the engine keep long reads waiting, not short ones', async () => {
    node = await openNode(new CountingStore(), { engineBytesMax: 15 * MiB })
    const [first, second, third] = [1, 2, 3].map(() => new SlowClient(node!))
    first!.isReading = second!.isReading = false
    first!.readAll(1)
    second!.readAll(1)
    await until(() => second!.unreadBytes > answerBytes)
    third!.readAll(1)
    await turns(100)
    expect(third!.streams).toEqual([0])
    third!.push(third!.query('SELECT v FROM k.s WHERE p = 1', 100))
    expect(third!.streams).toEqual([0, 100])
    first!.read()
    await until(() => third!.streams.length === 3)
  })

  test('a client that does not read gives its snapshots to others, and is answered when it does', async () => {
    const store = new CountingStore()
    node = await openNode(store, { engineReadCountMax: 2 })
    const [stuck, other] = [new SlowClient(node), new SlowClient(node)]
    stuck.isReading = false
    stuck.readAll(5)
    await until(() => stuck.unreadBytes > answerBytes)
    await turns(10)
    other.readAll(4)
    await until(() => other.streams.length === 5)
    expect(store.peakCount).toBeLessThanOrEqual(2)
    stuck.isReading = true
    stuck.read()
    await until(() => stuck.streams.length === 6)
    expect(new Set(stuck.lengths.slice(1)).size).toBe(1)
    expect(stuck.lengths[1]).toBeGreaterThan(answerBytes)
  })

  test('reads of a client that is gone end, and release what they hold', async () => {
    const store = new CountingStore()
    node = await openNode(store)
    const [gone, other] = [new SlowClient(node), new SlowClient(node)]
    gone.isReading = false
    gone.readAll(20)
    await until(() => gone.unreadBytes > answerBytes)
    gone.connection.close()
    await turns(2)
    expect(store.openCount).toBe(0)
    expect(node.engine.answerBytes).toBe(0)
    other.readAll(1)
    await until(() => other.streams.length === 2)
  })

  test('reads that wait take memory of their client, also without values', async () => {
    node = await openNode(new CountingStore(), { clientBytesMax: 64 * 1024 })
    await node.engine.query('CREATE TABLE k.small (p int, c int, PRIMARY KEY (p, c))')
    for (let c = 0; c < 2_100; c++) {
      await node.engine.query(`INSERT INTO k.small (p, c) VALUES (1, ${c})`)
    }
    const client = new SlowClient(node)
    const count = 200
    client.push(
      ...Array.from({ length: count }, (_, i) =>
        client.query('SELECT count(*) FROM k.small', i + 1),
      ),
    )
    expect(client.connection.describe()['request_count']).toBeLessThan(60n)
    await until(() => client.streams.length === 1 + count)
    expect(node.engine.answerBytes).toBe(0)
  })

  test('a client that does not read for a while holds no snapshot, and is answered when it does', async () => {
    const store = new CountingStore()
    const clock = new VirtualClock()
    node = await openNode(store, {}, clock)
    const stuck = new SlowClient(node)
    stuck.isReading = false
    stuck.readAll(5)
    await until(() => stuck.unreadBytes > answerBytes)
    await turns(10)
    expect(store.openCount).toBeGreaterThan(0)
    clock.advance(blockedMsMax - 1)
    expect(store.openCount).toBeGreaterThan(0)
    clock.advance(1)
    expect(store.openCount).toBe(0)
    stuck.isReading = true
    stuck.read()
    await until(() => stuck.streams.length === 6)
    expect(new Set(stuck.lengths.slice(1)).size).toBe(1)
    expect(node.engine.answerBytes).toBe(0)
  })

  test('a client that reads slowly keeps what its reads have, as long as they go on', async () => {
    const store = new CountingStore()
    const clock = new VirtualClock()
    node = await openNode(store, {}, clock)
    const slow = new SlowClient(node)
    slow.isReading = false
    slow.readAll(3)
    for (let count = 1; count <= 3; count++) {
      await until(() => slow.unreadBytes > answerBytes)
      await turns(10)
      clock.advance(blockedMsMax - 1)
      slow.read()
    }
    await until(() => slow.streams.length === 4)
    expect(store.takenCount).toBe(3)
  })

  test('reads that the answers to others keep waiting hold no snapshot for long', async () => {
    const store = new CountingStore()
    const clock = new VirtualClock()
    node = await openNode(store, { engineBytesMax: answerBytes }, clock)
    const [stuck, other] = [new SlowClient(node), new SlowClient(node)]
    stuck.isReading = false
    stuck.readAll(1)
    other.readAll(1)
    await until(() => stuck.unreadBytes > answerBytes)
    await turns(10)
    expect(store.openCount).toBe(1)
    clock.advance(blockedMsMax)
    expect(store.openCount).toBe(0)
    stuck.read()
    await until(() => other.streams.length === 2)
    expect(other.lengths[1]).toBe(stuck.lengths[1])
  })

  /** A client is not kept waiting by its own answers, so that it can send what ends it. */
  const endingLimits = { clientBytesMax: 4 * answerBytes, engineBytesMax: answerBytes }

  test('answers of an ended connection count until its socket is closed, and keep others waiting', async () => {
    node = await openNode(new CountingStore(), endingLimits)
    const [ended, other] = [new SlowClient(node), new SlowClient(node)]
    ended.isReading = false
    ended.readAll(1)
    await until(() => ended.unreadBytes > answerBytes)
    ended.push(Buffer.from('GET / HTTP/1.1'))
    expect(node.engine.answerBytes).toBeGreaterThan(answerBytes)
    other.readAll(1)
    await turns(20)
    expect(other.streams).toEqual([0])
    ended.connection.close()
    expect(node.engine.answerBytes).toBeLessThan(answerBytes)
    await until(() => other.streams.length === 2)
    expect(node.engine.answerBytes).toBe(0)
  })

  test('a read goes on when the client of an ended connection takes its answers', async () => {
    node = await openNode(new CountingStore(), endingLimits)
    const [ended, other] = [new SlowClient(node), new SlowClient(node)]
    ended.isReading = false
    ended.readAll(1)
    await until(() => ended.unreadBytes > answerBytes)
    ended.push(Buffer.from('GET / HTTP/1.1'))
    other.readAll(1)
    await turns(20)
    expect(other.streams).toEqual([0])
    ended.isReading = true
    ended.read()
    await until(() => other.streams.length === 2)
    expect(node.engine.answerBytes).toBe(0)
  })

  test('a read that waits is of the table as it is when it begins', async () => {
    node = await openNode(new CountingStore(), { clientReadCountMax: 1 })
    const client = new SlowClient(node)
    client.readAll(2)
    await turns(2)
    client.push(client.query('TRUNCATE k.t', 50))
    await until(() => client.streams.length === 4)
    expect(client.streams).toEqual([0, 50, 1, 2])
    expect(client.lengths[2]).toBeGreaterThan(answerBytes)
    expect(client.lengths[3]).toBeLessThan(200)
    const reader = new SlowClient(node)
    reader.push(reader.query('DROP TABLE k.t', 50))
    expect(reader.opcodes.at(-1)).toBe(Opcode.RESULT)
  })

  test('a read that waits while its table changes is answered with the metadata of its columns', async () => {
    node = await openNode(new CountingStore(), { clientReadCountMax: 1 })
    const client = new SlowClient(node)
    const { id } = node.statements.prepare('SELECT * FROM k.t', undefined)
    const execute = (streamId: number): Uint8Array =>
      frame(Opcode.EXECUTE, streamId, (w) => writeExecuteHead(w, id, 1, QueryFlag.SKIP_METADATA))
    client.push(execute(1), execute(2))
    await turns(2)
    client.push(client.query('ALTER TABLE k.t ADD w int', 50))
    await until(() => client.streams.length === 4)
    expect(client.streams).toEqual([0, 50, 1, 2])
    expect(client.rowsFlags.slice(2)).toEqual([noMetadataFlag, globalTableFlag])
  })

  test('a read that waits fails when its table is dropped', async () => {
    node = await openNode(new CountingStore(), { clientReadCountMax: 1 })
    const client = new SlowClient(node)
    client.readAll(2)
    await turns(2)
    client.push(client.query('DROP TABLE k.t', 50))
    await until(() => client.streams.length === 4)
    expect(client.streams).toEqual([0, 50, 1, 2])
    expect(client.opcodes).toEqual([Opcode.READY, Opcode.RESULT, Opcode.RESULT, Opcode.ERROR])
  })
})

test('answers that wait for a commit count, and the commit lets the requests behind them go on', async () => {
  const store = new CountingStore()
  node = await openNode(store)
  // An engine on disk: its answers may depend on writes that are not durable.
  const disk = new EngineNode(new Engine({ storage: durable(store) }))
  const client = new SlowClient(disk)
  store.isUncommitted = true
  const read = 'SELECT v FROM k.t WHERE p = 1 LIMIT 40'
  client.push(...Array.from({ length: 30 }, (_, i) => client.query(read, i + 1)))
  await turns(5)
  const { clientBytesMax } = answerLimitsDefault
  expect(client.streams).toEqual([0])
  expect(disk.engine.answerBytes).toBeGreaterThanOrEqual(clientBytesMax)
  expect(disk.engine.answerBytes).toBeLessThan(clientBytesMax + MiB)
  let rounds = 0
  await until(() => {
    rounds++
    store.finishCommits()
    return client.streams.length === 31
  })
  expect(rounds).toBeGreaterThan(5)
  expect(disk.engine.answerBytes).toBe(0)
  store.isUncommitted = false
  disk.close()
})

/** The store as one that is not in memory alone. */
function durable(store: MemoryStore): KvStore {
  return {
    get: (key, into) => store.get(key, into),
    has: (key) => store.has(key),
    scan: (range) => store.scan(range),
    write: (batch) => store.write(batch),
    commit: () => store.commit(),
    takeUncommittedRead: () => store.takeUncommittedRead(),
    snapshot: () => store.snapshot(),
    stats: () => store.stats(),
    close: () => store.close(),
  }
}
