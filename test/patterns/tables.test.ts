import { expect, test } from 'vitest'
import type { Executor } from '../../src/index.ts'
import {
  Cache,
  EventStore,
  MetricsStore,
  RateLimiter,
  SessionManager,
  type TableOwner,
  UserRepository,
} from '../../src/patterns.ts'
import { tableText } from '../../src/kernel/index.ts'
import { describeOnServers } from '../support/targets.ts'

interface Pattern extends TableOwner {
  createTables(): Promise<void>
}

/** Every pattern with a table, made with a table of that name, and something that touches it. */
const patterns: readonly {
  readonly name: string
  readonly create: (
    executor: Executor,
    options: object,
  ) => { readonly pattern: Pattern; readonly use: () => Promise<unknown> }
}[] = [
  {
    name: 'SessionManager',
    create: (executor, options) => {
      const pattern = new SessionManager(executor, options)
      return { pattern, use: () => pattern.createSession('u', '') }
    },
  },
  {
    name: 'MetricsStore',
    create: (executor, options) => {
      const pattern = new MetricsStore(executor, options)
      return { pattern, use: () => pattern.query('m', new Date(), new Date()).toArray() }
    },
  },
  {
    name: 'RateLimiter',
    create: (executor, options) => {
      const pattern = new RateLimiter(executor, { onError: 'allow', ...options })
      return { pattern, use: () => pattern.check('k', 1) }
    },
  },
  {
    name: 'Cache',
    create: (executor, options) => {
      const pattern = new Cache(executor, options)
      return { pattern, use: () => pattern.getOrSet('k', () => 1) }
    },
  },
  {
    name: 'EventStore',
    create: (executor, options) => {
      const pattern = new EventStore(executor, options)
      return { pattern, use: () => pattern.read('s').toArray() }
    },
  },
]

describeOnServers('tables of patterns', (target) => {
  for (const { name, create } of patterns) {
    test(`${name}: a table that is missing is an error that names createTables()`, async () => {
      const { use } = create(target.session, { table: 'missing' })
      await expect(use()).rejects.toMatchObject({
        code: 'TSYLLA_SERVER_INVALID',
        outcome: 'not_applied',
        message: expect.stringMatching(/missing.*createTables\(\)/),
        cause: { code: 'TSYLLA_SERVER_INVALID', message: expect.not.stringContaining('create') },
      })
    })

    test(`${name}: its table may be called as a word of CQL`, async () => {
      const table = `${target.keyspace}.order`
      const { pattern, use } = create(target.session, { table })
      await pattern.createTables()
      await pattern.createTables()
      await use()
      for (const { name: created } of pattern.tableDefinitions()) {
        await target.session.execute(`DROP TABLE ${tableText(created)}`)
      }
    })

    test(`${name}: an option it does not have is refused by its name`, () => {
      expect(() => create(target.session, { tabel: 'x' })).toThrow(`${name} has no option "tabel"`)
    })
  }

  test('UserRepository: a table that is missing is an error that names createTables()', async () => {
    await expect(new UserRepository(target.session, 'missing').get(1)).rejects.toThrow(
      /missing.*createTables\(\)/,
    )
  })

  test('a table that was dropped is missing like one that never was', async () => {
    const users = new UserRepository(target.session, 'dropped')
    await users.createTables()
    expect(await users.get(1)).toBeUndefined()
    await target.session.execute('DROP TABLE dropped')
    await expect(users.get(1)).rejects.toThrow(/dropped.*createTables\(\)/)
  })

  test('the same table in two keyspaces is two tables', async () => {
    const session = await target.open()
    const [first, second] = [target.keyspace, `${target.keyspace}_b`]
    await session.execute(
      `CREATE KEYSPACE ${second} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    const admitted: boolean[] = []
    for (const keyspace of [first, second]) {
      await session.useKeyspace(keyspace, true)
      const limiter = new RateLimiter(session, { table: 'limits_of_two' })
      await limiter.createTables()
      admitted.push(await limiter.check('k', 1, 3_600), await limiter.check('k', 1, 3_600))
    }
    expect(admitted).toEqual([true, false, true, false])
    await session.execute(`DROP KEYSPACE ${second}`)
  })
})
