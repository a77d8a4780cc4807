import { expect, test } from 'vitest'
import { ask, openEngine } from './support/ask.ts'

const open = () =>
  openEngine(
    {},
    'CREATE TABLE t (k int, c int, d int, v int, m map<text, int>, fm frozen<map<text, int>>, l list<int>, ve vector<float, 3>, PRIMARY KEY (k, c, d))',
    "INSERT INTO t (k, c, d, v, m, fm, l, ve) VALUES (1, 1, 1, 5, {'a': 1, 'b': 2}, {'x': 9}, [3, 1, 2], [1, 2, 3]) USING TIMESTAMP 100",
    "UPDATE t USING TIMESTAMP 200 SET m['c'] = 3 WHERE k = 1 AND c = 1 AND d = 1",
  )

test.each([
  ['map_keys(m), map_values(m)', [new Set(['a', 'b', 'c']), [1, 2, 3]]],
  ['collection_count(m), collection_count(l)', [3, 3]],
  ['collection_min(l), collection_max(l), collection_sum(l), collection_avg(l)', [1, 3, 6, 2]],
  ['collection_sum(map_values(m))', [6]],
  ['similarity_cosine(ve, [0.5, -0.5, 0.25])', [0.5445435643196106]],
  ['similarity_euclidean(ve, [1, 2, 4]), similarity_dot_product([1, 0, 0], ve)', [0.5, 1]],
  [
    "writetime(m['a'..'b']), writetime(m['b'..]), maxwritetime(m['b'..])",
    [[100n, 100n], [100n, 200n], 200n],
  ],
  ["writetime(m['x'..'z']), ttl(m['a'..'a'])", [null, [null]]],
  [
    "writetime(fm['x']), writetime(fm['y']), writetime(fm['a'..'z']), writetime(fm['y'..])",
    [100n, null, 100n, null],
  ],
])('SELECT %s', async (selection, expected) => {
  expect(await ask(await open(), `SELECT ${selection} FROM t`)).toEqual([expected])
})

test.each([
  [
    'map_keys(v)',
    'Function system.map_keys requires a map argument, but found argument v of type int',
  ],
  [
    'collection_sum(m)',
    'Function system.collection_sum requires a numeric set/list argument, but found argument m of type map<text, int>',
  ],
  [
    'collection_max(l, l)',
    'Invalid number of arguments for function system.collection_max(numeric_set_or_list)',
  ],
  [
    'map_keys(?)',
    'Cannot infer type of argument ? in call to function system.map_keys(map): use type casts to disambiguate',
  ],
  ['similarity_cosine(ve, [0, 0])', 'All arguments must have the same vector dimensions'],
  ['writetime(l[1..2])', 'Slice selection is only allowed on sets and maps, but l is a list'],
])('SELECT %s is refused', async (selection, message) => {
  const engine = await open()
  expect(() => engine.prepare(`SELECT ${selection} FROM t`, 'ks')).toThrow(message)
})

test('a column that is ordered by twice has its last direction', async () => {
  const engine = await open()
  await ask(engine, 'INSERT INTO t (k, c, d) VALUES (1, 2, 1)')
  const select = 'SELECT c FROM t WHERE k = 1 ORDER BY'
  expect(await ask(engine, `${select} c, c`)).toEqual([[1], [2]])
  expect(await ask(engine, `${select} c, d DESC, c DESC`)).toEqual([[2], [1]])
})

test.each([
  ['101p', 'Invalid value 101p for PERCENTILE option'],
  ['0p', 'must be between (0.0 and 100.0)'],
  ['min(101p,5ms)', "Invalid value min(101p,5ms) for option 'speculative_retry'"],
  ['max(5ms,6ms)', 'but both are of type FIXED'],
])('speculative_retry cannot be %s', async (policy, message) => {
  const engine = await openEngine()
  const create = `CREATE TABLE t (k int PRIMARY KEY) WITH speculative_retry = '${policy}'`
  await expect(ask(engine, create)).rejects.toMatchObject({
    serverCode: 0x2300,
    message: expect.stringContaining(message) as string,
  })
})
