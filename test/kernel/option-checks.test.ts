import { expect, test } from 'vitest'
import { checkOptions } from '../../src/kernel/index.ts'

interface Options {
  readonly size?: number
  readonly name?: string
}

test('an unknown option is refused by its name, with the nearest one and all there are', () => {
  const names = { size: true, name: true } as const
  const options = { size: 1 }
  expect(checkOptions<Options>('It', options, names)).toBe(options)
  expect(() => checkOptions<Options>('It', { sizw: 1 } as Options, names)).toThrow(
    'It has no option "sizw". Did you mean "size"? It has: size, name',
  )
  for (const none of [null, 5, 'x', []]) {
    expect(() => checkOptions<Options>('It', none as never, names)).toThrow(
      'The options of It are an object',
    )
  }
  expect(() => checkOptions<Options>('It', { toString: 1 } as never, names)).toThrow(/toString/)
})
