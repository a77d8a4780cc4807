import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkLinearizable,
  foldInvariant,
  HistoryTooComplexError,
  type HistoryModel,
} from '../../src/testing.ts'
import {
  hasOrder,
  limitModel,
  type RegisterInput,
  registerModel,
  type RegisterOperation,
  type TakeOperation,
} from './support/registers.ts'

const write = (value: number, call: number, end?: number): RegisterOperation => ({
  input: { write: value },
  call,
  ...(end !== undefined && { return: end, output: -1 }),
})
const read = (value: number, call: number, end: number): RegisterOperation => ({
  ...{ input: 'read', output: value, call, return: end },
})
const verdict = (history: readonly RegisterOperation[]): boolean =>
  checkLinearizable(history, registerModel).ok

describe('a register', () => {
  test('may show either value while a write is in progress, but not go back', () => {
    expect(verdict([write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)])).toBe(true)
    expect(verdict([write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)])).toBe(false)
  })

  test('does not show a value that was replaced before the read began', () => {
    expect(verdict([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)])).toBe(false)
    expect(verdict([write(1, 0, 1), write(2, 2, 3), read(1, 3, 5)])).toBe(true)
  })

  test('takes a write without an answer at any later time, once, or never', () => {
    expect(verdict([write(1, 0), read(0, 1, 2), read(1, 8, 9)])).toBe(true)
    expect(verdict([write(1, 0), read(0, 1, 2), read(0, 8, 9)])).toBe(true)
    expect(verdict([write(1, 0), read(1, 1, 2), read(0, 8, 9)])).toBe(false)
    expect(verdict([write(1, 5), read(1, 1, 2)])).toBe(false)
    const twice = [write(1, 0), write(2, 1, 2), read(1, 3, 4), write(2, 5, 6), read(1, 7, 8)]
    expect(verdict(twice)).toBe(false)
    expect(verdict([...twice, write(1, 0)])).toBe(true)
  })

  test('keys do not influence each other, and the failure names the key', () => {
    const a = { key: 'a', ...write(1, 0, 1) }
    const result = checkLinearizable(
      [a, { key: 'b', ...read(0, 2, 3) }, { key: 'b', ...read(1, 4, 5), process: 'p7' }],
      registerModel,
    )
    expect(result).toMatchObject({ ok: false, key: 'b', longest: [{ output: 0 }] })
    if (!result.ok) {
      expect(result.stuck).toHaveLength(1)
      expect(result.explanation).toMatch(/"b".*after 1 of 2.*p7: "read" → 1/)
    }
  })
})

/**
 * A history that is right by construction: operations run one after another, each at a point within
 * its interval, and some lose their answer.
 */
const sequentialRun = fc
  .array(
    fc.record({
      input: fc.oneof(
        fc.constant<RegisterInput>('read'),
        fc.integer({ min: 0, max: 3 }).map((write): RegisterInput => ({ write })),
      ),
      before: fc.integer({ min: 0, max: 40 }),
      after: fc.integer({ min: 0, max: 40 }),
      fate: fc.constantFrom('answered', 'answered', 'answered', 'open', 'never'),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((plan): RegisterOperation[] => {
    let value = 0
    return plan.map(({ input, before, after, fate }, i) => {
      const at = i * 10
      if (fate === 'never') return { input, call: at - before }
      if (input !== 'read') value = input.write
      const output = input === 'read' ? value : -1
      const times = { call: at - before, return: at + after }
      return fate === 'open' ? { input, ...times } : { input, output, ...times }
    })
  })

const smallHistory = fc.array(
  fc
    .record({
      input: fc.oneof(
        fc.constant<RegisterInput>('read'),
        fc.integer({ min: 1, max: 2 }).map((write): RegisterInput => ({ write })),
      ),
      call: fc.integer({ min: 0, max: 12 }),
      length: fc.integer({ min: 0, max: 8 }),
      value: fc.integer({ min: 0, max: 2 }),
      isOpen: fc.integer({ min: 0, max: 3 }).map((one) => one === 0),
    })
    .map(
      ({ input, call, length, value, isOpen }): RegisterOperation => ({
        ...{ input, call },
        ...(!isOpen && { return: call + length, output: input === 'read' ? value : -1 }),
      }),
    ),
  { maxLength: 7 },
)

describe('of random histories', () => {
  test('those of a sequential run are accepted, however they overlap', () => {
    fc.assert(
      fc.property(sequentialRun, (history) => {
        expect(checkLinearizable(history, registerModel)).toEqual({ ok: true })
      }),
      { numRuns: 500 },
    )
  })

  test('small ones are judged as by trying every order', () => {
    const seen = { true: 0, false: 0 }
    fc.assert(
      fc.property(smallHistory, (history) => {
        const expected = hasOrder(history, registerModel)
        seen[`${expected}`]++
        expect(checkLinearizable(history, registerModel).ok).toBe(expected)
      }),
      { numRuns: 3_000 },
    )
    // Otherwise this would say little.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(300)
  })

  test('those of a sequential run in which one read is wrong are rejected', () => {
    let count = 0
    fc.assert(
      fc.property(sequentialRun, fc.nat(), (history, choice) => {
        const reads = history.flatMap(({ input, output }, i) =>
          input === 'read' && output !== undefined ? [i] : [],
        )
        const at = reads[choice % Math.max(1, reads.length)]
        if (at === undefined) return
        // A value that nothing has written.
        const mutated = history.with(at, { ...history[at]!, output: 9 })
        const result = checkLinearizable(mutated, registerModel)
        expect(result.ok).toBe(false)
        count++
      }),
      { numRuns: 300 },
    )
    expect(count).toBeGreaterThan(150)
  })

  test('small mutated ones are judged as by trying every order, for a limiter too', () => {
    const takes = fc.array(
      fc.record({
        cost: fc.integer({ min: 1, max: 2 }),
        call: fc.integer({ min: 0, max: 10 }),
        length: fc.integer({ min: 0, max: 6 }),
        output: fc.constantFrom(true, true, false, undefined),
      }),
      { maxLength: 7 },
    )
    const seen = { true: 0, false: 0 }
    fc.assert(
      fc.property(takes, (plan) => {
        const history = plan.map(
          ({ cost, call, length, output }): TakeOperation => ({
            ...{ input: cost, output, call, return: call + length },
          }),
        )
        const expected = hasOrder(history, limitModel(3))
        seen[`${expected}`]++
        expect(checkLinearizable(history, limitModel(3)).ok).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(200)
  })
})

/** A limiter in memory whose answers take a while; the broken one reads, waits and writes. */
class MemoryLimiter {
  #used = 0
  readonly #limit: number
  readonly #isBroken: boolean

  constructor(limit: number, isBroken: boolean) {
    this.#limit = limit
    this.#isBroken = isBroken
  }

  async take(): Promise<boolean> {
    await Promise.resolve()
    const used = this.#used
    if (this.#isBroken) await Promise.resolve()
    if (used >= this.#limit) return false
    this.#used = used + 1
    return true
  }
}

describe('a limiter', () => {
  const run = async (isBroken: boolean): Promise<TakeOperation[]> => {
    const limiter = new MemoryLimiter(10, isBroken)
    let now = 0
    const history: TakeOperation[] = []
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        const call = now++
        const output = await limiter.take()
        history.push({ input: 1, output, call, return: now++ })
      }),
    )
    return history
  }
  const admissions = (history: readonly TakeOperation[]) =>
    foldInvariant(
      history,
      0,
      (sum, { output, input }) => (output === true ? sum + input : sum),
      (sum) => sum <= 10 || `${sum} units are admitted, more than 10`,
    )

  test('that is right is accepted', async () => {
    const history = await run(false)
    expect(checkLinearizable(history, limitModel(10))).toEqual({ ok: true })
    expect(admissions(history)).toEqual([])
  })

  test('that reads before it writes is caught', async () => {
    const history = await run(true)
    expect(checkLinearizable(history, limitModel(10)).ok).toBe(false)
    expect(admissions(history)[0]).toMatchObject({
      ...{ index: 10, reason: '11 units are admitted, more than 10' },
    })
  })
})

test('a model may lead to several states', () => {
  // A queue that may lose what was put into it.
  const model: HistoryModel<readonly number[], number | 'pop', number> = {
    initial: () => [],
    step: (items, input, output) => {
      if (input !== 'pop') return [[...items, input], items]
      return items[0] === output ? [items.slice(1)] : []
    },
  }
  const put = (value: number, at: number) => ({ input: value, output: -1, call: at, return: at })
  const pop = (value: number, at: number) =>
    ({ input: 'pop', output: value, call: at, return: at }) as const
  expect(checkLinearizable([put(1, 0), put(2, 1), pop(2, 2)], model).ok).toBe(true)
  expect(checkLinearizable([put(1, 0), put(2, 1), pop(2, 2), pop(1, 3)], model).ok).toBe(false)
})

test('thousands of operations by hundreds of callers are checked', () => {
  const history: TakeOperation[] = Array.from({ length: 4_000 }, (_, i) => ({
    ...{ input: 1, call: i - 250, return: i + 1 },
    output: i % 97 === 0 ? undefined : i < 3_000,
  }))
  expect(checkLinearizable(history, limitModel(2_990)).ok).toBe(true)
  expect(checkLinearizable(history, limitModel(2_900)).ok).toBe(false)
})

test('a search that takes too long ends with an error that says what to do', () => {
  const history = Array.from({ length: 30 }, (_, i) => write(i, 0, 100))
  const impossible = [...history, read(77, 101, 102)]
  const check = (): unknown => checkLinearizable(impossible, registerModel, { stepsMax: 10_000 })
  expect(check).toThrow(HistoryTooComplexError)
  expect(check).toThrow(/within 10000 steps.*fewer/)
  expect(() => checkLinearizable([], registerModel, { stepsMax: 0 })).toThrow(/stepsMax/)
})

describe('states', () => {
  type Input = { readonly write: unknown } | 'read'
  const model: HistoryModel<{ readonly value: unknown }, Input, { readonly value: unknown }> = {
    initial: () => ({ value: null }),
    step(state, input, output) {
      if (input !== 'read') return [{ value: input.write }]
      return output === undefined || Object.is(output.value, state.value) ? [state] : []
    },
  }

  /** Of two writes at the same time, either may be the last. */
  const findsBoth = (a: unknown, b: unknown): boolean =>
    [a, b].every((last) => {
      const writes = [a, b].map((write) => ({
        ...{ input: { write }, output: { value: null }, call: 0, return: 10 },
      }))
      const read = { input: 'read' as const, output: { value: last }, call: 20, return: 30 }
      return checkLinearizable([...writes, read], model).ok
    })

  class Point {
    readonly x: number
    constructor(x: number) {
      this.x = x
    }
  }
  const distinct: readonly unknown[] = [
    ...[1, '1', 1n, '1n', true, 'true', null, 'null', undefined, 'undefined'],
    ...[0, -0, Number.NaN, 'NaN', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ...[[], [undefined], [null], new Array(1), ['', ''], ['","']],
    ...[{}, { a: 1 }, { a: undefined }, { a: '1' }, { b: 1 }, new Point(1), new Point(2), { x: 1 }],
    ...[new Date(0), new Date(1), new Date(Number.NaN), '1970-01-01T00:00:00.000Z', 0n],
    ...[new Map(), new Map([[1, 1]]), new Map([['1', 1]]), { map: [] }, new Set(), new Set([1])],
    ...[new Uint8Array(), new Uint8Array([1]), new Int8Array([1]), { 0: 1 }, { set: [] }],
    ...[new URL('http://a/'), 'http://a/'],
  ]

  test('that differ have different names', () => {
    for (const [i, a] of distinct.entries()) {
      for (const b of distinct.slice(i + 1)) {
        expect([a, b, findsBoth(a, b)]).toEqual([a, b, true])
      }
    }
  })

  test('without a name that tells them apart need nameOf', () => {
    class Hidden {
      readonly #value: number
      constructor(value: number) {
        this.#value = value
      }
      get value(): number {
        return this.#value
      }
    }
    const history = [{ input: 1, output: 1, call: 0, return: 1 }]
    const hidden: HistoryModel<Hidden, number, number> = {
      initial: () => new Hidden(0),
      step: (_, input) => [new Hidden(input)],
    }
    expect(() => checkLinearizable(history, hidden)).toThrow(/give the model a nameOf/)
    const named = { ...hidden, nameOf: ({ value }: Hidden) => String(value) }
    expect(checkLinearizable(history, named)).toEqual({ ok: true })
  })

  test('options that are none are refused', () => {
    expect(() => checkLinearizable([], model, { steps: 1 } as never)).toThrow(/no option "steps"/)
  })
})
