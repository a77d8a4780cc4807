/** A piece of an application: five attempts to log in per minute, then none for the rest of it. */
import type { Executor } from 'tsylla'
import { RateLimiter } from 'tsylla/patterns'

export class LoginLimit {
  readonly limiter: RateLimiter

  constructor(database: Executor) {
    this.limiter = new RateLimiter(database, { limit: 5, per: '1m' })
  }

  /** @returns whether the user may try now */
  async mayTry(user: string): Promise<boolean> {
    return await this.limiter.check(`login:${user}`)
  }
}
