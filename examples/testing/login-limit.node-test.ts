/** Run by Node: `node --import tsx --test examples/testing/login-limit.node-test.ts`. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { engineFixture } from 'tsylla/testing'
import { LoginLimit } from './login-limit.ts'

const fixture = engineFixture({
  setUp: (session) => new LoginLimit(session).limiter.createTables(),
})
after(() => fixture.close())

void test('the sixth attempt of a minute is refused, and the next minute is free again', async () => {
  await using db = await fixture.open()
  const limit = new LoginLimit(db.session)
  for (let i = 0; i < 5; i++) assert.equal(await limit.mayTry('ada'), true)
  assert.equal(await limit.mayTry('ada'), false)
  db.clock.advance('1m')
  assert.equal(await limit.mayTry('ada'), true)
})

void test('what another test has counted is not here', async () => {
  await using db = await fixture.open()
  assert.equal(await new LoginLimit(db.session).mayTry('ada'), true)
})
