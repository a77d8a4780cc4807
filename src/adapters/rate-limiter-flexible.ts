import { ConfigError, type Executor } from '../index.ts'
import { createTables, type TableDefinition } from '../patterns.ts'
import { type PointsEntry, PointsRows } from './points-rows.ts'

/** What the adapter uses of the module `rate-limiter-flexible`. */
export interface FlexibleModule<Options, Limiter> {
  /** A limiter on a store: the class that it extends is not exported. */
  readonly RateLimiterRedis: new (
    options: Options,
  ) => Limiter
  readonly RateLimiterRes: new (
    remainingPoints?: number,
    msBeforeNext?: number,
    consumedPoints?: number,
    isFirstInDuration?: boolean,
  ) => object
}

/** Options of a limiter, of which `storeClient` is a session. */
export type FlexibleOptions<Options> = Options & {
  readonly storeClient: Executor
  /** Default `rate_limits_flexible`. */
  readonly tableName?: string | undefined
}

/** What the limiter has besides the methods of `rate-limiter-flexible`. */
export interface FlexibleTables {
  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[]
  /** Creates what is missing of the table. */
  createTables(): Promise<void>
}

/**
 * The class of limiters of `rate-limiter-flexible` on a table. Every call is counted: calls of one
 * process that wait for the same key share a conditional write. A call is counted twice only when
 * its answer is lost and other processes write the key before that is noticed.
 *
 * @param module `import * as flexible from 'rate-limiter-flexible'`
 */
export function flexibleRateLimiter<Options, Limiter>({
  RateLimiterRedis,
  RateLimiterRes,
}: FlexibleModule<Options, Limiter>): new (
  options: FlexibleOptions<Options>,
) => Limiter & FlexibleTables {
  const Store = Object.getPrototypeOf(RateLimiterRedis) as new (
    options: object,
  ) => {
    readonly points: number
  }
  if (Store === Function.prototype) {
    throw new ConfigError('RateLimiterRedis must be the class of rate-limiter-flexible')
  }
  class RateLimiterTsylla extends Store {
    readonly #rows: PointsRows

    constructor(options: FlexibleOptions<object>) {
      super(options)
      this.#rows = new PointsRows(options.storeClient, options.tableName ?? 'rate_limits_flexible')
    }

    tableDefinitions(): readonly TableDefinition[] {
      return this.#rows.tableDefinitions()
    }

    async createTables(): Promise<void> {
      await createTables(this.#rows.executor, [this])
    }

    // The methods that the class of stores leaves to its stores.
    _upsert(
      key: string,
      points: number,
      durationMs: number,
      isForced = false,
    ): Promise<PointsEntry> {
      return this.#rows.upsert(key, points, durationMs, isForced)
    }

    _get(key: string): Promise<PointsEntry | null> {
      return this.#rows.get(key)
    }

    _delete(key: string): Promise<boolean> {
      return this.#rows.delete(key)
    }

    _getRateLimiterRes(
      _key: string,
      changed: number,
      { points, endsMs, nowMs }: PointsEntry,
    ): object {
      const remaining = Math.max(this.points - points, 0)
      return new RateLimiterRes(
        remaining,
        endsMs === 0 ? -1 : Math.max(endsMs - nowMs, 0),
        points,
        points === changed,
      )
    }
  }
  return RateLimiterTsylla as unknown as new (
    options: FlexibleOptions<Options>,
  ) => Limiter & FlexibleTables
}
