import { type Clock, systemClock } from './clock.ts'
import { type RandomSource, systemRandom } from './random.ts'

/**
 * Everything ambient that code may depend on: time, randomness and the order in which callbacks
 * run. A simulation passes its own runtime, and then a whole cluster in one process behaves the
 * same every time.
 */
export interface Runtime {
  readonly clock: Clock
  /** Uniform numbers in [0, 1). Not for secrets. */
  readonly random: RandomSource
  /** Returns bytes for identifiers and tokens, in production from a secure generator. */
  readonly randomBytes: (count: number) => Uint8Array
  /** Calls `callback` as soon as the code that runs now has ended, before timers and sockets. */
  readonly defer: (callback: () => void) => void
  /**
   * Calls `callback` when the code that runs now has ended and every promise it has settled was
   * handled, before timers and sockets.
   */
  readonly nextTick: (callback: () => void) => void
  /** Calls `callback` in a later turn of the event loop, after timers and sockets that are due. */
  readonly nextTurn: (callback: () => void) => void
}

// Test runners replace these functions of the global object, and then call the callbacks when a
// test says so. The functions that requests need to make progress are taken before.
const queueMicrotaskOfSystem = globalThis.queueMicrotask.bind(globalThis)
const setImmediateOfSystem = globalThis.setImmediate.bind(globalThis)
const nextTickOfSystem = process.nextTick.bind(process)

const randomPool = new Uint8Array(4_096)
/** Requests for more bytes do not use the pool. */
const pooledBytesMax = 64
let randomPoolUsed = randomPool.length
/** The generator refuses to fill more at once. */
const generatedBytesMax = 65_536

function generateBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += generatedBytesMax) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + generatedBytesMax))
  }
  return bytes
}

/** A call of the generator costs more than what it returns, so identifiers share one. */
function randomBytesOfSystem(count: number): Uint8Array {
  if (count > pooledBytesMax) return generateBytes(count)
  if (randomPoolUsed + count > randomPool.length) {
    globalThis.crypto.getRandomValues(randomPool)
    randomPoolUsed = 0
  }
  const end = randomPoolUsed + count
  const bytes = randomPool.slice(randomPoolUsed, end)
  // Tokens are secrets: no copy of them stays here.
  randomPool.fill(0, randomPoolUsed, end)
  randomPoolUsed = end
  return bytes
}

/** The runtime of the process. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  random: systemRandom,
  randomBytes: randomBytesOfSystem,
  defer: queueMicrotaskOfSystem,
  nextTick: nextTickOfSystem,
  nextTurn: setImmediateOfSystem,
}

/** Returns a runtime with another clock, or `runtime` itself without one. */
export function runtimeWithClock(
  clock: Clock | undefined,
  runtime: Runtime = systemRuntime,
): Runtime {
  return clock === undefined || clock === runtime.clock ? runtime : { ...runtime, clock }
}
