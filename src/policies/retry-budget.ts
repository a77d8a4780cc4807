import { ConfigError } from '../errors/index.ts'

/** Options of {@link SessionOptions.retryBudget}. */
export interface RetryBudgetOptions {
  /** Share of the requests that may be repeated, 0 … 1. Default 0.2. */
  readonly share?: number | undefined
  /** Attempts that are always allowed per second, so that quiet sessions can retry. Default 10. */
  readonly perSecond?: number | undefined
}

/** Attempts that a session may save up: as many as five full connections have in flight. */
export const budgetAttemptsMax = 5_120
/** Attempts that a new session may make, those of one full connection: none without a budget. */
export const budgetAttemptsInitially = 1_024

/**
 * Bounds the attempts that come on top of requests, as a token bucket. Without it the retries of a
 * cluster that is overloaded multiply its load, which keeps it overloaded.
 */
export class RetryBudget {
  readonly #share: number
  readonly #perMs: number
  #attempts: number
  #refilledMs: number | undefined

  constructor({ share = 0.2, perSecond = 10 }: RetryBudgetOptions = {}) {
    this.#attempts = share === 0 && perSecond === 0 ? 0 : budgetAttemptsInitially
    this.#share = share
    this.#perMs = perSecond / 1_000
  }

  /** Counts a request. */
  add(): void {
    this.#attempts += this.#share
  }

  /** Takes an attempt out of the budget. @returns false when it is spent */
  take(nowMs: number): boolean {
    const passedMs = nowMs - (this.#refilledMs ?? nowMs)
    this.#refilledMs = nowMs
    const saved = this.#attempts + passedMs * this.#perMs
    this.#attempts = Math.min(budgetAttemptsMax, saved)
    if (this.#attempts < 1) return false
    this.#attempts--
    return true
  }
}

/** @returns `undefined` when attempts are not bounded @throws ConfigError */
export function checkRetryBudget(
  options: RetryBudgetOptions | boolean = true,
): RetryBudgetOptions | undefined {
  if (options === false) return undefined
  if (options === true) return {}
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError('retryBudget must be an object such as { share: 0.2 }, or false')
  }
  const { share = 0.2, perSecond = 10 } = options
  if (!(share >= 0 && share <= 1)) {
    throw new ConfigError('share of retryBudget must be a number from 0 to 1')
  }
  if (!(perSecond >= 0 && perSecond <= 1_000_000)) {
    throw new ConfigError('perSecond of retryBudget must be a number from 0 to 1,000,000')
  }
  return { share, perSecond }
}
