import { channel } from 'node:diagnostics_channel'
import type { RateLimitDecision } from './decision.ts'

/** What subscribers of the channel `tsylla:rate-limit` of `node:diagnostics_channel` receive. */
export type RateLimitEvent =
  | {
      /**
       * `admitted` and `refused` are decisions of `take`, `check` and `waitFor`; `penalized` is one
       * of `penalty`, and `refunded` one whose units were given back.
       */
      readonly type: 'admitted' | 'refused' | 'penalized' | 'refunded'
      readonly key: string
      readonly cost: number
      readonly decision: RateLimitDecision
    }
  | {
      /** A `take` or `penalty` that ended with an error of the database. */
      readonly type: 'failed'
      readonly key: string
      readonly cost: number
    }
  | {
      readonly type: 'blocked'
      readonly key: string
      /** 0 ends a block. */
      readonly durationMs: number
    }
  | { readonly type: 'reset'; readonly key: string }

/** What one limiter counts: all calls of `take`, `check` and `waitFor`, but none of `peek`. */
export interface LimitCounts {
  readonly admitted: number
  readonly refused: number
  /** Penalties, within the rules or not. */
  readonly penalized: number
  /** Decisions whose units were given back. */
  readonly refunded: number
  /** Decisions of `onError`; they are among the others. */
  readonly degraded: number
  /** Decisions that ended with an error. */
  readonly failed: number
}

const events = channel('tsylla:rate-limit')

/** Counts and publishes what one limiter does. */
export class LimitEvents {
  readonly #counts = {
    ...{ admitted: 0, refused: 0, penalized: 0, refunded: 0, degraded: 0, failed: 0 },
  }

  get counts(): LimitCounts {
    return { ...this.#counts }
  }

  publish(event: RateLimitEvent): void {
    const { type } = event
    if (type !== 'blocked' && type !== 'reset') this.#counts[type]++
    const isNew = type === 'admitted' || type === 'refused' || type === 'penalized'
    if (isNew && event.decision.degraded) this.#counts.degraded++
    if (events.hasSubscribers) events.publish(event)
  }
}
