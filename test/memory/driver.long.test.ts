/**
 * What a session keeps in memory while it runs. The heap is measured after a collection, so that
 * only what is still referenced counts, and compared with itself at an earlier moment.
 */
import { expect, onTestFinished, test } from 'vitest'
import { type Session, SessionBuilder } from '../../src/index.ts'
import { Opcode, type RowsResult } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { collectGarbage } from '../support/runtime.ts'
import { type Exchange, rowsOf, ScriptedNode } from '../support/scripted-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { serveNode } from '../support/served-node.ts'

const kib = 1024
/** Less than one byte per request of the long runs. */
const growthMax = 512 * kib
const inFlight = 64

/** Returns the bytes that are referenced, in the heap and in buffers. */
function bytesHeld(node: ScriptedNode): number {
  node.received.length = 0
  for (let i = 0; i < 3; i++) collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function open(): Promise<{ readonly node: ScriptedNode; readonly session: Session }> {
  const node = new ScriptedNode()
  const session = await connect(node)
  onTestFinished(() => session.close())
  return { node, session }
}

/** Runs operations number `from` to `to`, some at a time, and forgets what the node received. */
async function run(
  node: ScriptedNode,
  from: number,
  to: number,
  operation: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = from
  const worker = async (): Promise<void> => {
    while (next < to) {
      const i = next++
      await operation(i)
      if (i % 10_000 === 0) node.received.length = 0
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

test('a million requests leave the heap where a hundred thousand left it', async () => {
  const { node, session } = await open()
  const insert = await session.prepare('INSERT INTO ks.t (a, b) VALUES (?, ?)')
  const operation = (i: number): Promise<unknown> => session.executePrepared(insert, [i, i])
  await run(node, 0, 100_000, operation)
  const before = bytesHeld(node)
  await run(node, 100_000, 1_000_000, operation)
  expect(bytesHeld(node) - before).toBeLessThan(growthMax)
})

test('200,000 different texts that are not prepared do not grow anything', async () => {
  const { node, session } = await open()
  // The cache of statements is full after the first of them.
  const operation = (i: number): Promise<unknown> =>
    session.execute(`INSERT INTO ks.t (a, b) VALUES (${i}, 'a text of its own')`)
  await run(node, 0, 20_000, operation)
  const before = bytesHeld(node)
  await run(node, 20_000, 200_000, operation)
  expect(bytesHeld(node) - before).toBeLessThan(growthMax)
})

const pageRowCount = 5_000
const pages = rowsOf(
  [
    ['id', nativeTypes.bigint],
    ['name', nativeTypes.text],
  ],
  Array.from({ length: pageRowCount }, (_, i) => [BigInt(i), `the name of row ${i}`]),
)

/** Serves a SELECT in pages. Returns how many have been sent. */
function servePages(node: ScriptedNode, pageCount: number): () => number {
  let sent = 0
  node.script = (exchange: Exchange) => {
    const { request } = exchange
    const isScan =
      request.opcode === Opcode.EXECUTE ||
      (request.opcode === Opcode.QUERY && request.text.includes('FROM ks.t'))
    if (!isScan) return 'default'
    sent++
    const pagingState = sent < pageCount ? Buffer.from([sent >> 8, sent & 0xff]) : undefined
    const page: RowsResult = { ...pages, metadata: { ...pages.metadata, pagingState } }
    exchange.reply(page)
    return 'done'
  }
  return () => sent
}

test('a scan of ten million rows holds two pages at most', async () => {
  const { node, session } = await open()
  const pageCount = 2_000
  servePages(node, pageCount)
  const held: unknown[][] = []
  for (let i = 0; i < 4; i++) {
    const stream = session.stream('SELECT * FROM ks.t')
    const rows: unknown[] = []
    for await (const row of stream) if (rows.push(row) === pageRowCount) break
    held.push(rows)
  }
  const withPages = bytesHeld(node)
  held.length = 0
  const before = bytesHeld(node)
  const pageBytes = (withPages - before) / 4
  // The pages that were held are what the limit is measured by.
  expect(pageBytes).toBeGreaterThan(pageRowCount * 16)
  let rowCount = 0
  let pagesAhead = 0
  let bytesMax = 0
  const sent = servePages(node, pageCount)
  for await (const _ of session.stream('SELECT * FROM ks.t')) {
    // Pages that were sent and are not consumed to the end.
    pagesAhead = Math.max(pagesAhead, sent() - Math.floor(rowCount / pageRowCount))
    rowCount++
    if (rowCount % (100 * pageRowCount) === pageRowCount / 2) {
      bytesMax = Math.max(bytesMax, bytesHeld(node) - before)
    }
  }
  expect([rowCount, sent()]).toEqual([pageCount * pageRowCount, pageCount])
  expect(pagesAhead).toBeLessThanOrEqual(2)
  expect(bytesMax).toBeLessThan(2 * pageBytes + growthMax)
})

test('a consumer that stalls stops the socket', async () => {
  const node = new ScriptedNode()
  const served = await serveNode(node)
  onTestFinished(() => served.close())
  const session = await new SessionBuilder().knownNode(served.address).build()
  onTestFinished(() => session.close())
  const sent = servePages(node, 100)
  const stream = session.stream('SELECT * FROM ks.t')[Symbol.asyncIterator]()
  await stream.next()
  for (let i = 0; i < 100; i++) await settle()
  expect(sent()).toBeLessThanOrEqual(2)
  // It goes on where it was.
  for (let i = 1; i < 3 * pageRowCount; i++) await stream.next()
  await settle()
  expect(sent()).toBeGreaterThanOrEqual(3)
  expect(sent()).toBeLessThanOrEqual(4)
  await stream.return?.()
})
