/** Run by Jest: `npx jest --config examples/testing/jest.config.mjs login-limit`. */
import { afterAll, expect, jest, test } from '@jest/globals'
import { engineFixture } from 'tsylla/testing'
import { LoginLimit } from './login-limit.ts'

const fixture = engineFixture({
  setUp: (session) => new LoginLimit(session).limiter.createTables(),
})
afterAll(() => fixture.close())

test('the sixth attempt of a minute is refused, and the next minute is free again', async () => {
  await using db = await fixture.open()
  const limit = new LoginLimit(db.session)
  for (let i = 0; i < 5; i++) expect(await limit.mayTry('ada')).toBe(true)
  expect(await limit.mayTry('ada')).toBe(false)
  db.clock.advance('1m')
  expect(await limit.mayTry('ada')).toBe(true)
})

test('fake timers of the runner do not matter', async () => {
  jest.useFakeTimers()
  await using db = await fixture.open()
  // A database of its own: what the other test has counted is not here.
  expect(await new LoginLimit(db.session).mayTry('ada')).toBe(true)
  jest.useRealTimers()
})
