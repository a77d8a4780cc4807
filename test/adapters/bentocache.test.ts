import { BentoCache, bentostore } from 'bentocache'
import { registerCacheDriverTestSuite } from 'bentocache/test_suite'
import { afterEach, assert, beforeAll, describe, expect, test } from 'vitest'
import { bentocacheDriver } from '../../src/adapters/bentocache.ts'
import { describeOnServers } from '../support/targets.ts'
import { SuiteCount } from './suite-count.ts'

const count = new SuiteCount()

describeOnServers('Bentocache', (target) => {
  beforeAll(() => bentocacheDriver(target.session).createTables())

  describe('its suite for drivers', () => {
    const layer = (): ReturnType<typeof bentocacheDriver> => bentocacheDriver(target.session)
    registerCacheDriverTestSuite({
      createDriver: (config = {}) => layer().factory({ prefix: 'suite', ...config }),
      test: ((title: string, body: (context: object) => Promise<void>) => {
        count.add(target.name)
        test(title, async ({ onTestFinished }) => {
          await body({ assert, cleanup: onTestFinished })
        })
      }) as never,
      group: {
        setup: (prepare: () => Promise<() => Promise<void>>) => {
          beforeAll(prepare)
        },
        tap: () => {},
        each: { teardown: (clean: () => Promise<void>) => afterEach(clean) },
      } as never,
    })
  })

  test('processes share values, and clearing a namespace reaches all of it', async () => {
    const open = async (): Promise<BentoCache<{ main: ReturnType<typeof bentostore> }>> => {
      const driver = bentocacheDriver(await target.open(), { invalidationMaxAge: 0 })
      return new BentoCache({
        default: 'main',
        stores: { main: bentostore().useL2Layer(driver) },
      })
    }
    const [one, other] = [await open(), await open()]
    let calls = 0
    const factory = (): number => ++calls
    const users = (cache: typeof one): ReturnType<typeof one.namespace> => cache.namespace('users')
    expect(await users(one).getOrSet({ key: '1', ttl: '10m', factory })).toBe(1)
    expect(await users(other).getOrSet({ key: '1', ttl: '10m', factory })).toBe(1)
    await one.set({ key: 'other', value: 'kept' })
    await users(one).clear()
    expect(await users(other).get({ key: '1' })).toBeUndefined()
    expect(await other.get({ key: 'other' })).toBe('kept')
    await other.delete({ key: 'other' })
    expect(await one.get({ key: 'other' })).toBeUndefined()
  })

  test('its grace periods and tags work', async () => {
    const bento = new BentoCache({
      default: 'main',
      stores: { main: bentostore().useL2Layer(bentocacheDriver(target.session, { prefix: 'g' })) },
    })
    await bento.set({ key: 'k', value: 'old', ttl: '1ms', grace: '1h', tags: ['t'] })
    const failing = (): never => {
      throw new Error('no answer')
    }
    expect(await bento.getOrSet({ key: 'k', grace: '1h', factory: failing })).toBe('old')
    await bento.set({ key: 'tagged', value: 1, tags: ['t'] })
    await bento.deleteByTag({ tags: ['t'] })
    expect(await bento.get({ key: 'tagged' })).toBeUndefined()
  })
})

count.testTable('bentocache')
