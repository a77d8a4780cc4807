import type { LoginGuard } from '../engine/index.ts'
import { ServerError, ServerErrorCode } from '../errors/index.ts'
import type { Inet } from '../types/index.ts'
import type { Clock } from '../util/index.ts'

const windowMs = 60_000
/** Addresses that are remembered; beyond that the oldest are forgotten. */
const addressCountMax = 10_000
/** Bits of an IPv6 address that identify a site, which may choose the rest freely. */
const siteBytes = 8

interface Failures {
  count: number
  readonly sinceMs: number
}

/**
 * Wrong passwords per address and minute. An address that reaches the limit is refused for the rest
 * of that minute, also with the right password, so that guessing learns nothing.
 */
export class FailedLogins {
  readonly #clock: Clock
  readonly #countMax: number
  readonly #byAddress: Map<string, Failures> = new Map()

  constructor(clock: Clock, countMax: number) {
    this.#clock = clock
    this.#countMax = countMax
  }

  /** Returns what the attempts of an address are counted by. */
  guard(address: Inet): LoginGuard {
    const bytes = address.toBytes()
    const key = Buffer.from(bytes.length === 4 ? bytes : bytes.subarray(0, siteBytes)).toString(
      'hex',
    )
    return {
      check: () => this.#check(key, address),
      failed: () => this.#failed(key),
    }
  }

  #check(key: string, address: Inet): void {
    const failures = this.#byAddress.get(key)
    if (failures === undefined) return
    const leftMs = failures.sinceMs + windowMs - this.#clock.monotonicMs()
    if (leftMs <= 0) this.#byAddress.delete(key)
    else if (failures.count >= this.#countMax) {
      throw new ServerError(
        ServerErrorCode.BAD_CREDENTIALS,
        `Too many wrong passwords from ${address.toString()}: try again in ${Math.ceil(leftMs / 1000)} s`,
      )
    }
  }

  #failed(key: string): void {
    const failures = this.#byAddress.get(key)
    if (failures !== undefined) {
      failures.count++
      return
    }
    this.#byAddress.set(key, { count: 1, sinceMs: this.#clock.monotonicMs() })
    if (this.#byAddress.size <= addressCountMax) return
    for (const oldest of this.#byAddress.keys()) {
      this.#byAddress.delete(oldest)
      return
    }
  }
}
