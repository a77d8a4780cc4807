import { describe, expect, test } from 'vitest'
import { BindPlan } from '../../src/codec/index.ts'
import { analyzeStatement } from '../../src/cql/index.ts'
import { BindError } from '../../src/errors/index.ts'
import {
  type RawValue,
  readRawValues,
  UNSET,
  WireReader,
  WireWriter,
} from '../../src/protocol/index.ts'
import { type BindValues, type CqlType, nativeTypes } from '../../src/types/index.ts'

const t = nativeTypes

/** A plan for a text, its markers named and typed as the server does it. */
function planOf(
  text: string,
  serverNames: readonly string[],
  keyIndexes: number[] = [],
  types: readonly CqlType[] = [],
): BindPlan {
  const markers = serverNames.map((name, i) => ({
    keyspace: 'k',
    table: 't',
    name,
    type: types[i] ?? t.int,
  }))
  return new BindPlan(markers, keyIndexes, analyzeStatement(text).markers)
}

/** The ints a plan writes, null and UNSET as such. */
function bound(plan: BindPlan, values: BindValues | undefined): (number | null | 'UNSET')[] {
  const writer = new WireWriter(4)
  plan.write(writer, values)
  const show = (value: RawValue): number | null | 'UNSET' => {
    if (value === null) return null
    return value === UNSET ? 'UNSET' : Buffer.from(value).readInt32BE()
  }
  return readRawValues(new WireReader(writer.copyFrom(0))).map(show)
}

function fault(plan: BindPlan, values: unknown): BindError {
  const writer = new WireWriter(4)
  writer.writeByte(1)
  try {
    plan.write(writer, values as BindValues)
  } catch (error) {
    expect(error).toBeInstanceOf(BindError)
    expect(writer.offset).toBe(1)
    return error as BindError
  }
  throw new Error('nothing was thrown')
}

const insert = planOf('INSERT INTO t (id, a, b) VALUES (?, ?, ?)', ['id', 'a', 'b'], [0])

describe('values by position', () => {
  test('go in the order of the markers', () => {
    expect(bound(insert, [1, 2, 3])).toEqual([1, 2, 3])
  })
  test('must be as many as the markers', () => {
    for (const values of [[], [1, 2], [1, 2, 3, 4], undefined]) {
      expect(fault(insert, values).code).toBe('TSYLLA_BIND_COUNT')
    }
    expect(fault(insert, 'abc').code).toBe('TSYLLA_BIND_COUNT')
    expect(fault(insert, null).code).toBe('TSYLLA_BIND_COUNT')
  })
  test('a statement without markers takes none', () => {
    const none = planOf('SELECT * FROM t', [])
    for (const values of [undefined, [], {}]) expect(bound(none, values)).toEqual([])
    expect(fault(none, { a: 1 }).code).toBe('TSYLLA_BIND_EXTRA')
    expect(fault(none, [1]).code).toBe('TSYLLA_BIND_COUNT')
  })
  test('are copied, so that later changes do not reach a retry', () => {
    const values = [1, 2, 3]
    const ordered = insert.resolve(values)
    values[0] = 9
    expect(ordered).toEqual([1, 2, 3])
  })
})

describe('values by name', () => {
  test('the order of the keys carries no meaning', () => {
    expect(bound(insert, { b: 3, id: 1, a: 2 })).toEqual([1, 2, 3])
    expect(bound(insert, { id: 1, a: 2, b: 3 })).toEqual([1, 2, 3])
  })

  test('missing and extra keys are errors that list every marker and its keys', () => {
    const missing = fault(insert, { id: 1, a: 2 })
    expect(missing.code).toBe('TSYLLA_BIND_MISSING')
    expect(missing.column).toBe('b')
    const typo = fault(insert, { id: 1, a: 2, bee: 3 })
    expect(typo.code).toBe('TSYLLA_BIND_MISSING')
    expect(typo.message).toContain('"bee"')
    const extra = fault(insert, { id: 1, a: 2, b: 3, c: 4 })
    expect(extra.code).toBe('TSYLLA_BIND_EXTRA')
    expect(extra.message).toContain('1. id: "id"; 2. a: "a"; 3. b: "b"')
    expect(extra.message).toContain(':name')
  })

  test('inherited properties are no values', () => {
    const named = planOf('INSERT INTO t (constructor, a) VALUES (?, ?)', ['constructor', 'a'])
    expect(fault(named, { a: 1 }).code).toBe('TSYLLA_BIND_MISSING')
    expect(bound(named, { constructor: 1, a: 2 })).toEqual([1, 2])
    const proto = planOf('INSERT INTO t ("__proto__") VALUES (?)', ['__proto__'])
    expect(fault(proto, {}).code).toBe('TSYLLA_BIND_MISSING')
    expect(bound(proto, JSON.parse('{"__proto__":5}'))).toEqual([5])
    expect(fault(insert, Object.create({ id: 1, a: 2, b: 3 })).code).toBe('TSYLLA_BIND_MISSING')
  })

  test('values of a class instance and of an object without prototype', () => {
    class Values {
      id = 1
      a = 2
      b = 3
    }
    expect(bound(insert, new Values() as unknown as BindValues)).toEqual([1, 2, 3])
    expect(bound(insert, Object.assign(Object.create(null), { b: 3, id: 1, a: 2 }))).toEqual([
      1, 2, 3,
    ])
  })

  test('objects of changing shape are each understood', () => {
    const plan = planOf('SELECT * FROM t WHERE id = :userId LIMIT ?', ['userid', '[limit]'])
    for (let i = 0; i < 3; i++) {
      expect(bound(plan, { userId: 1, limit: 2 })).toEqual([1, 2])
      expect(bound(plan, { '[limit]': 2, userid: 1 })).toEqual([1, 2])
    }
  })
})

describe(':name markers', () => {
  test('answer to the spelling written and to the folding of the server', () => {
    const plan = planOf('SELECT * FROM t WHERE id = :userId AND c = :"Quoted"', [
      'userid',
      'Quoted',
    ])
    expect(bound(plan, { userId: 1, Quoted: 2 })).toEqual([1, 2])
    expect(bound(plan, { userid: 1, Quoted: 2 })).toEqual([1, 2])
    expect(fault(plan, { userId: 1, userid: 1, Quoted: 2 }).code).toBe('TSYLLA_BIND_AMBIGUOUS')
    expect(fault(plan, { USERID: 1, Quoted: 2 }).code).toBe('TSYLLA_BIND_MISSING')
    expect(fault(plan, { userId: 1, quoted: 2 }).code).toBe('TSYLLA_BIND_MISSING')
  })

  test('one key fills every slot of the name', () => {
    const text = 'UPDATE t SET a = :v, b = :V WHERE id = :id IF a = :v'
    const plan = planOf(text, ['v', 'v', 'id', 'v'])
    expect(bound(plan, { v: 5, id: 1 })).toEqual([5, 5, 1, 5])
    expect(bound(plan, { V: 5, id: 1 })).toEqual([5, 5, 1, 5])
  })

  test('also when the server describes the name once', () => {
    const plan = planOf('UPDATE t SET a = :v, b = :v WHERE id = :id', ['v', 'id'])
    expect(bound(plan, { v: 5, id: 1 })).toEqual([5, 1])
  })

  test('a ? of the same name is told apart from them', () => {
    const plan = planOf('UPDATE t SET v = :v WHERE id = ? IF v = ?', ['v', 'id', 'v'])
    expect(bound(plan, { v: 1, id: 2, v_old: 3 })).toEqual([1, 2, 3])
    expect(fault(plan, { v: 1, id: 2 }).code).toBe('TSYLLA_BIND_MISSING')
  })
})

describe('aliases', () => {
  test('markers without a column answer to the bare word and to the name of the server', () => {
    const text = 'INSERT INTO t (id) VALUES (?) USING TTL ? AND TIMESTAMP ?'
    const plan = planOf(text, ['id', '[ttl]', '[timestamp]'])
    expect(bound(plan, { id: 1, ttl: 2, timestamp: 3 })).toEqual([1, 2, 3])
    expect(bound(plan, { id: 1, '[ttl]': 2, '[timestamp]': 3 })).toEqual([1, 2, 3])
    expect(fault(plan, { id: 1, ttl: 2, '[ttl]': 2, timestamp: 3 }).code).toBe(
      'TSYLLA_BIND_AMBIGUOUS',
    )
    const select = planOf('SELECT * FROM t WHERE id IN ? PER PARTITION LIMIT ? LIMIT ?', [
      'in(id)',
      '[per_partition_limit]',
      '[limit]',
    ])
    expect(bound(select, { id: 1, perPartitionLimit: 2, limit: 3 })).toEqual([1, 2, 3])
    expect(bound(select, { 'in(id)': 1, perPartitionLimit: 2, limit: 3 })).toEqual([1, 2, 3])
    expect(bound(planOf('INSERT INTO t JSON ?', ['[json]']), { json: 1 })).toEqual([1])
    expect(bound(planOf('SELECT * FROM t WHERE id IN ?', ['IN(id)']), { id: 1 })).toEqual([1])
  })

  test('a column called ttl in a statement with USING TTL ? keeps its name', () => {
    const plan = planOf('UPDATE t USING TTL ? SET ttl = ? WHERE id = ?', ['[ttl]', 'ttl', 'id'])
    expect(bound(plan, { '[ttl]': 60, ttl: 5, id: 1 })).toEqual([60, 5, 1])
    const error = fault(plan, { ttl: 5, id: 1 })
    expect(error.code).toBe('TSYLLA_BIND_MISSING')
    expect(error.column).toBe('[ttl]')
  })

  test('a value for in(c) is found by that name or by position when c has another marker', () => {
    const plan = planOf('UPDATE t SET v = ? WHERE id = ? IF v IN ?', ['v', 'id', 'in(v)'])
    expect(bound(plan, { v: 1, id: 2, 'in(v)': 3 })).toEqual([1, 2, 3])
    expect(bound(plan, { v_new: 1, id: 2, v_old: 3 })).toEqual([1, 2, 3])
    expect(bound(plan, { v: 1, id: 2, v_if: 3 })).toEqual([1, 2, 3])
  })
})

describe('several ? of one column', () => {
  const swap = planOf('UPDATE t SET v = ? WHERE id = ? IF v = ?', ['v', 'id', 'v'])
  const range = planOf('SELECT * FROM t WHERE id = ? AND ts >= ? AND ts < ?', ['id', 'ts', 'ts'])

  test.each([
    [{ v_new: 1, v_old: 3 }],
    [{ v_set: 1, v_if: 3 }],
    [{ v_1: 1, v_2: 3 }],
    [{ v_old: 3, v_new: 1 }],
    [{ v: 1, v_old: 3 }],
    [{ v_new: 1, v: 3 }],
  ])('SET v = ? … IF v = ? from %j', (values) => {
    expect(bound(swap, { id: 2, ...values })).toEqual([1, 2, 3])
  })

  test.each([
    ['_start', '_end'],
    ['_from', '_to'],
    ['_min', '_max'],
    ['_after', '_before'],
    ['_from', '_until'],
    ['_gt', '_lt'],
    ['_gte', '_lte'],
    ['_1', '_2'],
  ])('a range by ts%s and ts%s', (lower, upper) => {
    expect(bound(range, { [`ts${upper}`]: 3, [`ts${lower}`]: 2, id: 1 })).toEqual([1, 2, 3])
  })

  test('one key for both is ambiguous, whatever the order', () => {
    expect(fault(swap, { v: 1, id: 2 }).code).toBe('TSYLLA_BIND_AMBIGUOUS')
    expect(fault(range, { ts: 1, id: 2 }).code).toBe('TSYLLA_BIND_AMBIGUOUS')
    const message = fault(range, { id: 1, ts: 1 }).message
    expect(message).toContain('"ts_start"')
    expect(message).toContain('"ts_2"')
  })

  test('a marker given twice is ambiguous, a key for none is extra', () => {
    expect(fault(swap, { id: 1, v_new: 1, v_set: 1, v_old: 2 }).code).toBe('TSYLLA_BIND_AMBIGUOUS')
    expect(fault(swap, { id: 1, v_new: 1, v_old: 2, v: 3 }).code).toBe('TSYLLA_BIND_EXTRA')
    expect(fault(swap, { id: 1, v_new: 1 }).code).toBe('TSYLLA_BIND_MISSING')
  })

  test('a column that is itself called so keeps its key', () => {
    const text = 'UPDATE t SET v = ?, v_old = ? WHERE id = ? IF v = ?'
    const plan = planOf(text, ['v', 'v_old', 'id', 'v'])
    expect(bound(plan, { v_new: 1, v_old: 2, id: 3, v_if: 4 })).toEqual([1, 2, 3, 4])
    expect(bound(plan, { v: 1, v_old: 2, id: 3, v_2: 4 })).toEqual([1, 2, 3, 4])
  })

  test('places that cannot be told apart are so by number only', () => {
    const plan = planOf('SELECT * FROM t WHERE c IN (?, ?)', ['c', 'c'])
    expect(bound(plan, { c_1: 1, c_2: 2 })).toEqual([1, 2])
    const both = planOf('UPDATE t SET a = 1 WHERE id = 1 IF v > ? AND v < ?', ['v', 'v'])
    expect(bound(both, { v_gt: 1, v_lt: 2 })).toEqual([1, 2])
    expect(fault(both, { v_old: 1, v_lt: 2 }).code).toBe('TSYLLA_BIND_MISSING')
  })

  test('without facts of the text they are told apart by number', () => {
    const marker = { keyspace: 'k', table: 't', name: 'v', type: t.int }
    const plan = new BindPlan([marker, marker], [], undefined)
    expect(bound(plan, { v_2: 2, v_1: 1 })).toEqual([1, 2])
    expect(fault(plan, { v: 1 }).code).toBe('TSYLLA_BIND_AMBIGUOUS')
  })
})

describe('undefined and null', () => {
  test('undefined keeps a column that is assigned', () => {
    expect(bound(insert, [1, undefined, 3])).toEqual([1, 'UNSET', 3])
    expect(bound(insert, { id: 1, a: undefined, b: null })).toEqual([1, 'UNSET', null])
    const update = planOf('UPDATE t SET a = ?, l = l + ? WHERE id = ?', ['a', 'l', 'id'], [2])
    expect(bound(update, [undefined, undefined, 1])).toEqual(['UNSET', 'UNSET', 1])
  })

  const strict: [string, string, string[], number[]][] = [
    ['a partition key', 'INSERT INTO t (id) VALUES (?)', ['id'], [0]],
    ['WHERE', 'SELECT * FROM t WHERE c > ?', ['c'], []],
    ['IN', 'SELECT * FROM t WHERE c IN ?', ['in(c)'], []],
    ['token()', 'SELECT * FROM t WHERE token(id) > ?', ['partition key token'], []],
    ['LIMIT', 'SELECT * FROM t LIMIT ?', ['[limit]'], []],
    ['PER PARTITION LIMIT', 'SELECT * FROM t PER PARTITION LIMIT ?', ['[per_partition_limit]'], []],
    ['TTL', 'INSERT INTO t (id) VALUES (1) USING TTL ?', ['[ttl]'], []],
    ['TIMESTAMP', 'INSERT INTO t (id) VALUES (1) USING TIMESTAMP ?', ['[timestamp]'], []],
    ['an element', 'UPDATE t SET m[?] = 1 WHERE id = 1', ['key(m)'], []],
    ['an element of DELETE', 'DELETE m[?] FROM t WHERE id = 1', ['key(m)'], []],
  ]
  test.each(strict)('both are errors in %s', (_, text, names, keys) => {
    const plan = planOf(text, names, keys)
    expect(fault(plan, [undefined]).code).toBe('TSYLLA_BIND_UNSET')
    expect(fault(plan, [null])).toMatchObject({
      code: 'TSYLLA_BIND_NULL',
      column: names[0],
      valueKind: 'null',
    })
  })

  test('undefined is an error in IF and in a function, where null is a value', () => {
    const plan = planOf('UPDATE t SET a = f(?) WHERE id = 1 IF v = ?', ['arg0(f)', 'v'])
    expect(fault(plan, [undefined, 1]).code).toBe('TSYLLA_BIND_UNSET')
    expect(fault(plan, [1, undefined]).code).toBe('TSYLLA_BIND_UNSET')
    expect(bound(plan, [null, null])).toEqual([null, null])
  })

  test('where the text is not known, undefined is refused', () => {
    const marker = { keyspace: 'k', table: 't', name: 'v', type: t.int }
    const plan = new BindPlan([marker], [], undefined)
    expect(fault(plan, [undefined]).code).toBe('TSYLLA_BIND_UNSET')
    expect(bound(plan, [null])).toEqual([null])
  })

  test('in a collection both are errors', () => {
    const list: CqlType = { kind: 'list', element: t.int, frozen: false }
    const plan = planOf('INSERT INTO t (l) VALUES (?)', ['l'], [], [list])
    expect(fault(plan, [[1, null]]).code).toBe('TSYLLA_BIND_VALUE')
    expect(fault(plan, [[undefined]]).code).toBe('TSYLLA_BIND_VALUE')
  })
})

describe('a value that does not fit', () => {
  test('is an error naming column, type and kind of value but never the value', () => {
    const plan = planOf(
      'INSERT INTO t (id, name) VALUES (?, ?)',
      ['id', 'name'],
      [],
      [t.int, t.text],
    )
    const error = fault(plan, [1, 424_242])
    expect(error).toMatchObject({
      code: 'TSYLLA_BIND_VALUE',
      column: 'name',
      cqlType: 'text',
      valueKind: 'number',
    })
    expect(error.message).toBe('Marker 2 (name): Cannot encode number as text: expected a string')
    expect(fault(plan, ['secret', 'x']).message).not.toContain('secret')
  })

  test('in the fast lanes too', () => {
    const types = [t.int, t.bigint, t.double, t.uuid]
    const plan = planOf('INSERT INTO t (a,b,c,d) VALUES (?,?,?,?)', ['a', 'b', 'c', 'd'], [], types)
    const good = [1, 2n, 3, '12345678-1234-1234-1234-123456789abc']
    for (const [i, bad] of [2 ** 31, 2n ** 63n, 'x', 'no uuid'].entries()) {
      const values: unknown[] = [...good]
      values[i] = bad
      expect(fault(plan, values)).toMatchObject({ code: 'TSYLLA_BIND_VALUE', column: 'abcd'[i] })
    }
    const other = ['1', '2', '3', good[3]]
    const writer = new WireWriter(4)
    plan.write(writer, other)
    const same = new WireWriter(4)
    plan.write(same, good)
    expect(writer.copyFrom(0)).toEqual(same.copyFrom(0))
    expect(fault(plan, [-0.5, 2n, 3, good[3]]).column).toBe('a')
  })

  test('half a surrogate pair is refused, also in a long text', () => {
    const plan = planOf('INSERT INTO t (a) VALUES (?)', ['a'], [], [t.text])
    expect(fault(plan, ['\ud800']).code).toBe('TSYLLA_BIND_VALUE')
    expect(fault(plan, [`${'é'.repeat(50_000)}\udc00`]).code).toBe('TSYLLA_BIND_VALUE')
  })
})

describe('the routing key', () => {
  const keyOf = (plan: BindPlan, values: BindValues): string => {
    const writer = new WireWriter(4)
    plan.writeRoutingKey(writer, values)
    return Buffer.from(writer.copyFrom(0)).toString('hex')
  }
  test('of one column is its bytes', () => {
    expect(keyOf(insert, [7, 1, 1])).toBe('00000007')
    expect(keyOf(insert, { a: 1, b: 1, id: 7 })).toBe('00000007')
    expect(insert.isRoutable).toBe(true)
  })
  test('of several has lengths and zeros, in key order', () => {
    const text = 'SELECT * FROM t WHERE b = ? AND a = ?'
    const plan = planOf(text, ['b', 'a'], [1, 0], [t.text, t.int])
    expect(keyOf(plan, ['hi', 1])).toBe('000400000001000002686900')
    expect(fault(plan, [null, 1]).code).toBe('TSYLLA_BIND_NULL')
  })
  test('refuses null, undefined and a part beyond 65,535 bytes', () => {
    const plan = planOf(
      'SELECT * FROM t WHERE a = ? AND b = ?',
      ['a', 'b'],
      [0, 1],
      [t.text, t.int],
    )
    const writer = new WireWriter(4)
    for (const [values, code] of [
      [[null, 1], 'TSYLLA_BIND_NULL'],
      [['a', undefined], 'TSYLLA_BIND_UNSET'],
      [['x'.repeat(65_536), 1], 'TSYLLA_BIND_VALUE'],
      [[5, 1], 'TSYLLA_BIND_VALUE'],
    ] as const) {
      let error: unknown
      try {
        plan.writeRoutingKey(writer, values)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code })
      expect(writer.offset).toBe(0)
    }
    plan.writeRoutingKey(writer, ['x'.repeat(65_535), 1])
    expect(writer.offset).toBe(65_535 + 3 + 7)
  })
  test('is absent when the key is not bound', () => {
    expect(planOf('SELECT * FROM t', []).isRoutable).toBe(false)
  })
})
