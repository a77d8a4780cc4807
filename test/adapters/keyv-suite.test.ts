import * as suite from '@keyv/test-suite'
import { Keyv } from 'keyv'
import * as vitest from 'vitest'
import { beforeAll, describe } from 'vitest'
import { KeyvCacheStore } from '../../src/adapters/keyv.ts'
import { describeOnServers } from '../support/targets.ts'
import { SuiteCount } from './suite-count.ts'

/** All that it has, but the one for compression, which tests no stores. */
const parts = {
  api: suite.keyvApiTests,
  values: suite.keyvValueTests,
  namespaces: suite.keyvNamespaceTest,
  iterator: suite.keyvIteratorTests,
}
const count = new SuiteCount()

describeOnServers('The test suite of Keyv', (target) => {
  beforeAll(() => new KeyvCacheStore(target.session).createTables())

  const it = ((...test: Parameters<typeof vitest.it>) => {
    count.add(target.name)
    vitest.it(...test)
  }) as typeof vitest.it
  describe.each(Object.entries(parts))('%s', (_, define) => {
    define({ ...vitest, it }, Keyv, () => new KeyvCacheStore(target.session))
  })
})

count.testTable('@keyv/test-suite')
