import { type Clock, systemClock } from './clock.ts'
import { type RandomSource, systemRandom } from './random.ts'

/**
 * Everything ambient that code may depend on: time, chance and the order in which callbacks run. A
 * simulation passes its own, and then a whole cluster in one process behaves the same every time.
 */
export interface Runtime {
  readonly clock: Clock
  /** Uniform numbers in [0, 1). Not for secrets. */
  readonly random: RandomSource
  /** Bytes for identifiers; in production from the secure generator of the system. */
  randomBytes(count: number): Uint8Array
  /** Calls `callback` as soon as the code that runs now has ended, before timers and sockets. */
  defer(callback: () => void): void
  /** Calls `callback` in a later turn of the event loop, after timers and sockets that are due. */
  nextTurn(callback: () => void): void
}

// Test runners replace these functions of the global object, and then call the callbacks when a
// test says so. What requests need to make progress is taken before.
const { queueMicrotask: queueMicrotaskOfSystem } = globalThis
export const setImmediateOfSystem: typeof setImmediate = globalThis.setImmediate
export const nextTickOfSystem: typeof process.nextTick = process.nextTick.bind(process)

/** The runtime of the process. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  random: systemRandom,
  randomBytes: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
  defer: (callback) => queueMicrotaskOfSystem(callback),
  nextTurn: (callback) => void setImmediateOfSystem(callback),
}

/** A runtime with another clock, or as it is without one. */
export function runtimeWithClock(
  clock: Clock | undefined,
  runtime: Runtime = systemRuntime,
): Runtime {
  return clock === undefined ? runtime : { ...runtime, clock }
}
