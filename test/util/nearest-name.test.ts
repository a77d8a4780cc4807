import { expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../src/util/index.ts'

test.each([
  ['nmae', ['id', 'name', 'email'], 'name'],
  ['contactPoint', ['contactPoints', 'keyspace'], 'contactPoints'],
  ['Keyspace', ['contactPoints', 'keyspace'], 'keyspace'],
  ['ttlSecond', ['ttlSeconds', 'table'], 'ttlSeconds'],
  ['x', ['id', 'name'], undefined],
  ['colour', ['id', 'name'], undefined],
  ['a'.repeat(1_000_000), ['b'.repeat(1_000_000)], undefined],
])('the nearest name to %.20s', (name, candidates, nearest) => {
  expect(nearestName(name, candidates)).toBe(nearest)
})

test('a hint is a sentence of its own, or nothing', () => {
  expect(didYouMean('nmae', ['name'])).toBe(' Did you mean "name"?')
  expect(didYouMean('zzz', ['name'])).toBe('')
})
