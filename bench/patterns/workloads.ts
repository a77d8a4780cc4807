/** What is measured, by the heading of its table. */
export const hotKey = 'decisions per second on one key, 256 callers'
export const manyKeys = 'decisions per second on 10,000 keys, 256 callers'
export const memoryHit = 'hits per second in memory, one caller'
export const storeHit = 'hits per second in the second tier, 256 callers'
export const misses = 'misses per second, 64 callers'

/** What the caches hold. */
export const value: { readonly [name: string]: unknown } = {
  id: 42,
  name: 'a name of 20 letters',
  tags: ['a', 'b'],
  price: 9.5,
}

/** Measures an operation, of which `inFlight` are in progress at a time, and keeps the result. */
export type Measure = (
  workload: string,
  what: string,
  inFlight: number,
  operation: (i: number) => unknown,
) => Promise<void>
