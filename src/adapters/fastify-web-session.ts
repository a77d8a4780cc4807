import type { Executor } from '../index.ts'
import { type SessionData, SessionManager, type SessionManagerOptions } from '../patterns.ts'
import {
  RequestSession,
  type WebSession,
  type WebSessionOptions,
  WebSessions,
} from './web-session.ts'

/** What the plugin reads of a request, and sets of it, for sessions of users. */
export interface FastifySessionRequest {
  readonly headers: {
    readonly cookie?: string | undefined
    readonly 'user-agent'?: string | undefined
  }
  /** Behind a proxy it needs the option `trustProxy` of Fastify. */
  readonly ip: string
  tsyllaSession?: WebSession<object>
}

/** What the plugin uses of a reply for sessions of users. */
export interface FastifySessionReply {
  header(name: string, value: string): unknown
}

type SessionHook = (request: FastifySessionRequest, reply: FastifySessionReply) => Promise<void>

/** What the plugin uses of an instance of Fastify for sessions of users. */
export interface FastifySessionsLike {
  decorateRequest(name: 'tsyllaSession'): unknown
  addHook(name: 'onRequest' | 'onSend', hook: SessionHook): unknown
}

/** Options of `SessionManager` and of the cookie. */
export interface FastifySessionsOptions extends SessionManagerOptions<object>, WebSessionOptions {
  /** Creates what is missing of the tables before the application is ready. Default `false`. */
  readonly createTables?: boolean | undefined
}

/** Gives every request the session whose token is in its signed cookie. */
export async function addSessions(
  fastify: FastifySessionsLike,
  executor: Executor,
  { cookie, createTables, ...options }: FastifySessionsOptions,
): Promise<SessionManager> {
  // What type the data has is known only to the schema and to the declarations of the application.
  const sessions = new SessionManager(executor, options as SessionManagerOptions<SessionData>)
  const web = new WebSessions(sessions, { cookie })
  if (createTables === true) await sessions.createTables()
  fastify.decorateRequest('tsyllaSession')
  fastify.addHook('onRequest', async (request) => {
    request.tsyllaSession = await web.open({
      cookieField: request.headers.cookie,
      userAgent: request.headers['user-agent'],
      ipAddress: request.ip,
    })
  })
  fastify.addHook('onSend', async ({ tsyllaSession }, reply) => {
    // A request that was refused before has none.
    if (!(tsyllaSession instanceof RequestSession)) return
    const write = (name: string, value: string): unknown => reply.header(name, value)
    // Fastify appends fields named Set-Cookie, and replaces others.
    tsyllaSession.writeTo(write, write)
  })
  return sessions
}
