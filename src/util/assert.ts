/**
 * Checks an invariant of our own code, in production too. Never for input: bad input gets a typed
 * error. A failure means a bug in tsylla.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`tsylla invariant violated: ${message}`)
}

/** Makes the compiler prove that a `switch` over a union covers every member. */
export function exhaustive(value: never): never {
  throw new Error(`tsylla invariant violated: unexpected ${String(value)}`)
}
