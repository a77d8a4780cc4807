import { expect, test } from 'vitest'
import { KeyedSingleFlight } from '../../src/patterns/keyed-single-flight.ts'
import { createDeferred } from '../../src/util/index.ts'

test('a write that waits for what a factory stores is not overtaken by the next one', async () => {
  const flights = new KeyedSingleFlight()
  const storing = createDeferred<void>()
  const order: string[] = []
  const write = (name: string): Promise<void> =>
    flights.write('k', () => {
      order.push(name)
      return Promise.resolve()
    })
  const flying = flights.join('k', async (flight) => {
    flight.storing = storing.promise
    await storing.promise
    order.push('stored')
  })
  // The factory has come to storing its value.
  await Promise.resolve()
  await Promise.resolve()
  const writes = [write('first'), write('second')]
  storing.resolve()
  await Promise.all([flying, ...writes])
  expect(order).toEqual(['stored', 'first', 'second'])
})

test('writes that wait for nothing begin at once', async () => {
  const flights = new KeyedSingleFlight()
  const release = createDeferred<void>()
  const begun: number[] = []
  const writes = [1, 2, 3].map((n) =>
    flights.write('k', () => {
      begun.push(n)
      return release.promise
    }),
  )
  for (let i = 0; i < 10; i++) await Promise.resolve()
  expect(begun).toEqual([1, 2, 3])
  release.resolve()
  await Promise.all(writes)
})
