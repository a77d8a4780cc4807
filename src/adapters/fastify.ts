import {
  ConfigError,
  type ContactPoint,
  type Executor,
  Session,
  type SessionOptions,
} from '../index.ts'
import {
  type RateLimitDecision,
  RateLimiter,
  type RateLimiterOptions,
  type SessionData,
  type SessionManager,
  type TakeOptions,
} from '../patterns.ts'
import {
  addSessions,
  type FastifySessionReply,
  type FastifySessionRequest,
  type FastifySessionsOptions,
} from './fastify-web-session.ts'
import { addressKey, limitRequest, refusalText, type RequestKey } from './request-limit.ts'

import { type SessionStoreClass, sessionStoreOn } from './session-callbacks.ts'

export type { RequestFunction, RequestKey } from './request-limit.ts'
export type { SessionStore, SessionStoreClass } from './session-callbacks.ts'
export type { SessionStoreOptions, StoredSession } from './session-store.ts'
export type {
  FastifySessionReply,
  FastifySessionRequest,
  FastifySessionsOptions,
} from './fastify-web-session.ts'
export type { LoginOptions, WebSession, WebSessionOptions } from './web-session.ts'

/** What the plugin reads of a request. */
export interface FastifyRequestLike extends FastifySessionRequest {
  readonly method: string
  readonly routeOptions: { readonly url?: string | undefined; readonly config: object }
}

type FastifyHook = (request: FastifyRequestLike, reply: FastifySessionReply) => Promise<void>

/** What the plugin uses of an instance of Fastify. */
export interface FastifyLike {
  decorate(name: 'tsylla', value: FastifyTsylla): unknown
  decorateRequest(name: 'tsyllaSession'): unknown
  addHook(name: 'onRequest' | 'preHandler' | 'onSend', hook: FastifyHook): unknown
  addHook(name: 'onClose', hook: () => Promise<void>): unknown
}

/** What the plugin adds to the instance, as `tsylla`. */
export interface FastifyTsylla<
  Opened extends Executor = Session,
  Data extends object = SessionData,
> {
  readonly session: Opened
  /** The limiter of the option `rateLimit`. */
  readonly limiter: RateLimiter | undefined
  /** The manager of the option `sessions`, for example for `revokeAll` and `listSessions`. */
  readonly sessions: SessionManager<Data> | undefined
}

export interface FastifyRateLimitOptions extends RateLimiterOptions {
  /**
   * What a request is counted under; `undefined`: it is not limited. Default: the address of the
   * client, of IPv6 its network of 64 bits. The request may be declared as `FastifyRequest`.
   */
  readonly key?: RequestKey<FastifyRequestLike> | undefined
  /** When requests are counted: `preHandler` is after authentication. Default `onRequest`. */
  readonly hook?: 'onRequest' | 'preHandler' | undefined
  /** Whether routes without `config.rateLimit` are limited. Default `true`. */
  readonly global?: boolean | undefined
  /** Name of the policy in the fields of the response, printable ASCII. Default `default`. */
  readonly policyName?: string | undefined
  /** Creates what is missing of the tables before the application is ready. Default `false`. */
  readonly createTables?: boolean | undefined
}

export interface FastifyTsyllaOptions {
  /** A session of the application, which stays open. */
  readonly session?: Session | undefined
  /** Opens a session, which closes with the instance. Instead of `session`. */
  readonly connect?: { readonly nodes: readonly ContactPoint[] } & Partial<SessionOptions>
  /**
   * Limits the requests of all routes. A route chooses with `config: { rateLimit }`: `false` for no
   * limit, or `TakeOptions`, which count apart from other routes.
   */
  readonly rateLimit?: FastifyRateLimitOptions | undefined
  /**
   * Sessions of users, by a signed cookie: every request gets `tsyllaSession`, a `WebSession`. One
   * round trip for each request that has such a cookie.
   */
  readonly sessions?: FastifySessionsOptions | undefined
}

/**
 * Plugin that adds a session of the database, a rate limiter and sessions of users to an instance
 * and to everything in it. A refused request ends with an error whose `statusCode` is 429, after
 * the fields `RateLimit-Policy`, `RateLimit` and `Retry-After` are set.
 */
export async function fastifyTsylla(
  fastify: FastifyLike,
  { session: given, connect, rateLimit, sessions: ofUsers }: FastifyTsyllaOptions,
): Promise<void> {
  const session = given ?? (await open(connect))
  if (given === undefined) fastify.addHook('onClose', () => session.close())
  else if (connect !== undefined) throw new ConfigError('session and connect exclude each other')
  const limiter = rateLimit && (await addRateLimit(fastify, session, rateLimit))
  const sessions = ofUsers && (await addSessions(fastify, session, ofUsers))
  fastify.decorate('tsylla', { session, limiter, sessions })
}

// What `fastify-plugin` sets: the instance itself is decorated, and errors name the plugin.
Object.assign(fastifyTsylla, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'tsylla',
})

async function open(connect: FastifyTsyllaOptions['connect']): Promise<Session> {
  if (connect === undefined) throw new ConfigError('The plugin needs session or connect')
  const { nodes, ...options } = connect
  return await Session.connect(nodes, options)
}

async function addRateLimit(
  fastify: FastifyLike,
  executor: Executor,
  options: FastifyRateLimitOptions,
): Promise<RateLimiter> {
  const { key, hook, global, policyName, createTables, ...rest } = options
  const limiter = new RateLimiter(executor, rest)
  if (createTables === true) await limiter.createTables()
  const keyOf = key ?? (({ ip }) => addressKey(ip))
  fastify.addHook(hook ?? 'onRequest', async (request, reply) => {
    const ofRoute = (request.routeOptions.config as { rateLimit?: false | TakeOptions }).rateLimit
    if (ofRoute === false || (ofRoute === undefined && global === false)) return
    const limited = await limitRequest(
      { limiter, take: ofRoute, policyName },
      async () => keyOfRoute(await keyOf(request), request, ofRoute),
      request,
    )
    if (limited === undefined) return
    for (const [name, value] of Object.entries(limited.headers)) reply.header(name, value)
    if (!limited.decision.ok) throw refusal(limited.decision)
  })
  return limiter
}

/** Routes with a limit of their own count apart. */
function keyOfRoute(
  key: string | undefined,
  { method, routeOptions }: FastifyRequestLike,
  ofRoute: TakeOptions | undefined,
): string | undefined {
  if (key === undefined || ofRoute === undefined) return key
  return `${method} ${routeOptions.url ?? ''} ${key}`
}

function refusal(decision: RateLimitDecision): Error {
  return Object.assign(new Error(refusalText(decision)), { statusCode: 429, decision })
}

/**
 * A store of `@fastify/session`. A session that was destroyed stays so, whatever requests are still
 * under way.
 */
export const FastifySessionStore: SessionStoreClass<object> = sessionStoreOn<object>(Object)
