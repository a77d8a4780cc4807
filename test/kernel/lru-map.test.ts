import { expect, test } from 'vitest'
import { LruMap } from '../../src/kernel/index.ts'

test('the least recently used entry makes room for a new one', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  expect(map.get('a')).toBe(1)
  map.set('c', 3)
  expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([1, undefined, 3, 2])
  map.delete('a')
  expect(map.size).toBe(1)
})

test('entries that are over are dropped up to the first that is not', () => {
  const map = new LruMap<string, number>(10)
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 5, d: 1 })) map.set(key, value)
  map.dropWhile((value) => value < 3)
  expect([map.get('a'), map.get('b'), map.get('c'), map.get('d')]).toEqual([
    undefined,
    undefined,
    5,
    1,
  ])
})
