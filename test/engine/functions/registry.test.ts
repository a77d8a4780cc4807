import { expect, test } from 'vitest'
import { FunctionRegistry, systemFunctions } from '../../../src/engine/functions/registry.ts'
import { nativeTypes } from '../../../src/types/index.ts'

test('one registry has the scalar, generic and aggregate functions of the system', () => {
  expect(systemFunctions.scalarOverloads('now')).toHaveLength(1)
  expect(systemFunctions.scalarOverloads('totimestamp')?.length).toBeGreaterThan(1)
  expect(systemFunctions.generic('collection_count')).toBeDefined()
  const names = ['count', 'min', 'max', 'sum', 'avg', 'now', 'collection_count']
  expect(names.filter((name) => systemFunctions.aggregate(name) !== undefined)).toEqual([
    'count',
    'min',
    'max',
    'sum',
    'avg',
  ])
})

test('a registry has exactly the functions it is made of', () => {
  const one = {
    name: 'one',
    args: [],
    returns: nativeTypes.int,
    isPure: true,
    call: () => new Uint8Array([0, 0, 0, 1]),
  }
  const registry = new FunctionRegistry({
    scalars: [one],
    generics: new Map(),
    aggregates: new Map([
      ['last', (type) => ({ returns: type, create: () => ({ add() {}, result: () => null }) })],
    ]),
  })
  expect(registry.scalarOverloads('one')).toEqual([one])
  expect(registry.aggregate('last')?.(nativeTypes.int).returns).toBe(nativeTypes.int)
  expect([registry.scalarOverloads('now'), registry.generic('one')]).toEqual([undefined, undefined])
})
