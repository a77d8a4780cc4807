import type { RateLimitDecision, SessionData, SessionManager } from '../patterns.ts'
import {
  limitRequest,
  refusalText,
  type RequestFunction,
  type RequestKey,
  type RequestLimitOptions,
} from './request-limit.ts'
import { type WebSession, type WebSessionOptions, WebSessions } from './web-session.ts'

export type { RequestFunction, RequestKey, RequestLimitOptions } from './request-limit.ts'
export type { LoginOptions, WebSession, WebSessionOptions } from './web-session.ts'

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

/** The variables that `honoSession` sets, for the type of an application. */
export interface HonoSessionVariables<Data extends object = SessionData> {
  session: WebSession<Data>
}

/** What the middleware of sessions uses of a context of Hono. */
export interface HonoSessionContext<Data extends object = SessionData> {
  readonly req: { header(name: string): string | undefined }
  set(name: 'session', session: WebSession<Data>): void
  header(name: string, value: string, options?: { readonly append?: boolean }): void
}

/** Functions may declare their context as `Context` of Hono. */
export interface HonoSessionOptions<Data extends object = SessionData> extends WebSessionOptions {
  /**
   * The address of the client, which is kept of sessions that begin. Hono knows it only through the
   * adapter of its runtime. Default: none.
   */
  readonly ipAddress?: RequestFunction<HonoSessionContext<Data>, string | undefined> | undefined
}

/** A middleware of Hono that sets the variable `session`. */
export type HonoSessionMiddleware<Data extends object = SessionData> = (
  context: HonoSessionContext<Data>,
  next: () => Promise<void>,
) => Promise<void>

/**
 * Middleware that sets the variable `session`: the session whose token is in the signed cookie of
 * the request. One round trip, and none without such a cookie. Errors of the database go to
 * `onError` of the application.
 */
export function honoSession<Data extends object = SessionData>(
  sessions: SessionManager<Data>,
  options: HonoSessionOptions<Data>,
): HonoSessionMiddleware<Data> {
  const web = new WebSessions(sessions, options)
  const seen = new WeakSet<HonoSessionContext<Data>>()
  return async (context, next) => {
    // Several patterns of the application may match a request.
    if (seen.has(context)) return await next()
    seen.add(context)
    const session = await web.open({
      cookieField: context.req.header('cookie'),
      userAgent: context.req.header('user-agent'),
      ipAddress: options.ipAddress?.(context),
    })
    context.set('session', session)
    await next()
    // Only now, so that the answer to an error has the cookie too.
    session.writeTo(
      (name, value) => context.header(name, value, { append: true }),
      (name, value) => context.header(name, value),
    )
  }
}
