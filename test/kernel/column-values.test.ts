import { expect, test } from 'vitest'
import { toBigInt, toDate } from '../../src/kernel/index.ts'

test('an int64 is a bigint, in whatever form the session reads it', () => {
  const micros = 1_764_000_000_000_001n
  for (const form of [micros, Number(micros), String(micros)]) expect(toBigInt(form)).toBe(micros)
})

test('a timestamp is a Date, in whatever form the session reads it', () => {
  expect(toDate(new Date(5))).toEqual(new Date(5))
  expect(toDate(-5n)).toEqual(new Date(-5))
  expect(() => toDate(8_640_000_000_000_001n)).toThrow(
    expect.objectContaining({ code: 'TSYLLA_DECODE' }),
  )
})
