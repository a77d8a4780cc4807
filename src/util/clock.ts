import { abortRegistry } from './abort-registry.ts'

/** A pending callback of a {@link Clock}. */
export interface Timer {
  cancel(): void
}

/**
 * The only source of time in tsylla: everything that waits or stamps takes a clock, so tests run on
 * a virtual one and an engine can be moved through time.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, an integer. */
  nowMs(): number
  /** Milliseconds that never go backwards, from an arbitrary origin. For measuring intervals. */
  monotonicMs(): number
  /**
   * Calls `callback` once after `delayMs`.
   *
   * @param keepAlive whether the process stays alive until then, because a caller awaits it
   */
  schedule(delayMs: number, callback: () => void, keepAlive?: boolean): Timer
}

// Test runners replace these functions of the global object. Deadlines and heartbeats follow the
// real ones, so that requests make progress whatever a test does with its timers.
const { setTimeout: setTimeoutOfSystem, clearTimeout: clearTimeoutOfSystem } = globalThis
const monotonicMs: () => number = performance.now.bind(performance)
const hrtimeOfSystem: () => bigint = process.hrtime.bigint.bind(process.hrtime)

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout
  constructor(delayMs: number, callback: () => void, keepAlive: boolean) {
    this.#handle = setTimeoutOfSystem(callback, delayMs)
    if (!keepAlive) this.#handle.unref()
  }
  cancel(): void {
    clearTimeoutOfSystem(this.#handle)
  }
}

/**
 * The clock of the machine. Its date is the one a test has set, if a test has set one: rows expire
 * and writes are stamped by it.
 */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs,
  schedule: (delayMs, callback, keepAlive = false) => new SystemTimer(delayMs, callback, keepAlive),
}

/** Bun and Deno count `process.hrtime` from the start of the process. */
const isHrtimeShared = !('bun' in process.versions || 'deno' in process.versions)

/**
 * Microseconds that never go backwards, from an origin that all processes of the machine share:
 * what happened in several of them can be put in order. Bun and Deno offer no such clock: there the
 * origin is that of the dates, so that processes that were started before and after the system
 * clock was set disagree.
 */
export function machineUs(): number {
  if (isHrtimeShared) return Number(hrtimeOfSystem() / 1_000n)
  return Math.floor((performance.timeOrigin + monotonicMs()) * 1_000)
}

/**
 * A promise that resolves after `delayMs`, or as soon as the signal aborts, and keeps the process
 * alive until then.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const onEnd = (): void => {
      timer.cancel()
      if (signal !== undefined) abortRegistry.remove(signal, waiting)
      resolve()
    }
    const waiting = { onAborted: onEnd }
    if (signal !== undefined) abortRegistry.add(signal, waiting)
    const timer = clock.schedule(delayMs, onEnd, true)
  })
}
