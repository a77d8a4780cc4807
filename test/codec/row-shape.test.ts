import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecOf, Row, RowShape } from '../../src/codec/index.ts'
import { DecodeError, ProtocolError } from '../../src/errors/index.ts'
import { WireReader, WireWriter } from '../../src/protocol/index.ts'
import {
  type ColumnSpec,
  type CqlType,
  Decimal,
  EMPTY,
  nativeTypes,
} from '../../src/types/index.ts'
import { isBun, isDeno } from '../support/runtime.ts'

const t = nativeTypes
const spec = (name: string, type: CqlType = t.text): ColumnSpec => ({
  keyspace: 'k',
  table: 't',
  name,
  type,
})

function page(columns: readonly ColumnSpec[], rows: readonly (readonly unknown[])[]): WireReader {
  const writer = new WireWriter(64)
  const codecs = columns.map((column) => codecOf(column.type))
  for (const row of rows) row.forEach((value, i) => codecs[i]!.writeCell(writer, value))
  return new WireReader(writer.copyFrom(0))
}

type AnyRow = Row & Record<string, unknown>

const hostileNames = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'columns',
  'get',
  'length',
  'asDict',
  'toJSON',
  'then',
  '0',
  '1',
  '99',
  '',
  '"',
  "'",
  '`',
  '${1}',
  ']',
  '\\',
  '\n',
  '\u2028',
  '\u2029',
  '\0',
  '*/',
  '</script>',
  '\ud800',
  'é😀',
]

describe.each([
  ['generated', true],
  ['keyed', false],
] as const)('%s rows', (_, codeGeneration) => {
  function decode(columns: readonly ColumnSpec[], rows: readonly (readonly unknown[])[]): AnyRow[] {
    const reader = page(columns, rows)
    const decoded = new RowShape(columns, { codeGeneration }).decodeRows(reader, rows.length)
    expect(reader.remaining).toBe(0)
    return decoded as AnyRow[]
  }

  test('have their columns as own properties in the order of the SELECT', () => {
    const columns = [spec('b', t.int), spec('a'), spec('c', t.boolean)]
    const [row] = decode(columns, [[1, 'x', true]])
    expect(Object.keys(row!)).toEqual(['b', 'a', 'c'])
    expect(Object.fromEntries(Object.entries(row!))).toEqual({ b: 1, a: 'x', c: true })
    expect([row![0], row![1], row![2], row![3]]).toEqual([1, 'x', true, undefined])
    expect(row!.columns()).toEqual([1, 'x', true])
    expect([row!.get(0), row!.get(-1), row!.get(3), row!.get(-4)]).toEqual([
      1,
      true,
      undefined,
      undefined,
    ])
    expect(row!.asDict()).toEqual({ b: 1, a: 'x', c: true })
    expect(Object.getPrototypeOf(row!.asDict())).toBe(Object.prototype)
    expect(row!.length).toBe(3)
    expect(Row.is(row)).toBe(true)
    expect(Row.is({})).toBe(false)
    expect(row).toBeInstanceOf(Row)
    expect(Row.names(row!)).toEqual(['b', 'a', 'c'])
  })

  test('decode every kind of cell, null and empty', () => {
    const kinds = [t.int, t.bigint, t.text, t.uuid, t.timestamp, t.double, t.boolean, t.float]
    const columns = [...kinds, t.varint, t.blob].map((type, i) => spec(`c${i}`, type))
    const uuid = '12345678-1234-1234-1234-123456789abc'
    const full = [-1, 2n, 'é', uuid, new Date(5), 1.5, false, 2.5, 9n, Uint8Array.of(1)]
    const nulls = columns.map(() => null)
    const empty = columns.map((column) =>
      column.type.kind === 'text' ? '' : column.type.kind === 'blob' ? new Uint8Array(0) : EMPTY,
    )
    const rows = decode(columns, [full, nulls, empty])
    expect(rows.map((row) => row.columns())).toEqual([full, nulls, empty])
  })

  test.each(hostileNames)('a column called %j is an own property like any other', (name) => {
    const columns = [spec('before'), spec(name), spec('after')]
    const [row] = decode(columns, [['x', 'value', 'y']])
    expect(Object.hasOwn(row!, name)).toBe(true)
    expect(Object.getOwnPropertyDescriptor(row, name)).toEqual({
      value: 'value',
      writable: true,
      enumerable: true,
      configurable: true,
    })
    expect(Object.keys(row!).length).toBe(3)
    expect(row).toBeInstanceOf(Row)
    expect(Row.columns(row!)).toEqual(['x', 'value', 'y'])
    expect(Row.get(row!, 1)).toBe('value')
    expect(Object.entries(Row.asDict(row!))).toContainEqual([name, 'value'])
    expect(Object.getPrototypeOf(Row.asDict(row!))).toBe(Object.prototype)
  })

  test('all hostile names at once leave every prototype as it was', () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join()
    const columns = hostileNames.map((name) => spec(name))
    const values = hostileNames.map((_name, i) => `${i}`)
    const [row] = decode(columns, [values])
    expect(Row.columns(row!)).toEqual(values)
    hostileNames.forEach((name, i) => expect(row![name]).toBe(`${i}`))
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before)
  })

  test('random names never become code', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }),
        (names) => {
          const [row] = decode(
            names.map((name) => spec(name)),
            [names.map((_n, i) => `${i}`)],
          )
          expect(Row.columns(row!)).toEqual(names.map((_n, i) => `${i}`))
          expect(names.every((name) => Object.hasOwn(row!, name))).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('of duplicate names the last has the property, all are reachable by index', () => {
    const columns = [spec('a', t.int), spec('b', t.int), spec('a', t.int)]
    const [row, other] = decode(columns, [
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(Object.fromEntries(Object.entries(row!))).toEqual({ a: 3, b: 2 })
    expect(row!.columns()).toEqual([1, 2, 3])
    expect([row![0], row![2], row!.get(-3)]).toEqual([1, 3, 1])
    expect(other!.columns()).toEqual([4, 5, 6])
    expect(row!.length).toBe(3)
  })

  test('as JSON have bigint and decimal as text, Map as pairs, Set as array, blob as hex', () => {
    const set: CqlType = { kind: 'set', element: t.bigint, frozen: false }
    const columns = [
      spec('big', t.bigint),
      spec('dec', t.decimal),
      spec('map', { kind: 'map', key: t.text, value: t.blob, frozen: false }),
      spec('set', set),
      spec('date', t.timestamp),
      spec('udt', {
        kind: 'udt',
        keyspace: 'k',
        name: 'u',
        fields: [{ name: 'n', type: t.varint }],
        frozen: false,
      }),
    ]
    const [row] = decode(columns, [
      [
        1n,
        Decimal.parse('1.50'),
        new Map([['k', Uint8Array.of(255)]]),
        new Set([2n]),
        new Date(0),
        { n: 3n },
      ],
    ])
    expect(JSON.parse(JSON.stringify(row))).toEqual({
      big: '1',
      dec: '1.50',
      map: [['k', '0xff']],
      set: ['2'],
      date: '1970-01-01T00:00:00.000Z',
      udt: { n: '3' },
    })
  })

  test('codec options reach the cells', () => {
    const columns = [spec('n', t.bigint), spec('ts', t.timestamp)]
    const shape = new RowShape(columns, { codeGeneration, int64: 'number', timestamp: 'bigint' })
    const [row] = shape.decodeRows(page(columns, [[5n, 6n]]), 1)
    expect(row!.columns()).toEqual([5, 6n])
  })

  test('cells cut off, of the wrong size or of a strange length are protocol errors', () => {
    const columns = [spec('i', t.int), spec('s', t.text)]
    const whole = page(columns, [[1, 'abc']]).bytes
    for (let cut = 0; cut < whole.length; cut++) {
      const shape = new RowShape(columns, { codeGeneration })
      const reader = new WireReader(whole, 0, cut)
      expect(() => shape.decodeRows(reader, 1)).toThrow(ProtocolError)
    }
    for (const lengths of [
      [0, 0, 0, 3],
      [0, 0, 0, 5],
      [0xff, 0xff, 0xff, 0xfe],
      [0x7f, 0xff, 0xff, 0xff],
    ]) {
      const bytes = Uint8Array.from(whole)
      bytes.set(lengths, 0)
      const shape = new RowShape(columns, { codeGeneration })
      expect(() => shape.decodeRows(new WireReader(bytes), 1)).toThrow(ProtocolError)
    }
  })

  test('a timestamp beyond Date is a decode error', () => {
    const columns = [spec('ts', t.timestamp)]
    const reader = page(columns, [[2n ** 62n]])
    const shape = new RowShape(columns, { codeGeneration })
    expect(() => shape.decodeRows(reader, 1)).toThrow(DecodeError)
  })

  test('no rows are no rows, and rows of no columns cannot be', () => {
    expect(decode([spec('a')], [])).toEqual([])
  })
})

// A flag of Node's.
describe.skipIf(isBun || isDeno)('where strings may not become code', () => {
  test('rows come all the same', () => {
    const source = `
      import { canGenerateCode, RowShape } from './src/codec/row-shape.ts'
      import { WireReader } from './src/protocol/index.ts'
      const column = { keyspace: 'k', table: 't', name: '__proto__', type: { kind: 'int' } }
      const reader = new WireReader(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 7))
      const [row] = new RowShape([column]).decodeRows(reader, 1)
      console.log(canGenerateCode(), Object.keys(row)[0], row.columns()[0])`
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--disallow-code-generation-from-strings',
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        source,
      ],
      { encoding: 'utf8', cwd: new URL('../..', import.meta.url) },
    )
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe('false __proto__ 7')
  })
})
