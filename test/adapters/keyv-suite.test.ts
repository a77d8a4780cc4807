import * as suite from '@keyv/test-suite'
import { Keyv } from 'keyv'
import { Keyv as Keyv6 } from 'keyv-6'
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
/** It is for Keyv 5: Keyv 6 returns a list here, whatever the store is. */
const notOf6 = '.deleteMany([keys]) with nonexistent keys resolves to false'

for (const [name, Class] of [
  ['Keyv 5', Keyv],
  ['Keyv 6', Keyv6 as unknown as typeof Keyv],
] as const) {
  const count = new SuiteCount()

  describeOnServers(`The test suite of Keyv with ${name}`, (target) => {
    beforeAll(() => new KeyvCacheStore(target.session).createTables())

    const it = ((...test: Parameters<typeof vitest.it>) => {
      if (name === 'Keyv 6' && test[0] === notOf6) return
      count.add(target.name)
      vitest.it(...test)
    }) as typeof vitest.it
    describe.each(Object.entries(parts))('%s', (_, define) => {
      define({ ...vitest, it }, Class, () => new KeyvCacheStore(target.session))
    })
  })

  count.testTable('@keyv/test-suite', name)
}
