import { beforeAll, expect, test } from 'vitest'
import { Batch, concurrent, scanTable } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

const rowCount = 3_000

describeOnServers('bulk reads and writes', (target) => {
  beforeAll(async () => {
    const { session } = target
    await session.execute(
      'CREATE TABLE "Readings" ("Sensor" int, day int, at int, value double, city text, n bigint, PRIMARY KEY (("Sensor", day), at))',
    )
    const insert = await session.prepare(
      'INSERT INTO "Readings" ("Sensor", day, at, value, city, n) VALUES (?, ?, ?, ?, ?, ?)',
    )
    function* values(): Generator<unknown[]> {
      for (let i = 0; i < rowCount; i++) {
        yield [i % 40, i % 3, i, i / 2, `city ${i % 5}`, BigInt(i)]
      }
    }
    const summary = await concurrent(session, insert, values()).summary()
    expect(summary).toEqual({ succeededCount: rowCount, failedCount: 0, failures: [] })
  })

  test('a failed item leaves the others alone', async () => {
    const { session } = target
    const text = 'SELECT value FROM "Readings" WHERE "Sensor" = ? AND day = ? AND at = ?'
    const outcomes = await concurrent(session, [
      { statement: text, values: [1, 1, 1] },
      { statement: text, values: [1, 'no day', 1] },
      'SELECT nothing FROM "Readings"',
      new Batch().append('DELETE FROM "Readings" WHERE "Sensor" = 999 AND day = 0'),
    ]).toArray()
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    ])
    expect(outcomes[1]).toMatchObject({ reason: { code: 'TSYLLA_BIND_VALUE' } })
    expect(outcomes[2]).toMatchObject({ reason: { code: 'TSYLLA_SERVER_INVALID' } })
  })

  test('a scan reads all rows, and is resumed in another session', async () => {
    const name = { keyspace: target.keyspace, table: 'Readings' }
    const options = { columns: ['at', 'Sensor'], rangeCount: 16, options: { pageSize: 20 } }
    const seen: number[] = []
    let state: string | undefined
    for (let part = 0; part < 3; part++) {
      const session = part === 1 ? await target.open() : target.session
      const scan = scanTable<{ at: number }>(session, name, { ...options, resume: state })
      for await (const { at } of scan) {
        seen.push(at)
        if (part < 2 && seen.length >= (part + 1) * 777) break
      }
      state = scan.state()
      expect(scan.progress.rowCount).toBe(seen.length)
    }
    // Rows of the page that was being consumed come again.
    const distinct = [...new Set(seen)].toSorted((a, b) => a - b)
    expect(distinct).toEqual(Array.from({ length: rowCount }, (_, i) => i))
    expect(seen.length - rowCount).toBeLessThan(2 * 20)
  })

  test('a scan of a table that does not exist fails with its first row', async () => {
    const scan = scanTable(target.session, 'nothing')
    await expect(scan.next()).rejects.toThrow(/there is no table \w+.nothing/)
  })

  test('columns of small and large pages are those of their rows', async () => {
    const { session } = target
    await session.execute('CREATE TABLE texts (p int, c int, t text, PRIMARY KEY (p, c))')
    const insert = await session.prepare('INSERT INTO texts (p, c, t) VALUES (1, ?, ?)')
    const long = Array.from({ length: 300 }, (_, i) => [i, `${i % 3}${'x'.repeat(500)}`])
    await concurrent(session, insert, long).summary()
    for (const text of ['SELECT * FROM texts', 'SELECT * FROM "Readings" LIMIT 50']) {
      for await (const page of session.stream(text).pages()) {
        const columns = page.toColumns()
        const rows = page.rows()
        expect(columns.length).toBe(rows.length)
        for (const name of columns.names) {
          const values = rows.map((row) => row[name])
          expect(columns.values(name)).toEqual(values)
          const { codes, values: distinct } = columns.dictionary(name)
          expect(Array.from(codes, (code) => distinct[code] ?? null)).toEqual(values)
        }
      }
    }
    const page = await session.page(
      'SELECT at, value, n FROM "Readings" WHERE "Sensor" = 1 AND day = 1',
    )
    const columns = page.toColumns()
    expect([...columns.float64('value')]).toEqual([...columns.int32('at')].map((at) => at / 2))
    expect([...columns.bigInt64('n')]).toEqual([...columns.int32('at')].map(BigInt))
  })

  test('rows come as a web stream', async () => {
    const stream = target.session.stream('SELECT at FROM "Readings"', [], { pageSize: 500 })
    let count = 0
    for await (const row of stream.toReadableStream())
      count += typeof row['at'] === 'number' ? 1 : 0
    expect(count).toBe(rowCount)
  })
})
