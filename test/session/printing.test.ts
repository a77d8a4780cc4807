import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { CacheValueError, ConcurrencyConflictError, ConfigError } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('what printing shows', (target) => {
  test('the rows of a result, printed and as JSON', async () => {
    const { session } = target
    await session.execute('CREATE TABLE printed (id int PRIMARY KEY, n bigint, m map<text, int>)')
    const values = { id: 1, n: 5n, m: new Map([['a', 1]]) }
    await session.execute('INSERT INTO printed (id, n, m) VALUES (?, ?, ?)', values)
    const result = await session.execute('SELECT * FROM printed')
    expect(inspect(result)).toBe(
      `Result {\n  rows: [ { id: 1, m: Map(1) { 'a' => 1 }, n: 5n } ],\n  coordinator: '${result.coordinator}'\n}`,
    )
    expect(JSON.stringify(result)).toBe('[{"id":1,"m":[["a",1]],"n":"5"}]')
    expect(JSON.stringify({ result })).toBe('{"result":[{"id":1,"m":[["a",1]],"n":"5"}]}')
    const conditional = await session.execute('INSERT INTO printed (id) VALUES (1) IF NOT EXISTS')
    expect(inspect(conditional)).toMatch(/rows: \[[^]*'\[applied\]': false[^]*applied: false/)
    const none = await session.execute('INSERT INTO printed (id) VALUES (2)')
    expect(inspect(none)).toMatch(/^Result \{ rows: \[\], coordinator: '[^']+' \}$/)
    expect(JSON.stringify(none)).toBe('[]')
  })

  test('a result of many rows is cut, and the options of inspect count', async () => {
    const { session } = target
    await session.execute('CREATE TABLE many (id int PRIMARY KEY)')
    for (let id = 0; id < 120; id++) await session.execute('INSERT INTO many (id) VALUES (?)', [id])
    const result = await session.execute('SELECT id FROM many')
    expect(inspect(result)).toMatch(/\.\.\. 20 more items/)
    expect(inspect(result, { maxArrayLength: 3 })).toMatch(/\.\.\. 117 more items/)
    expect(inspect({ nested: { result } }, { depth: 0 })).toBe('{ nested: [Object] }')
  })
})

test('no error prints what is data of the caller, but the program can read it', () => {
  const conflict = new ConcurrencyConflictError('alice@example.org', 1, 2)
  const cached = new CacheValueError('value.alice', 'a function is not data')
  const config = new ConfigError('x', 'not_applied', { path: 'events[0].data.alice' })
  for (const error of [conflict, cached, config]) {
    expect(inspect(error, { depth: 10 })).not.toContain('alice')
    expect(JSON.stringify(error)).not.toContain('alice')
    expect(inspect(error.copy())).not.toContain('alice')
  }
  expect(conflict.streamId).toBe('alice@example.org')
  expect(cached.path).toBe('value.alice')
  expect(config.copy().path).toBe('events[0].data.alice')
  expect(new ConfigError('x').path).toBeUndefined()
})
