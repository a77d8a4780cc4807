import {
  addressKey,
  limitRequest,
  refusalText,
  type RequestKey,
  type RequestLimitOptions,
} from './request-limit.ts'
import type { RateLimitDecision } from '../patterns.ts'

import { type SessionStoreClass, sessionStoreOn } from './session-callbacks.ts'

export type { RequestFunction, RequestKey, RequestLimitOptions } from './request-limit.ts'
export type { SessionStore, SessionStoreClass } from './session-callbacks.ts'
export type { SessionStoreOptions, StoredSession } from './session-store.ts'

/** What the middleware reads of a request of Express, Connect or `node:http`. */
export interface ExpressRequest {
  /** Set by Express. Behind a proxy it needs the setting `trust proxy`. */
  readonly ip?: string | undefined
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined
}

/** What the middleware uses of a response of Express, Connect or `node:http`. */
export interface ExpressResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(text: string): unknown
}

/** Functions may declare requests and responses as `Request` and `Response` of Express. */
export interface ExpressRateLimitOptions extends RequestLimitOptions<ExpressRequest> {
  /**
   * What a request is counted under; `undefined`: it is not limited. Default: the address of the
   * client, of IPv6 its network of 64 bits.
   */
  readonly key?: RequestKey<ExpressRequest> | undefined
  /** Answers a refused request, whose fields are set. Default: status 429 and a text. */
  onRefused?(request: ExpressRequest, response: ExpressResponse, decision: RateLimitDecision): void
}

/** A middleware of Express, Connect or `node:http`. */
export type ExpressMiddleware = (
  request: ExpressRequest,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Middleware that limits requests, and sets the fields `RateLimit-Policy`, `RateLimit` and
 * `Retry-After`. Errors of the database go to `next`, unless `onError` of the limiter decides.
 */
export function expressRateLimit(options: ExpressRateLimitOptions): ExpressMiddleware {
  const { key = clientKey } = options
  const limit = async (request: ExpressRequest, response: ExpressResponse): Promise<boolean> => {
    const limited = await limitRequest(options, key, request)
    if (limited === undefined) return true
    const { decision, headers } = limited
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (decision.ok) return true
    if (options.onRefused === undefined) refuse(response, decision)
    else options.onRefused(request, response, decision)
    return false
  }
  return (request, response, next) => {
    const settle = async (): Promise<void> => {
      let isAdmitted: boolean
      try {
        isAdmitted = await limit(request, response)
      } catch (error) {
        return next(error)
      }
      if (isAdmitted) next()
    }
    void settle()
  }
}

function clientKey({ ip, socket }: ExpressRequest): string {
  return addressKey(ip ?? socket?.remoteAddress)
}

function refuse(response: ExpressResponse, decision: RateLimitDecision): void {
  response.statusCode = 429
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(refusalText(decision))
}

/**
 * The class of stores of `express-session`. A session that was destroyed stays so, whatever
 * requests are still under way.
 *
 * @param Store that of `express-session`, which stores extend
 */
export function expressSessionStore<Base extends object>(
  Store: abstract new () => Base,
): SessionStoreClass<Base> {
  return sessionStoreOn(Store)
}
