import { beforeAll, expect, test } from 'vitest'
import { RowExistsError, RowNotFoundError } from '../../src/index.ts'
import { Repository, UserRepository } from '../../src/patterns.ts'
import { describePattern } from './support.ts'

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
    await expect(users.update(null as never)).rejects.toThrow(/update takes an object with the key/)
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
      [{ partitionKeyCount: 1.5 }, /partitionKeyCount is a whole number of 1 … 2/],
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
})
