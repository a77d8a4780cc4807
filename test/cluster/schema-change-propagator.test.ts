import { expect, test } from 'vitest'
import { SchemaChangePropagator } from '../../src/cluster/schema-change-propagator.ts'
import type { SchemaChange } from '../../src/protocol/index.ts'
import { settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const changeOf = (name: string): SchemaChange => ({
  change: 'UPDATED',
  target: 'TABLE',
  keyspace: 'ks',
  name,
  argumentTypes: undefined,
})

function open() {
  const clock = new VirtualClock()
  const passed: string[] = []
  let unknownCount = 0
  const propagator = new SchemaChangePropagator({
    clock,
    quietMs: 1_000,
    hasOthers: () => true,
    agree: () => Promise.resolve(),
    onChange: ({ name }) => passed.push(name!),
    onUnknown: () => void unknownCount++,
  })
  return { clock, passed, propagator, unknownCount: () => unknownCount }
}

test('a change that is reported many times is repeated once', async () => {
  const { clock, passed, propagator } = open()
  for (let i = 0; i < 500; i++) propagator.add(changeOf(i % 2 === 0 ? 'a' : 'b'))
  passed.length = 0
  clock.advance(1_000)
  await settle()
  expect(passed).toEqual(['a', 'b'])
  propagator.close()
})

test('more changes than are kept count as a change of everything', async () => {
  const { clock, passed, propagator, unknownCount } = open()
  for (let i = 0; i < 1_500; i++) propagator.add(changeOf(`t${i}`))
  expect([passed.length, unknownCount()]).toEqual([1_500, 0])
  passed.length = 0
  clock.advance(1_000)
  await settle()
  expect([passed.length, unknownCount()]).toEqual([1_000, 1])
  passed.length = 0
  propagator.add(changeOf('t'))
  clock.advance(1_000)
  await settle()
  expect([passed.length, unknownCount()]).toEqual([2, 1])
  propagator.close()
})
