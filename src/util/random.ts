/** Uniform numbers in [0, 1). `Math.random` in production, {@link createRandom} in tests. */
export type RandomSource = () => number

/** A seeded generator (mulberry32): the same seed produces the same sequence on every runtime. */
export function createRandom(seed: number): RandomSource {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The generator of the runtime. Not for secrets. */
export const systemRandom: RandomSource = () => Math.random()
