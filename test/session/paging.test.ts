import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { RequestTrace } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

const rowCount = 500

describeOnServers('paging', (target) => {
  beforeAll(async () => {
    const { session } = target
    await session.execute('CREATE TABLE t (p int, c int, v text, PRIMARY KEY (p, c))')
    const insert = await session.prepare('INSERT INTO t (p, c, v) VALUES (?, ?, ?)')
    await Promise.all(
      Array.from({ length: rowCount }, (_, i) =>
        session.executePrepared(insert, [i % 7, i, `v${i}`]),
      ),
    )
  })

  test('execute reads every page, whatever its size', async () => {
    for (const pageSize of [1, 7, 100, rowCount, 5_000]) {
      const result = await target.session.execute('SELECT c FROM t', [], { pageSize })
      const values = new Set(result.rows().map((row) => row['c']))
      expect([result.length, values.size]).toEqual([rowCount, rowCount])
    }
  })

  test('a stream fetches as it is consumed, and stops when the loop is left', async () => {
    const seen: unknown[] = []
    for await (const row of target.session.stream('SELECT c FROM t WHERE p = ?', [3], {
      pageSize: 9,
    })) {
      seen.push(row['c'])
      if (seen.length === 20) break
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => 3 + i * 7))
    const rows = await target.session.stream('SELECT c FROM t', [], { pageSize: 64 }).toArray()
    expect(rows).toHaveLength(rowCount)
  })

  test('leaving a stream aborts the page in flight, and a signal still does', async () => {
    const { session } = target
    const failed: unknown[] = []
    const onError = (trace: unknown): void => void failed.push((trace as RequestTrace).error)
    subscribe('tracing:tsylla:request:error', onError)
    onTestFinished(() => void unsubscribe('tracing:tsylla:request:error', onError))
    const stream = session.stream('SELECT c FROM t', [], { pageSize: 5 })
    let hasLeft = false
    const leave = (): void => {
      if (hasLeft) return
      hasLeft = true
      queueMicrotask(() => void stream.return?.())
    }
    subscribe('tracing:tsylla:request:start', leave)
    onTestFinished(() => void unsubscribe('tracing:tsylla:request:start', leave))
    const first = stream.next()
    expect(await first).toEqual({ done: true, value: undefined })
    await vi.waitFor(() => expect(failed).toMatchObject([{ code: 'TSYLLA_ABORTED' }]))
    const controller = new AbortController()
    const aborted = session.stream('SELECT c FROM t', [], {
      pageSize: 5,
      signal: controller.signal,
    })
    await aborted.next()
    controller.abort()
    await expect(aborted.toArray()).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    const rows = await session.stream('SELECT c FROM t', [], { pageSize: 64 }).toArray()
    expect(rows).toHaveLength(rowCount)
  })

  test('pages resume where they ended, in another session too', async () => {
    const other = await target.open()
    const values: unknown[] = []
    let pagingState: Uint8Array | undefined
    for (let i = 0; ; i++) {
      const session = i % 2 === 0 ? target.session : other
      const page = await session.page('SELECT c FROM t WHERE p = 2', [], {
        pageSize: 10,
        pagingState,
      })
      values.push(...page.rows().map((row) => row['c']))
      pagingState = page.pagingState
      if (pagingState === undefined) break
    }
    expect(values).toEqual(
      Array.from({ length: 72 }, (_, i) => 2 + i * 7).filter((c) => c < rowCount),
    )
  })

  test('a paging state of another statement, of other values, or of no statement is refused', async () => {
    const { session } = target
    const text = 'SELECT c FROM t WHERE p = ?'
    const { pagingState } = await session.page(text, [1], { pageSize: 5 })
    const refused = { code: 'TSYLLA_PAGING_STATE', outcome: 'not_applied' }
    await expect(session.page(text, [2], { pagingState })).rejects.toMatchObject(refused)
    await expect(
      session.page('SELECT v FROM t WHERE p = ?', [1], { pagingState }),
    ).rejects.toMatchObject(refused)
    await expect(
      session.page(text, [1], { pagingState: Uint8Array.of(1, 2, 3) }),
    ).rejects.toMatchObject(refused)
  })

  test('empty pages that are not the last are passed over', async () => {
    const { session } = target
    // Filtering gives pages whose rows were all dropped, with more behind them.
    const filter = 'SELECT c FROM t WHERE c = ? ALLOW FILTERING'
    for (const c of [0, 250, 499]) {
      const rows = await session.stream(filter, [c], { pageSize: 3 }).toArray()
      expect(rows.map((row) => row['c'])).toEqual([c])
      expect((await session.execute(filter, [c], { pageSize: 3 })).length).toBe(1)
    }
  })

  test('a result beyond resultBytesMax is refused by execute, not by stream', async () => {
    const session = await target.open((builder) => builder.options({ resultBytesMax: 2_000 }))
    await expect(session.execute('SELECT * FROM t', [], { pageSize: 50 })).rejects.toMatchObject({
      code: 'TSYLLA_RESULT_TOO_LARGE',
    })
    expect(await session.stream('SELECT * FROM t', [], { pageSize: 50 }).toArray()).toHaveLength(
      rowCount,
    )
  })

  test('a page larger than the read buffer is decoded when it is read', async () => {
    const { session } = target
    await session.execute('CREATE TABLE wide (p int, c int, v text, PRIMARY KEY (p, c))')
    const insert = await session.prepare('INSERT INTO wide (p, c, v) VALUES (1, ?, ?)')
    const v = 'x'.repeat(2_000)
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => session.executePrepared(insert, [i, v])),
    )
    const result = await session.execute('SELECT c, v FROM wide WHERE p = 1')
    expect(result.rows().map((row) => row['c'])).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(result.rows().every((row) => row['v'] === v)).toBe(true)
  })
})
