// Compiled, never run: what users write against the published types.
import {
  BindError,
  type Executor,
  type Result,
  type RowOf,
  Session,
  SessionBuilder,
  Statement,
  TsyllaError,
  cql,
} from 'tsylla'
import { embedded } from 'tsylla/embedded'
import {
  Cache,
  EventStore,
  MetricsStore,
  type RateLimitDecision,
  RateLimiter,
  Repository,
  SessionManager,
} from 'tsylla/patterns'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function isTrue<_T extends true>(): void {}

interface User {
  id: number
  name: string
}

export async function statementsCarryTheirColumns(session: Session): Promise<void> {
  const id = 1
  const byTag = await session.execute(cql<User>`SELECT id, name FROM users WHERE id = ${id}`)
  isTrue<Equal<typeof byTag, Result<User>>>()
  const prepared = await session.prepare<User, [id: number]>('SELECT * FROM users WHERE id = ?')
  const byId = await session.executePrepared(prepared, [1])
  isTrue<Equal<typeof byId, Result<User>>>()
  const withOption = await session.executePrepared(prepared.withPageSize(5), [1])
  isTrue<Equal<typeof withOption, Result<User>>>()
  // @ts-expect-error -- the value is a number
  await session.executePrepared(prepared, ['1'])
  // @ts-expect-error -- one value is declared
  await session.executePrepared(prepared, [1, 2])
  const ofTag = await session.prepare(cql<User>`SELECT id, name FROM users`)
  for await (const row of session.stream(ofTag)) isTrue<Equal<typeof row.name, string>>()
  // What is declared where it is used wins.
  const other = await session.execute<{ n: bigint }>(cql`SELECT count(*) AS n FROM users`)
  isTrue<Equal<typeof other, Result<{ n: bigint }>>>()
  const untyped = await session.prepare('SELECT 1')
  const asUser = await session.executePrepared<User>(untyped, { anything: 1 })
  isTrue<Equal<typeof asUser, Result<User>>>()
}

export async function rowsHaveTheDeclaredColumns(session: Session): Promise<void> {
  const result = await session.execute<User>('SELECT id, name FROM users WHERE id = ?', { id: 1 })
  isTrue<Equal<typeof result, Result<User>>>()
  const row = result.firstRow()
  isTrue<Equal<typeof row, RowOf<User> | undefined>>()
  const name: string = result.singleRow().name
  const first: unknown = result.singleRow()[0]
  const typed: User[] = result.rowsTyped()
  // @ts-expect-error -- there is no such column
  result.singleRow().email
  for await (const streamed of session.stream<User>('SELECT id, name FROM users')) {
    const id: number = streamed.id
    void id
  }
  const untyped = (await session.execute('SELECT 1')).firstRow()
  const value: unknown = untyped?.['anything']
  void [name, first, typed, value]
}

export async function optionsAreChecked(session: Session): Promise<void> {
  await session.execute('SELECT 1', [], { consistency: 'ONE', timeout: 5 })
  // @ts-expect-error -- no such level
  await session.execute('SELECT 1', [], { consistency: 'MOST' })
  // @ts-expect-error -- microseconds are a bigint
  await session.execute('SELECT 1', [], { timestamp: 5 })
  // @ts-expect-error -- neither is a compression
  new SessionBuilder().compression('gzip')
  const statement = cql`SELECT * FROM ${cql.id('users')} WHERE id = ${1}`
  await session.execute(statement.withPageSize(5))
  isTrue<Equal<ReturnType<Statement['withPageSize']>, Statement>>()
}

export function errorsAreToldApartByCode(error: unknown): string {
  if (!TsyllaError.is(error)) return 'untyped'
  const outcome: 'not_applied' | 'unknown' = error.outcome
  // @ts-expect-error -- only errors of values have a column
  void error.column
  switch (error.code) {
    case 'TSYLLA_BIND_VALUE':
      return error.column ?? 'a value'
    case 'TSYLLA_CONCURRENCY_CONFLICT':
      return String(error.actualVersion)
    case 'TSYLLA_SERVER_UNAVAILABLE':
      return `${error.details.alive} of ${error.details.required}`
    // @ts-expect-error -- there is no such code
    case 'TSYLLA_NONSENSE':
      return ''
    default:
      return outcome
  }
}

export function ownErrorsAreErrorsToo(error: unknown): boolean {
  const isBase = error instanceof TsyllaError && error.attempts.length === 0
  return isBase || (error instanceof BindError && error.code === 'TSYLLA_BIND_COUNT')
}

export async function patternsTakeAnExecutor(executor: Executor): Promise<void> {
  const decision: RateLimitDecision = await new RateLimiter(executor).take('k', { limit: 1 })
  const version: number = await new EventStore(executor).append(
    's',
    't',
    {},
    { expectedVersion: 0 },
  )
  const users = new Repository<User>(executor, {
    table: 'users',
    columns: { id: 'int', name: 'text' },
    key: ['id'],
  })
  const user: User | undefined = await users.get(1)
  // @ts-expect-error -- every property needs a column
  new Repository<User>(executor, { table: 'users', columns: { id: 'int' }, key: ['id'] })
  void [decision, version, user]
}

export async function resourcesEndWithTheBlock(): Promise<void> {
  await using db = await embedded()
  await using session = await Session.connect([db])
  await using rows = session.stream('SELECT * FROM system.local')
  void rows
}

import { UserRepository } from 'tsylla/patterns'

interface Item {
  org: string
  id: bigint
  title: string | null
}

export async function keysOfRepositoriesAreTyped(executor: Executor): Promise<void> {
  const users = new UserRepository(executor)
  await users.get(1)
  await users.get({ id: 1 })
  await users.update({ id: 1, name: 'Ada' })
  // @ts-expect-error -- the key is a number
  await users.get('Ada')
  // @ts-expect-error -- a name is no key
  await users.delete({ name: 'Ada' })
  // @ts-expect-error -- the key is missing
  await users.update({ name: 'Ada' })
  // @ts-expect-error -- an entity has all its properties
  await users.create({ id: 1, name: 'Ada' })

  const columns = { org: 'text', id: 'bigint', title: 'text' }
  const items = new Repository<Item, 'org' | 'id'>(executor, {
    table: 'items',
    columns,
    key: ['org', 'id'],
  })
  const item: Item | undefined = await items.get({ org: 'o', id: 1n })
  await items.update({ org: 'o', id: 1n, title: null })
  // @ts-expect-error -- a key of several properties is an object
  await items.get('o')
  // @ts-expect-error -- with all of them
  await items.get({ org: 'o' })
  // @ts-expect-error -- of their types
  await items.delete({ org: 'o', id: 1 })
  // @ts-expect-error -- key properties other than id are named as a type, too
  new Repository<Item>(executor, { table: 'items', columns, key: ['org', 'id'] })
  void item
}

/** Under `exactOptionalPropertyTypes`, what is computed may be undefined. */
export async function optionsMayBeUndefined(executor: Executor): Promise<void> {
  const none = undefined as number | undefined
  const noText = undefined as string | undefined
  new Cache(executor, { ttlSeconds: none, valueBytesMax: none, table: noText })
  new EventStore(executor, { timeoutMs: none, appendCountMax: none, serialConsistency: undefined })
  new MetricsStore(executor, { retentionSeconds: none, bucketSeconds: none, clock: undefined })
  new SessionManager(executor, { ttlSeconds: none, expiry: undefined, absoluteSeconds: none })
  new SessionManager(executor, {
    idle: undefined,
    absolute: none,
    schema: undefined,
    table: noText,
  })
  const limiter = new RateLimiter(executor, { onError: undefined, timeoutMs: none, table: noText })
  await limiter.take('key', { limit: 5, windowSeconds: none, cost: none })
}

export function detailsAreTypedByCode(error: unknown): void {
  if (!TsyllaError.is(error)) return
  if (error.code === 'TSYLLA_SERVER_UNAVAILABLE') {
    const alive: number = error.details.alive
    void alive
    // @ts-expect-error -- only timeouts of writes have a write type
    const writeType: string = error.details.writeType
    void writeType
  }
  if (error.code === 'TSYLLA_SERVER_ALREADY_EXISTS') {
    const table: string = error.details.table
    void table
  }
  if (error.code === 'TSYLLA_CONCURRENCY_CONFLICT') {
    const version: number = error.actualVersion
    void version
  }
}

export async function rowsIsAMethod(session: Session): Promise<void> {
  const result = await session.execute<User>('SELECT id, name FROM users')
  const count: number = result.length
  const all: readonly User[] = result.rows()
  // @ts-expect-error -- the number of parameters of a method is not that of the rows
  if (result.rows.length > 0) void all
  // @ts-expect-error -- nor is it a condition
  if (result.rows.length) void count
  // @ts-expect-error -- a method has no items
  void result.rows[0]
}
