import type { RateLimitDecision } from '../patterns.ts'
import {
  limitRequest,
  refusalText,
  type RequestKey,
  type RequestLimitOptions,
} from './request-limit.ts'

export type { RequestFunction, RequestKey, RequestLimitOptions } from './request-limit.ts'

/** What the middleware uses of a context of Hono. */
export interface HonoContext<Response = unknown> {
  header(name: string, value: string): void
  text(text: string, status: 429): Response
}

/** Functions may declare their context as `Context` of Hono. */
export interface HonoRateLimitOptions extends RequestLimitOptions<HonoContext> {
  /**
   * What a request is counted under; `undefined`: it is not limited. Hono knows the address of a
   * client only through the adapter of its runtime, so there is no default.
   */
  readonly key: RequestKey<HonoContext>
  /** Answers a refused request, whose fields are set. Default: status 429 and a text. */
  onRefused?(context: HonoContext, decision: RateLimitDecision): unknown
}

/** A middleware of Hono. */
export type HonoMiddleware = <Response>(
  context: HonoContext<Response>,
  next: () => Promise<void>,
) => Promise<Response | void>

/**
 * Middleware that limits requests, and sets the fields `RateLimit-Policy`, `RateLimit` and
 * `Retry-After`. Errors of the database go to `onError` of the application, unless `onError` of the
 * limiter decides.
 */
export function honoRateLimit(options: HonoRateLimitOptions): HonoMiddleware {
  return async <Response>(context: HonoContext<Response>, next: () => Promise<void>) => {
    const limited = await limitRequest(options, options.key, context)
    if (limited === undefined) return await next()
    const { decision, headers } = limited
    for (const [name, value] of Object.entries(headers)) context.header(name, value)
    if (decision.ok) return await next()
    if (options.onRefused === undefined) return context.text(refusalText(decision), 429)
    return (await options.onRefused(context, decision)) as Response
  }
}
