import {
  type NewSessionOptions,
  type SessionChange,
  SessionCookie,
  type SessionCookieOptions,
  type SessionData,
  type SessionInfo,
  type SessionInspection,
  SessionInvalidError,
  type SessionManager,
  type SessionReason,
  type UpdateOptions,
} from '../patterns.ts'

/** What is kept of the session of a user who logs in. */
export interface LoginOptions<Data extends object = SessionData> extends NewSessionOptions<Data> {
  /** Default: that of the client, where the adapter knows it. */
  readonly ipAddress?: string | undefined
}

/**
 * The session of a request. Each change that concerns the client goes with the response, in one
 * `Set-Cookie` field: changes after the response has begun do not reach the client.
 */
export interface WebSession<Data extends object = SessionData> {
  /** `undefined`: the request has no valid session. */
  readonly userId: string | undefined
  /** As of the beginning of the request, or of the last update by it. */
  readonly data: Data | undefined
  /** How many updates made the data, for `ifRevision`. */
  readonly revision: number | undefined
  /** The device, and when the session began and ends, as of the beginning of the request. */
  readonly info: SessionInfo | undefined
  /** Why the signed token of the request is not valid; `undefined` when there was none. */
  readonly reason: SessionReason | undefined
  /**
   * Begins a session of a user who has logged in. A valid session that the request had ends: no
   * token that was known before the login stays valid. Keep its data with `data: session.data`.
   * When it fails, the client keeps the cookie that it has.
   *
   * @param options `userAgent` is that of the request unless given
   * @throws SessionDataError as `SessionManager.createSession`
   * @throws SessionInvalidError when all sessions of the user were revoked meanwhile
   */
  create(userId: string, options?: LoginOptions<Data>): Promise<void>
  /**
   * Changes data as `SessionManager.update` does.
   *
   * @returns the data after the change
   * @throws SessionInvalidError when the request has no valid session
   */
  update(change: SessionChange<Data>, options?: UpdateOptions): Promise<Data>
  /**
   * Replaces the token, for example when the user has got more rights. Requests that were sent with
   * the old token stay logged in for `rotateGrace`, and get the new one too.
   *
   * @throws SessionInvalidError when the request has no valid session
   */
  rotate(): Promise<void>
  /** Ends the session, if there is one, and removes the cookie. */
  destroy(): Promise<void>
}

/** How sessions travel with requests. */
export interface WebSessionOptions {
  /** Default: `__Host-session`, `Secure`, `HttpOnly`, `SameSite=Lax`, until the browser closes. */
  readonly cookie: SessionCookieOptions
}

/** What an adapter reads of a request. */
export interface SessionRequest {
  readonly cookieField: string | undefined
  readonly userAgent: string | undefined
  readonly ipAddress: string | undefined
}

type ValidSession<Data extends object> = Extract<SessionInspection<Data>, { ok: true }>

/** The sessions of the requests of an application. */
export class WebSessions<Data extends object> {
  readonly #sessions: SessionManager<Data>
  readonly #cookie: SessionCookie

  constructor(sessions: SessionManager<Data>, { cookie }: WebSessionOptions) {
    this.#sessions = sessions
    this.#cookie = new SessionCookie(cookie)
  }

  /** Reads the session of a request. That is a use of it. */
  async open(request: SessionRequest): Promise<RequestSession<Data>> {
    const session = new RequestSession(this.#sessions, this.#cookie, request)
    await session.load()
    return session
  }
}

/** The session of one request, and what its response has to say of it. */
export class RequestSession<Data extends object> implements WebSession<Data> {
  readonly #sessions: SessionManager<Data>
  readonly #cookie: SessionCookie
  readonly #request: SessionRequest
  #token: string | undefined
  #valid: ValidSession<Data> | undefined
  #reason: SessionReason | undefined
  #setCookie: string | undefined
  #carriesToken = false

  constructor(sessions: SessionManager<Data>, cookie: SessionCookie, request: SessionRequest) {
    this.#sessions = sessions
    this.#cookie = cookie
    this.#request = request
  }

  get userId(): string | undefined {
    return this.#valid?.userId
  }

  get data(): Data | undefined {
    return this.#valid?.data
  }

  get revision(): number | undefined {
    return this.#valid?.revision
  }

  get info(): SessionInfo | undefined {
    if (this.#valid === undefined) return undefined
    const { id, ipAddress, userAgent, label, createdAt, lastSeenAt, expiresAt } = this.#valid
    return { id, ipAddress, userAgent, label, createdAt, lastSeenAt, expiresAt }
  }

  get reason(): SessionReason | undefined {
    return this.#reason
  }

  /**
   * The cookie of a session that is not valid stays: a response that arrives late would remove the
   * cookie of a login that happened meanwhile.
   */
  async load(): Promise<void> {
    const token = this.#cookie.read(this.#request.cookieField)
    if (token === null) return
    const inspection = await this.#sessions.inspectSession(token, { use: true })
    if (!inspection.ok) {
      this.#reason = inspection.reason
      return
    }
    this.#token = token
    this.#valid = inspection
    if (inspection.isReplaced) await this.#follow(token)
  }

  async create(userId: string, options: LoginOptions<Data> = {}): Promise<void> {
    const { ipAddress = this.#request.ipAddress ?? '', ...rest } = options
    const facts = { ...rest, userAgent: rest.userAgent ?? this.#request.userAgent }
    const token = await this.#sessions.createSession(userId, ipAddress, facts)
    const inspection = await this.#sessions.inspectSession(token)
    // All sessions of the user were revoked meanwhile.
    if (!inspection.ok) throw new SessionInvalidError(inspection.reason)
    await this.#end(this.#token, this.#valid)
    this.#valid = inspection
    this.#reason = undefined
    this.#send(token)
  }

  async update(change: SessionChange<Data>, options?: UpdateOptions): Promise<Data> {
    const snapshot = await this.#sessions.update(this.#validToken(), change, options)
    if (this.#valid !== undefined) this.#valid = { ...this.#valid, ...snapshot }
    return snapshot.data
  }

  async rotate(): Promise<void> {
    this.#send(await this.#sessions.rotateSession(this.#validToken()))
  }

  async destroy(): Promise<void> {
    await this.#end(this.#token, this.#valid)
    this.#token = undefined
    this.#valid = undefined
    this.#setCookie = this.#cookie.clear()
    this.#carriesToken = false
  }

  /**
   * Calls back with the fields that the response needs.
   *
   * @param append adds a field and keeps others of its name
   * @param set replaces a field
   */
  writeTo(
    append: (name: string, value: string) => void,
    set: (name: string, value: string) => void,
  ): void {
    if (this.#setCookie === undefined) return
    append('Set-Cookie', this.#setCookie)
    // `Set-Cookie` does not keep a shared cache from storing a response (RFC 9111, section 7.3).
    if (this.#carriesToken) set('Cache-Control', 'no-store')
  }

  /** The client may have missed the response that had the successor of its token. */
  async #follow(token: string): Promise<void> {
    try {
      this.#send(await this.#sessions.rotateSession(token))
    } catch (error) {
      if (!(error instanceof SessionInvalidError)) throw error
      this.#token = undefined
      this.#valid = undefined
      this.#reason = error.reason
    }
  }

  async #end(token: string | undefined, session: ValidSession<Data> | undefined): Promise<void> {
    if (token === undefined || session === undefined) return
    const before = await this.#sessions.inspectSession(token)
    await this.#sessions.destroySession(token)
    // A request that takes longer than the grace has a token that no longer leads to its successor.
    const isReplaced = before.ok ? before.isReplaced : before.reason === 'rotated'
    if (isReplaced) await this.#sessions.revokeSession(session.userId, session.id)
  }

  #send(token: string): void {
    this.#token = token
    this.#setCookie = this.#cookie.serialize(token)
    this.#carriesToken = true
  }

  #validToken(): string {
    if (this.#token === undefined) throw new SessionInvalidError(this.#reason ?? 'unknown')
    return this.#token
  }
}
