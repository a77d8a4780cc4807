import { describe, expect, test } from 'vitest'
import { BindPlan, decodeValue, encodeValue } from '../../src/codec/index.ts'
import { WireWriter } from '../../src/protocol/index.ts'
import {
  type ColumnSpec,
  type CqlType,
  cqlTypeText,
  type MarkerFacts,
  nativeTypes,
} from '../../src/types/index.ts'

/*
 * Values and statements so large that work which grows with their square would take minutes, where
 * it takes well under a second now.
 */

const t = nativeTypes
const count = 40_000
const numbers = Array.from({ length: count }, (_, i) => i)

const marker = (name: string): ColumnSpec => ({ keyspace: 'k', table: 't', name, type: t.int })
const fact = (index: number, name?: string): MarkerFacts => ({
  index,
  name,
  isQuoted: false,
  column: name === undefined ? 'c' : undefined,
  clause: 'where',
  operator: 'in',
  isWhole: true,
})

describe('markers', () => {
  test.each<[string, (i: number) => ColumnSpec, ((i: number) => MarkerFacts) | undefined]>([
    ['of one column', () => marker('c'), (i) => fact(i)],
    ['of one column without the text', () => marker('c'), undefined],
    ['of columns of their own', (i) => marker(`c${i}`), undefined],
    ['with names', (i) => marker(`n${i}`), (i) => fact(i, `n${i}`)],
  ])('%s, tens of thousands of them, are matched in linear time', (_what, spec, facts) => {
    const plan = new BindPlan(numbers.map(spec), [], facts && numbers.map(facts))
    const writer = new WireWriter(64)
    plan.write(writer, numbers)
    expect(writer.offset).toBe(2 + count * 8)
  })

  test('several of one column keep the keys that tell them apart', () => {
    const plan = new BindPlan([marker('c'), marker('c')], [], [fact(0), fact(1)])
    expect(plan.resolve({ c_1: 5, c_2: 6 })).toEqual([5, 6])
  })
})

const fields = Array.from({ length: 5_000 }, (_, i) => ({ name: `f${i}`, type: t.int }))

describe('values are encoded and decoded in linear time', () => {
  test.each<[CqlType, unknown]>([
    [{ kind: 'list', element: t.int, frozen: true }, numbers],
    [{ kind: 'set', element: t.int, frozen: true }, new Set(numbers)],
    [
      { kind: 'map', key: t.int, value: t.int, frozen: true },
      new Map(numbers.map((each) => [each, each])),
    ],
    [{ kind: 'vector', element: t.varint, dimension: count }, numbers],
    [{ kind: 'tuple', elements: numbers.map(() => t.int) }, numbers],
    [
      { kind: 'udt', keyspace: 'k', name: 'u', fields, frozen: true },
      Object.fromEntries(fields.map(({ name }, i) => [name, i])),
    ],
    [t.text, 'é'.repeat(5_000_000)],
    [t.blob, new Uint8Array(20_000_000)],
    [t.varint, BigInt(`0x7${'f'.repeat(2_000_000)}`)],
  ])('%#', (type, value) => {
    const bytes = encodeValue(type, value)
    expect(encodeValue(type, decodeValue(type, bytes)).length).toBe(bytes.length)
    expect(cqlTypeText(type)).not.toBe('')
  })

  // Between decimal digits and bits there is no linear way: V8 divides and conquers.
  test('a number of half a million digits is read from its digits and printed', () => {
    const digits = '7'.repeat(500_000)
    const bytes = encodeValue(t.varint, digits)
    expect(String(decodeValue(t.varint, bytes))).toBe(digits)
  })
})
