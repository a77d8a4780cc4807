import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Executor, type Page, scanTable, type ScanTableOptions } from '../../src/index.ts'
import { rangeOrder, tokenRange } from '../../src/bulk/token-ranges.ts'

/** A table whose rows have the given tokens; pages are cut as the test says. */
class FakeTable {
  readonly tokens: readonly bigint[]
  pageSizeOf: () => number = () => 3
  failureOf: () => Error | undefined = () => undefined
  fetchCount = 0
  inFlightCount = 0
  inFlightMax = 0
  readonly texts = new Set<string>()

  constructor(tokens: readonly bigint[]) {
    this.tokens = tokens.toSorted((a, b) => (a < b ? -1 : 1))
  }

  readonly executor = {
    getKeyspace: () => 'ks',
    execute: (text: string) => {
      const rows = text.includes('system.local')
        ? [{ partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner' }]
        : [
            { column_name: 'b', kind: 'partition_key', position: 1 },
            { column_name: 'A', kind: 'partition_key', position: 0 },
            { column_name: 'c', kind: 'clustering', position: 0 },
          ]
      return Promise.resolve({ rows: () => rows, firstRow: () => rows[0] })
    },
    page: (
      text: string,
      [after, last]: readonly [bigint, bigint],
      { pagingState }: { readonly pagingState?: Uint8Array },
    ) => {
      this.texts.add(text)
      return this.#page(after, last, pagingState)
    },
  } as unknown as Executor

  async #page(after: bigint, last: bigint, state: Uint8Array | undefined): Promise<Page> {
    this.fetchCount++
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlightCount)
    await Promise.resolve()
    this.inFlightCount--
    const failure = this.failureOf()
    if (failure !== undefined) throw failure
    const ofRange = this.tokens.filter((token) => token > after && token <= last)
    const start = state === undefined ? 0 : Buffer.from(state).readUInt32BE()
    const end = start + this.pageSizeOf()
    const next = Buffer.alloc(4)
    next.writeUInt32BE(end)
    return {
      rows: () => ofRange.slice(start, end).map((token) => ({ token })),
      pagingState: end < ofRange.length ? next : undefined,
    } as unknown as Page
  }
}

const tokenOfRow = (row: unknown): bigint => (row as { readonly token: bigint }).token

/** Tokens all over the ring, its ends included. */
const manyTokens = [
  -(2n ** 63n) + 1n,
  2n ** 63n - 1n,
  ...Array.from({ length: 500 }, (_, i) =>
    BigInt.asIntN(64, BigInt(i + 1) * 0x9e37_79b9_7f4a_7c15n),
  ),
]

describe('token ranges', () => {
  test.each([1, 2, 3, 7, 255, 256, 1_000])('%d ranges cover the ring without overlaps', (count) => {
    let before = -(2n ** 63n)
    for (let i = 0; i < count; i++) {
      const { after, last } = tokenRange(i, count)
      expect(after).toBe(before)
      expect(last > after).toBe(true)
      before = last
    }
    expect(before).toBe(2n ** 63n - 1n)
    const order = Array.from({ length: count }, (_, i) => rangeOrder(i, count))
    expect(new Set(order).size).toBe(count)
  })
})

describe('scanTable', () => {
  test('reads every row once, and more often only what it was interrupted in', async () => {
    const choices = fc.record({
      rangeCount: fc.integer({ min: 1, max: 40 }),
      parallelism: fc.integer({ min: 1, max: 9 }),
      rowCount: fc.integer({ min: 0, max: 120 }),
      isInterrupted: fc.boolean(),
      seed: fc.infiniteStream(fc.nat(999)),
    })
    await fc.assert(
      fc.asyncProperty(
        choices,
        async ({ rangeCount, parallelism, rowCount, isInterrupted, seed }) => {
          const draw = (): number => seed.next().value as number
          const table = new FakeTable(manyTokens.slice(0, rowCount))
          table.pageSizeOf = () => draw() % 5
          table.failureOf = () => (draw() % 7 === 0 ? new Error('failed') : undefined)
          const open = (resume?: string) =>
            scanTable(table.executor, 'ks.t', { rangeCount, parallelism, resume })
          let scan = open()
          const seen: bigint[] = []
          for (;;) {
            let result: IteratorResult<unknown, undefined>
            try {
              result = await scan.next()
            } catch (error) {
              expect(error).toEqual(new Error('failed'))
              continue
            }
            if (result.done === true) break
            seen.push(tokenOfRow(result.value))
            if (isInterrupted && draw() % 4 === 0) {
              await scan.return()
              scan = open(scan.state())
            }
          }
          const distinct = isInterrupted ? [...new Set(seen)] : seen
          expect(distinct.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(table.tokens)
          expect(table.inFlightMax).toBeLessThanOrEqual(parallelism)
          expect(scan.progress).toEqual({
            ...{ rowCount: seen.length, rangeCount, finishedRangeCount: rangeCount, fraction: 1 },
          })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('holds a bounded number of pages while nobody consumes', async () => {
    const table = new FakeTable(manyTokens)
    const scan = scanTable(table.executor, 't', { parallelism: 4, rangeCount: 64 })
    await scan.next()
    for (let i = 0; i < 50; i++) await Promise.resolve()
    expect(table.fetchCount).toBeLessThanOrEqual(4 + 4)
    await scan.return()
    expect(await scan.next()).toEqual({ done: true, value: undefined })
    await expect(scan.toArray()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })

  test('selects the columns it is told by the token of the whole key, quoted as needed', async () => {
    const table = new FakeTable([])
    await scanTable(
      table.executor,
      { keyspace: 'ks', table: 'T' },
      { columns: ['A', 'v'] },
    ).toArray()
    await scanTable(table.executor, 't').toArray()
    expect([...table.texts]).toEqual([
      'SELECT "A", v FROM ks."T" WHERE token("A", b) > ? AND token("A", b) <= ?',
      'SELECT * FROM ks.t WHERE token("A", b) > ? AND token("A", b) <= ?',
    ])
  })

  test.each<[string, unknown, ScanTableOptions, RegExp]>([
    ['no keyspace', 'a.b.c', {}, /the table is "table"/],
    ['an empty name', '', {}, /the table is/],
    ['a number', 5, {}, /the table is/],
    ['null', null, {}, /the table is/],
    ['an unknown option', 't', { pageSize: 5 } as ScanTableOptions, /options of requests belong/],
    ['no columns', 't', { columns: [] }, /columns is a list of names/],
    ['parallelism 0', 't', { parallelism: 0 }, /parallelism is a whole number from 1 to 1024/],
    ['too many ranges', 't', { rangeCount: 65_537 }, /rangeCount is a whole number/],
    ['a broken state', 't', { resume: 'x' }, /resume is no state of a scan/],
    ['an empty state', 't', { resume: '' }, /resume is no state of a scan/],
  ])('%s is refused', (_, table, options, message) => {
    expect(() => scanTable(new FakeTable([]).executor, table as string, options)).toThrow(message)
  })

  test('a state of another table, of other ranges, or one that was changed is refused', async () => {
    const { executor } = new FakeTable(manyTokens)
    const scan = scanTable(executor, 'ks.t', { rangeCount: 8 })
    await scan.next()
    const resume = scan.state()
    expect(() => scanTable(executor, 'ks.u', { resume })).toThrow(/is one of ks.t, not ks.u/)
    expect(() => scanTable(executor, 'ks.t', { resume, rangeCount: 9 })).toThrow(/rangeCount of 8/)
    const fields = JSON.parse(Buffer.from(resume, 'base64url').toString()) as unknown[]
    const changes: [number, unknown][] = [
      ...([
        [0, 2],
        [1, 5],
        [2, 0],
        [3, 9],
        [4, -1],
        [5, 1],
        [5, [[9, null]]],
      ] as [number, unknown][]),
      ...([
        [5, [[0, 1]]],
        [5, [[0.5, null]]],
        [5, [[0]]],
      ] as [number, unknown][]),
      [
        5,
        [
          [0, null],
          [0, null],
        ],
      ],
    ]
    for (const [at, value] of changes) {
      const changed = Buffer.from(JSON.stringify(fields.with(at, value))).toString('base64url')
      expect(() => scanTable(executor, 'ks.t', { resume: changed })).toThrow(/no state of a scan/)
    }
  })

  test('loses no row when rows that it has delivered are deleted before it is resumed', async () => {
    const table = new FakeTable(manyTokens)
    table.pageSizeOf = () => 10
    const scan = scanTable(table.executor, 't', { rangeCount: 1 })
    const seen: bigint[] = []
    for await (const row of scan) if (seen.push(tokenOfRow(row)) === 25) break
    const later = new FakeTable(manyTokens.filter((token) => token !== seen[23]))
    later.pageSizeOf = () => 10
    for await (const row of scanTable(later.executor, 't', { resume: scan.state() })) {
      seen.push(tokenOfRow(row))
    }
    expect(new Set(seen)).toEqual(new Set(manyTokens))
  })

  test('a state between two pages repeats nothing', async () => {
    const table = new FakeTable(manyTokens)
    table.pageSizeOf = () => 10
    const scan = scanTable(table.executor, 't', { rangeCount: 1 })
    const seen: bigint[] = []
    for await (const row of scan) if (seen.push(tokenOfRow(row)) === 30) break
    for await (const row of scanTable(table.executor, 't', { resume: scan.state() })) {
      seen.push(tokenOfRow(row))
    }
    expect(seen).toHaveLength(manyTokens.length)
  })

  test('rows that cannot be decoded fail as often as they are asked for, and are not skipped', async () => {
    const table = new FakeTable(manyTokens.slice(0, 20))
    let isBroken = true
    const page = table.executor.page.bind(table.executor)
    const executor = {
      ...table.executor,
      async page(...call: Parameters<Executor['page']>) {
        const answer = await page(...call)
        const rows = (): unknown[] => {
          if (isBroken) throw new Error('no such value')
          return answer.rows()
        }
        return { rows, pagingState: answer.pagingState }
      },
    } as unknown as Executor
    const scan = scanTable(executor, 't', { rangeCount: 3 })
    await expect(scan.next()).rejects.toThrow('no such value')
    await expect(scan.next()).rejects.toThrow('no such value')
    isBroken = false
    expect(await scan.toArray()).toHaveLength(20)
  })

  test('leaving the loop aborts the pages in flight', async () => {
    const table = new FakeTable(manyTokens)
    const page = table.executor.page.bind(table.executor)
    const signals: AbortSignal[] = []
    let isHanging = false
    const executor = {
      ...table.executor,
      page(...call: Parameters<Executor['page']>): Promise<unknown> {
        const { signal } = call[2]!
        if (!isHanging) return page(...call)
        signals.push(signal!)
        return new Promise((_, reject) => {
          signal!.addEventListener('abort', () => reject(signal!.reason as Error))
        })
      },
    } as unknown as Executor
    const scan = scanTable(executor, 't', { rangeCount: 16, parallelism: 4 })
    await scan.next()
    const state = scan.state()
    isHanging = true
    const waiting = scan.toArray()
    await new Promise(setImmediate)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false, false])
    await scan.return()
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    await waiting
    isHanging = false
    const rest = await scanTable(executor, 't', { resume: state }).toArray()
    expect(rest).toHaveLength(manyTokens.length)
  })

  test('an executor that throws instead of rejecting fails the scan', async () => {
    const { executor } = new FakeTable(manyTokens)
    const throwing = {
      ...executor,
      page() {
        throw new Error('thrown')
      },
    } as unknown as Executor
    await expect(scanTable(throwing, 't').next()).rejects.toThrow('thrown')
  })
})
