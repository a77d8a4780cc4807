import { createTables, Lock, RateLimiter } from '../../../src/patterns.ts'
import { type EngineFixture, engineFixture } from '../../../src/testing.ts'

/** Made before timers are replaced, as in a file of tests. */
export function openFixture(): EngineFixture {
  return engineFixture({
    async setUp(session) {
      await createTables(session, [new RateLimiter(session), new Lock(session)])
      await session.execute('CREATE TABLE t (id int PRIMARY KEY)')
    },
  })
}

/**
 * Lets rows expire, windows end and leases be extended and lost, by the clock of the fixture.
 *
 * @param moveFakeTime moves the time of the fake timers of a runner, which must change nothing
 * @returns what is not as it should be
 */
export async function liveOnManualTime(
  fixture: EngineFixture,
  moveFakeTime: () => unknown,
): Promise<string[]> {
  const wrong: string[] = []
  const expect = (isRight: boolean, name: string): void => {
    if (!isRight) wrong.push(name)
  }
  await using db = await fixture.open()
  const { session, clock } = db
  const limiter = new RateLimiter(session, { limit: 1, per: '1m' })
  const isRowThere = async (): Promise<boolean> =>
    (await session.execute('SELECT id FROM t WHERE id = 1')).length === 1

  await session.execute('INSERT INTO t (id) VALUES (1) USING TTL 60')
  expect(await limiter.check('key'), 'the first call is admitted')
  await moveFakeTime()
  expect(await isRowThere(), 'a row stays while only the fake time moves')
  expect(!(await limiter.check('key')), 'a window stays while only the fake time moves')
  clock.advance('1m')
  expect(!(await isRowThere()), 'a row expires')
  expect(await limiter.check('key'), 'a window ends')

  const lease = await new Lock(session, { ttl: '10s' }).acquire('job')
  await clock.run('1m')
  expect(lease.isHeld, 'a lease is extended')
  clock.advance('1m')
  expect(!lease.isHeld, 'a lease is lost when all its timers are late')
  return wrong
}
