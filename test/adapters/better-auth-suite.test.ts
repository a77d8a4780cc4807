import { authFlowTestSuite, testAdapter } from '@better-auth/test-utils/adapter'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { afterAll, beforeAll, test, vi } from 'vitest'
import { type BetterAuthStorage, betterAuthStorage } from '../../src/adapters/better-auth.ts'
import { describeOnServers, type Target } from '../support/targets.ts'
import { SuiteCount } from './suite-count.ts'

/** The suites are for databases; that of logins also uses the storage. */
async function suiteOn(storage: BetterAuthStorage): Promise<{ execute: () => void }> {
  const database = { user: [], session: [], account: [], verification: [] }
  return await testAdapter({
    adapter: () => memoryAdapter(database),
    runMigrations: () => {},
    overrideBetterAuthOptions: (options) => ({
      ...options,
      baseURL: 'http://localhost',
      secret: 'a secret of at least thirty-two characters',
      secondaryStorage: storage,
      logger: { disabled: true },
    }),
    tests: [authFlowTestSuite()],
  })
}

/** The storage of a session that is there when the tests run. */
function storageOn(sessionOf: () => Target['session'] | undefined): BetterAuthStorage {
  let opened: BetterAuthStorage | undefined
  const names = ['get', 'getAndDelete', 'set', 'delete', 'increment', 'createTables'] as const
  const forward = (name: (typeof names)[number]) => [
    name,
    (...values: unknown[]): unknown => {
      opened ??= betterAuthStorage(sessionOf()!)
      return (opened[name] as (...values: unknown[]) => unknown)(...values)
    },
  ]
  return Object.fromEntries(names.map(forward)) as BetterAuthStorage
}

const targets = new Map<Target['name'], Target>()
const storages = {
  engine: storageOn(() => targets.get('engine')?.session),
  cassandra: storageOn(() => targets.get('cassandra')?.session),
}
const suites = {
  engine: await suiteOn(storages.engine),
  cassandra: await suiteOn(storages.cassandra),
}
const count = new SuiteCount()

describeOnServers('The suite of Better Auth for logins', (target) => {
  const timeZone = process.env['TZ']
  targets.set(target.name, target)
  beforeAll(async () => {
    // It says how long everything took.
    vi.spyOn(console, 'log').mockImplementation(() => {})
    await storages[target.name].createTables()
  })
  afterAll(() => {
    vi.restoreAllMocks()
    // The suite changes it, and leaves the text `undefined`.
    if (timeZone === undefined) delete process.env['TZ']
    else process.env['TZ'] = timeZone
  })
  suites[target.name].execute()
})

test('the tests of the suite are counted', ({ task }) => {
  for (const ofTarget of task.file.tasks) {
    const name = ofTarget.name.endsWith('engine') ? 'engine' : 'cassandra'
    if (ofTarget.type !== 'suite') continue
    for (const suite of ofTarget.tasks) {
      if (suite.type !== 'suite') continue
      for (const one of suite.tasks) if (one.name.startsWith('should ')) count.add(name)
    }
  }
})
count.testTable('@better-auth/test-utils')
