import { beforeAll, expect, test } from 'vitest'
import { RowExistsError, RowNotFoundError } from '../../src/index.ts'
import { Repository, UserRepository } from '../../src/patterns.ts'
import { describePattern, FaultyExecutor } from './support.ts'

interface Item {
  readonly org: string
  readonly id: bigint
  readonly title: string | null
  readonly priceCents: number | null
}

describePattern('Repository', (target) => {
  const user = { id: 1, name: 'Ada', email: 'ada@example.org', createdAt: new Date(1_000) }

  beforeAll(() => new UserRepository(target.session).createTables())

  test('create, get, update, delete', async () => {
    const users = new UserRepository(target.session)
    await users.create(user)
    expect(await users.get(1)).toEqual(user)
    await users.update({ ...user, name: 'Ada Lovelace' })
    expect(await users.get(1)).toEqual({ ...user, name: 'Ada Lovelace' })
    expect(await users.delete(1)).toBe(true)
    expect(await users.get(1)).toBeUndefined()
    expect(await users.delete(1)).toBe(false)
  })

  test('create never overwrites, update never creates', async () => {
    const users = new UserRepository(target.session)
    await users.create({ ...user, id: 2 })
    await expect(users.create({ ...user, id: 2, name: 'Eve' })).rejects.toBeInstanceOf(
      RowExistsError,
    )
    expect((await users.get(2))?.name).toBe('Ada')
    await expect(users.update({ ...user, id: 3 })).rejects.toBeInstanceOf(RowNotFoundError)
    expect(await users.get(3)).toBeUndefined()
  })

  test('of racing creates exactly one wins', async () => {
    const users = new UserRepository(target.session)
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => users.create({ ...user, id: 4, name: `n${i}` })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('requests have the time limit and the serial level of the repository', async () => {
    const counting = new FaultyExecutor(target.session)
    const open = (options: object): Repository<{ id: number }> =>
      new Repository<{ id: number }>(counting, {
        ...{ table: 'levels', columns: { id: 'int' }, key: ['id'], ...options },
      })
    const rows = open({ timeout: '3s', serialConsistency: 'SERIAL' })
    await rows.createTables()
    await rows.create({ id: 1 })
    await rows.get(1)
    await rows.delete(1)
    expect(counting.requests).toHaveLength(3)
    for (const { options } of counting.requests) {
      expect(options.serialConsistency).toBe('SERIAL')
      // The time of the PREPARE is taken off.
      expect(options.timeout).toBeGreaterThan(0)
      expect(options.timeout).toBeLessThanOrEqual(3_000)
    }
    expect(() => open({ serialConsistency: 'QUORUM' })).toThrow(/must be one of SERIAL/)
    expect(() => open({ timeout: 'soon' })).toThrow(/timeout/)
  })

  test('a column that is added later changes nothing', async () => {
    const users = new UserRepository(target.session)
    await users.create({ ...user, id: 5 })
    await target.session.execute('ALTER TABLE users ADD age int')
    expect(await users.get(5)).toEqual({ ...user, id: 5 })
  })

  test('composite keys, names of columns, undefined keeps and null deletes', async () => {
    const items = new Repository<Item, 'org' | 'id'>(target.session, {
      table: 'items',
      columns: {
        org: 'text',
        id: { type: 'bigint', read: (value) => BigInt(value as bigint | number | string) },
        title: 'text',
        priceCents: { type: 'int', column: 'price' },
      },
      key: ['org', 'id'],
    })
    await items.createTables()
    await items.create({ org: 'o', id: 7n, title: 't', priceCents: 5 })
    await items.update({ org: 'o', id: 7n, priceCents: 6 })
    expect(await items.get({ org: 'o', id: 7n })).toEqual({
      org: 'o',
      id: 7n,
      title: 't',
      priceCents: 6,
    })
    await items.update({ org: 'o', id: 7n, title: null })
    expect((await items.get({ org: 'o', id: 7n }))?.title).toBeNull()
    await expect(items.get('o' as never)).rejects.toThrow(
      /get takes an object with the key: org, id/,
    )
  })

  test('a key that is missing is named before anything is sent', async () => {
    const users = new UserRepository(target.session)
    const nameless = { name: 'Eve' } as never
    for (const [method, attempt] of [
      ['create', users.create(nameless)],
      ['update', users.update(nameless)],
      ['get', users.get(undefined as never)],
      ['delete', users.delete({ id: null } as never)],
    ] as const) {
      await expect(attempt).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: `${method} needs the key (id), and id is missing`,
      })
    }
    await expect(users.update(null as never)).rejects.toThrow(
      /update takes an entity, which is an object/,
    )
  })

  test('names that are words of CQL, or need quotes, are quoted', async () => {
    interface Entry {
      readonly order: string
      readonly from: number
      readonly Total: number
    }
    const entries = new Repository<Entry, 'order' | 'from'>(target.session, {
      table: 'select',
      columns: { order: 'text', from: 'int', Total: { type: 'int', column: 'in "all"' } },
      key: ['order', 'from'],
    })
    await entries.createTables()
    await entries.create({ order: 'o', from: 1, Total: 2 })
    await entries.update({ order: 'o', from: 1, Total: 3 })
    expect(await entries.get({ order: 'o', from: 1 })).toEqual({ order: 'o', from: 1, Total: 3 })
    expect(await entries.delete({ order: 'o', from: 1 })).toBe(true)
  })

  test('options that make no table are refused, by name', () => {
    const options = {
      table: 'pairs',
      columns: { a: 'int', b: 'int' },
      key: ['a', 'b'],
    } as const
    type Pair = { readonly a: number; readonly b: number }
    const create = (wrong: object): unknown =>
      new Repository<Pair, 'a' | 'b'>(target.session, { ...options, ...wrong })
    const cases: [object, RegExp][] = [
      [{ partitionKeyCount: 1.5 }, /partitionKeyCount must be an integer from 1 to 2, not 1.5/],
      [{ partitionKeyCount: 3 }, /partitionKeyCount/],
      [{ key: [] }, /key is a list/],
      [{ key: ['a', 'c'] }, /"c" is not in columns/],
      [{ key: ['a', 'a'] }, /twice/],
      [{ columns: { a: 'int', b: { type: 'int', column: 'a' } } }, /Two properties/],
      [{ columns: { a: 'int', b: { type: 'int; DROP' } } }, /no CQL type/],
      [{ columns: { a: 'int', b: { type: 'int', colum: 'x' } } }, /"colum"/],
      [{ columns: null }, /columns/],
      [{ keys: ['a'] }, /"keys"/],
    ]
    for (const [wrong, message] of cases) expect(() => create(wrong)).toThrow(message)
  })

  test('a property that no column holds is refused with the nearest name, and nothing is stored', async () => {
    const users = new UserRepository(target.session)
    const misspelt = { ...user, id: 20, nmae: 'x' }
    const message = /no column holds the property "nmae".* Did you mean "name"\?/
    await expect(users.create(misspelt)).rejects.toThrow(message)
    expect(await users.get(20)).toBeUndefined()
    await users.create({ ...user, id: 20 })
    await expect(users.update({ id: 20, nmae: 'x' } as never)).rejects.toThrow(message)
    await expect(users.update({ id: 20, constructor: 'x' } as never)).rejects.toThrow(/constructor/)
    expect((await users.get(20))?.name).toBe('Ada')
    for (const none of [null, 5, 'x', [user]]) {
      await expect(users.create(none as never)).rejects.toThrow(/takes an entity/)
    }
  })

  test('what every object inherits is never a value; an accessor of a class is one', async () => {
    const columns = { id: 'int', toString: 'text', constructor: 'text', __proto__: null } as const
    const odd = new Repository<{ id: number; constructor: never }>(target.session, {
      table: 'odd_names',
      columns: { ...columns, constructor: { type: 'text', column: 'ctor' } },
      key: ['id'],
    })
    await odd.createTables()
    await odd.create({ id: 1 } as never)
    expect(await odd.get(1)).toEqual({ id: 1, toString: null, constructor: null })
    class Point {
      readonly id = 21
      readonly email = 'p@example.org'
      readonly createdAt = new Date(5)
      get name(): string {
        return 'computed'
      }
    }
    const users = new UserRepository(target.session)
    await users.create(new Point())
    expect((await users.get(21))?.name).toBe('computed')
    await expect(users.get({ id: undefined } as never)).rejects.toThrow(/id is missing/)
  })

  test('an empty collection comes back empty, in every way to write it', async () => {
    interface Tagged {
      readonly id: number
      readonly tags: ReadonlySet<string>
      readonly steps: readonly string[]
      readonly marks: ReadonlyMap<string, number>
      readonly whole: ReadonlySet<string> | null
    }
    const tagged = new Repository<Tagged>(target.session, {
      table: 'tagged',
      columns: {
        id: 'int',
        tags: 'set<text>',
        steps: 'LIST<text>',
        marks: 'map<text, int>',
        whole: 'frozen<set<text>>',
      },
      key: ['id'],
    })
    await tagged.createTables()
    const empty = { tags: new Set<string>(), steps: [], marks: new Map<string, number>() }
    await tagged.create({ id: 1, ...empty, whole: new Set() })
    expect(await tagged.get(1)).toEqual({ id: 1, ...empty, whole: new Set() })
    await tagged.update({ id: 1, tags: new Set(['a']), whole: null })
    expect(await tagged.get(1)).toEqual({ id: 1, ...empty, tags: new Set(['a']), whole: null })
    await tagged.update({ id: 1, tags: new Set() })
    expect((await tagged.get(1))?.tags).toEqual(new Set())
  })
})
