import { beforeAll, expect, test } from 'vitest'
import type { PreparedStatement } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

class Hidden {
  get name(): string {
    return 'x'
  }
}

/** Every CQL type with what does not fit it: wrong kind, out of range, too long, bad text. */
const cases: readonly (readonly [type: string, ...values: unknown[]])[] = [
  ['ascii', 5, 'é', true, {}],
  ['bigint', 2n ** 63n, -(2n ** 63n) - 1n, 1.5, 2 ** 53, 'x', true, Number.NaN],
  ['blob', 'text', 5, [1, 2], {}],
  ['boolean', 1, 'true', 0n],
  ['date', '2024-02-30', '2024-13-01', 'yesterday', 5, true],
  ['decimal', '1.2.3', 'x', true, {}, Number.NaN, '1e2147483649', [1]],
  ['double', '1.5x', true, (1n << 80n) + 1n, {}, '1e999', 10n ** 400n, ' 1', '0x10', ''],
  ['duration', '1x', '1mo-2d', 5, true],
  ['float', 'x', true, [1], 1e39, '1e39', '-1e999', 2n ** 24n + 1n, 10n ** 400n],
  ['inet', '256.1.1.1', '1.2.3', '::g', 5],
  ['int', 2 ** 31, -(2 ** 31) - 1, 1.5, 'x', true, Number.POSITIVE_INFINITY, {}, '', ' 1', '1_0'],
  ['smallint', 32_768, -32_769, 0.1, true],
  ['text', 5, true, {}, Uint8Array.of(1), '\ud800'],
  ['time', '25:00:00', 'noon', -1n, true],
  [
    'timestamp',
    '2024-01-01T10:00',
    'x',
    true,
    new Date(Number.NaN),
    1.5,
    '2024-01-01T10:00+99:99',
    '2024-02-30',
    '2024-01-01T23:59:60Z',
    '+275760-09-14',
  ],
  ['timeuuid', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'x', 5],
  ['tinyint', 128, -129, 1.1, 'a'],
  ['uuid', 'f47ac10b-58cc-4372-a567-0e02b2c3d47', 'not-a-uuid', 5, true],
  ['varint', 1.5, 'x', true, Number.NaN],
  ['list<int>', 5, 'x', [1, null], [1, undefined], ['x'], {}, new Map(), new Array(2)],
  ['set<text>', 5, 'x', new Set([null]), [1]],
  ['map<text, int>', 5, [['a']], new Map([['a', null]]), { a: 'x' }, new Map([[1, 1]])],
  ['frozen<tuple<int, text>>', 5, [1, 'a', 2], ['x', 'a'], {}],
  [
    'frozen<person>',
    5,
    { name: 5 },
    { nickname: 'x' },
    ['x'],
    { name: 'x', Age: 1 },
    new Date(0),
    new Map([['name', 'x']]),
    new Set(['x']),
    Object.create({ name: 'x' }),
    [],
    new Uint8Array(0),
    new Hidden(),
    /x/,
    Promise.resolve({ name: 'x' }),
  ],
  [
    'vector<float, 3>',
    [1, 2],
    [1, 2, 3, 4],
    [1, 'x', 3],
    [1, null, 3],
    5,
    'abc',
    new Array(3),
    Float64Array.of(1, 2, 1e39),
    new Set([1, 2, 3]),
    [1, 2, '1e999'],
  ],
]

describeOnServers('values that do not fit', (target) => {
  const inserts = new Map<string, PreparedStatement>()

  beforeAll(async () => {
    const { session } = target
    await session.execute('CREATE TYPE person (name text, age int)')
    const columns = cases.map(([type], i) => `c${i} ${type}`)
    await session.execute(`CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')})`)
    for (const [i, [type]] of cases.entries()) {
      inserts.set(type, await session.prepare(`INSERT INTO t (id, c${i}) VALUES (?, ?)`))
    }
  })

  for (const [i, [type, ...values]] of cases.entries()) {
    for (const value of values) {
      const shown = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
      test(`${type} refuses ${shown ?? String(value)} (${typeof value})`, async () => {
        const insert = inserts.get(type)!
        const failed = target.session.executePrepared(insert, [1, value])
        await expect(failed).rejects.toMatchObject({
          code: expect.stringMatching(/^TSYLLA_BIND_(VALUE|NULL|UNSET)$/),
          outcome: 'not_applied',
          column: `c${i}`,
          valueKind: expect.any(String),
        })
        const text = String(await failed.catch((error: unknown) => error))
        // The message names column and type, never the value.
        expect(text).toContain(`c${i}`)
        if (typeof value === 'string' && value.length > 6) expect(text).not.toContain(value)
      })
    }
  }

  test('nothing was written by any of them, and the session is as it was', async () => {
    const rows = await target.session.execute('SELECT * FROM t')
    expect(rows.rows()).toEqual([])
  })

  test('keys are neither null nor undefined nor too long', async () => {
    const { session } = target
    await session.execute('CREATE TABLE keys (p text, c text, v text, PRIMARY KEY (p, c))')
    const insert = await session.prepare('INSERT INTO keys (p, c, v) VALUES (?, ?, ?)')
    const codeOf = async (values: unknown[]): Promise<unknown> =>
      await session.executePrepared(insert, values).then(
        () => 'none',
        (error: { code: string }) => error.code,
      )
    expect(await codeOf([null, 'c', 'v'])).toBe('TSYLLA_BIND_NULL')
    expect(await codeOf([undefined, 'c', 'v'])).toBe('TSYLLA_BIND_UNSET')
    expect(await codeOf(['x'.repeat(65_536), 'c', 'v'])).toBe('TSYLLA_SERVER_INVALID')
    expect(await codeOf(['p', 'x'.repeat(65_536), 'v'])).toBe('TSYLLA_SERVER_INVALID')
    expect(await codeOf(['', 'c', 'v'])).toBe('TSYLLA_SERVER_INVALID')
    expect(await codeOf(['p', null, 'v'])).toMatch(/TSYLLA_(BIND_NULL|SERVER_INVALID)/)
    for (const [text, values, code] of [
      ['SELECT v FROM keys WHERE p = ?', [null], 'TSYLLA_BIND_NULL'],
      ['SELECT v FROM keys WHERE p = ?', [undefined], 'TSYLLA_BIND_UNSET'],
      ['SELECT v FROM keys LIMIT ?', [null], 'TSYLLA_BIND_NULL'],
      ['SELECT v FROM keys LIMIT ?', [0], 'TSYLLA_SERVER_INVALID'],
      ['SELECT v FROM keys LIMIT ?', ['x'], 'TSYLLA_BIND_VALUE'],
      [`INSERT INTO keys (p, c) VALUES ('a', 'b') USING TTL ?`, [null], 'TSYLLA_BIND_NULL'],
      [`INSERT INTO keys (p, c) VALUES ('a', 'b') USING TTL ?`, [undefined], 'TSYLLA_BIND_UNSET'],
      [`INSERT INTO keys (p, c) VALUES ('a', 'b') USING TTL ?`, [-1], 'TSYLLA_SERVER_INVALID'],
      [
        `INSERT INTO keys (p, c) VALUES ('a', 'b') USING TTL ?`,
        [630_720_001],
        'TSYLLA_SERVER_INVALID',
      ],
      [`INSERT INTO keys (p, c) VALUES ('a', 'b') USING TIMESTAMP ?`, [null], 'TSYLLA_BIND_NULL'],
      ['SELECT v FROM keys WHERE p IN ?', [['a', null]], 'TSYLLA_BIND_VALUE'],
    ] as const) {
      await expect(session.execute(text, [...values])).rejects.toMatchObject({ code })
    }
  })

  test('names that are missing, extra, ambiguous, or too many values', async () => {
    const { session } = target
    const text = 'INSERT INTO keys (p, c, v) VALUES (?, ?, ?)'
    const range = 'SELECT v FROM keys WHERE p = ? AND c > ? AND c < ?'
    for (const [cql, values, code] of [
      [text, { p: 'a', c: 'b' }, 'TSYLLA_BIND_MISSING'],
      [text, { p: 'a', c: 'b', v: 'c', w: 'd' }, 'TSYLLA_BIND_EXTRA'],
      [text, {}, 'TSYLLA_BIND_MISSING'],
      [text, ['a', 'b'], 'TSYLLA_BIND_COUNT'],
      [text, ['a', 'b', 'c', 'd'], 'TSYLLA_BIND_COUNT'],
      [text, [], 'TSYLLA_BIND_COUNT'],
      [text, undefined, 'TSYLLA_BIND_COUNT'],
      ['SELECT v FROM keys', ['x'], 'TSYLLA_BIND_COUNT'],
      ['SELECT v FROM keys', { p: 'x' }, 'TSYLLA_BIND_EXTRA'],
      [range, { p: 'a', c: 'b' }, 'TSYLLA_BIND_AMBIGUOUS'],
      [range, { p: 'a', c_start: 'a', c_from: 'b', c_end: 'c' }, 'TSYLLA_BIND_AMBIGUOUS'],
      [range, { p: 'a', c_start: 'a' }, 'TSYLLA_BIND_MISSING'],
      [range, 5, 'TSYLLA_BIND_COUNT'],
      [range, 'abc', 'TSYLLA_BIND_COUNT'],
    ] as const) {
      const failed = session.execute(cql, values as never)
      await expect(failed, `${cql} ${JSON.stringify(values)}`).rejects.toMatchObject({ code })
    }
    const listed = await session.execute(range, { p: 'a', c: 'b' }).catch((error: Error) => error)
    expect((listed as Error).message).toMatch(/c_start[\s\S]*c_end[\s\S]*:/)
  })
})
