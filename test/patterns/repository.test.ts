import { beforeAll, expect, test } from 'vitest'
import { RowExistsError, RowNotFoundError } from '../../src/index.ts'
import { Repository, UserRepository } from '../../src/patterns.ts'
import { describeOnServers } from '../support/targets.ts'

interface Item {
  readonly org: string
  readonly id: bigint
  readonly title: string | null
  readonly priceCents: number | null
}

describeOnServers('Repository', (target) => {
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
    const items = new Repository<Item>(target.session, {
      table: 'items',
      columns: {
        org: 'text',
        id: 'bigint',
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
    await expect(items.get('o')).rejects.toThrow(/key of items is an object with org, id/)
  })
})
