import {
  ConfigError,
  RequestTimeoutError,
  RevisionConflictError,
  SessionInvalidError,
} from '../../errors/index.ts'
import {
  afterChange,
  asyncRows,
  type AsyncRows,
  checkInteger,
  checkOptions,
  createTables,
  type TableDefinition,
  tableTexts,
} from '../../kernel/index.ts'
import { type Executor, randomUuid, runtimeOf } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import {
  checkUserId,
  factOf,
  type InspectOptions,
  type NewSessionOptions,
  type RevokeAllOptions,
  type SessionInspection,
  type SessionSnapshot,
  type UpdateOptions,
} from './session-arguments.ts'
import { type SessionChange, type SessionData, SessionDataCodec } from './session-data.ts'
import { SessionEnder } from './session-ender.ts'
import { SessionEvents, type SessionStats } from './session-events.ts'
import { type FoundSession, SessionFinder, type SessionSearch } from './session-finder.ts'
import { infoOf, listValidSessions, type SessionInfo } from './session-list.ts'
import type { SessionAnswer } from './session-machine.ts'
import {
  checkSettings,
  type SessionManagerOptions,
  type SessionSettings,
} from './session-options.ts'
import { newState, sessionIdOf, type SessionState } from './session-state.ts'
import { SessionStores } from './session-stores.ts'
import { parseToken, successorOf, tagOf, tokenSecretBytes, userToken } from './session-token.ts'

const nonceBytes = 32
/** A session that is rotated again and again while it is updated is not followed further. */
const updateAttemptCountMax = 16

/**
 * Sessions by random token. Only a hash of the token is stored, so a copy of the tables contains no
 * valid token. A session that was ended stays ended, whatever requests are still under way. Expiry
 * is decided by stored times and the clock; TTL only removes expired rows.
 */
export class SessionManager<Data extends object = SessionData> {
  readonly #executor: Executor
  readonly #runtime: Runtime
  readonly #settings: SessionSettings
  readonly #codec: SessionDataCodec<Data>
  readonly #stores: SessionStores
  readonly #events: SessionEvents
  readonly #finder: SessionFinder
  readonly #ender: SessionEnder

  constructor(executor: Executor, options: SessionManagerOptions<Data> = {}) {
    this.#executor = executor
    this.#runtime = runtimeOf(executor)
    this.#settings = checkSettings(options, this.#runtime)
    this.#codec = new SessionDataCodec(options.schema)
    this.#stores = new SessionStores(executor, this.#settings)
    this.#events = new SessionEvents(this.#settings.onEnd, this.#runtime)
    this.#finder = new SessionFinder(this.#stores, this.#settings, this.#events)
    this.#ender = new SessionEnder(this.#stores, this.#settings, this.#events)
  }

  /** CQL of the tables. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The tables; what is written plainly and what is written conditionally are apart. */
  tableDefinitions(): readonly TableDefinition[] {
    return this.#stores.tableDefinitions()
  }

  /** Creates what is missing of the tables. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Starts a session and returns its token: 64 characters of base64url with 256 random bits, and a
   * hash of the user id.
   *
   * @param userId up to 8,192 bytes of UTF-8
   * @param ipAddress for `listSessions`; what is longer than 512 characters is cut
   * @throws SessionDataError when the data is not plain, larger than 256 KiB, or refused by the
   *   schema
   */
  async createSession(
    userId: string,
    ipAddress = '',
    options: NewSessionOptions<Data> = {},
  ): Promise<string> {
    checkUserId(userId)
    checkOptions('createSession', options, { userAgent: true, label: true, data: true })
    const device = {
      ipAddress: factOf('ipAddress', ipAddress),
      userAgent: factOf('userAgent', options.userAgent ?? ''),
      label: factOf('label', options.label ?? ''),
    }
    const data = this.#codec.encode(options.data ?? {})
    const { absoluteMs, clock, timeoutMs } = this.#settings
    const tag = tagOf(userId)
    const token = userToken(tag, this.#runtime.randomBytes(tokenSecretBytes))
    const nowMs = clock.nowMs()
    const expiresMs = nowMs + absoluteMs
    const family = token.id
    const [epoch] = await Promise.all([
      this.#stores.readEpoch(tag),
      this.#stores.byUser.note(tag, family, family, nowMs, expiresMs, timeoutMs),
    ])
    const facts = { userId, family, epoch: epoch?.epoch ?? 0n, nowMs, expiresMs, ...device, data }
    const state = newState(facts)
    await this.#stores.ask(token.id, { kind: 'create', state })
    this.#events.created(userId, sessionIdOf(state))
    return token.text
  }

  /**
   * The user of a valid token, else `null`. It counts as a use of the session. One round trip, and
   * now and then a second one that notes the use.
   */
  async validateSession(token: string): Promise<string | null> {
    const found = await this.#finder.find(token, false)
    await this.#use(found)
    return found.ok ? found.state.userId : null
  }

  /**
   * Returns why a token is valid or not, and the data of the session. It is a use of the session
   * only with `use`, and returns what was known before that. One round trip, as `validateSession`.
   */
  async inspectSession(
    token: string,
    options: InspectOptions = {},
  ): Promise<SessionInspection<Data>> {
    checkOptions('inspectSession', options, { use: true })
    const found = await this.#finder.find(token, true)
    if (options.use === true) await this.#use(found)
    if (!found.ok) return { ok: false, reason: found.reason }
    const { state, lastUseMs, isReplaced } = found
    return {
      ...infoOf(state, lastUseMs, this.#settings.idleMs),
      ok: true,
      userId: state.userId,
      isReplaced,
      data: this.#codec.decode(state.data),
      revision: state.revision,
    }
  }

  /**
   * Changes data of a session. Updates of different top-level keys are all kept, however many
   * happen at the same time; of updates of one key the last one wins. It is not a use.
   *
   * @param change the keys to change, or a function of the present data, which is called again when
   *   the data has changed meanwhile
   * @throws RevisionConflictError when the session is at another revision than `ifRevision`
   * @throws SessionDataError when the data would not be plain, be larger than 256 KiB, or be
   *   refused by the schema
   * @throws SessionInvalidError when the token is not valid
   */
  async update(
    token: string,
    change: SessionChange<Data>,
    options: UpdateOptions = {},
  ): Promise<SessionSnapshot<Data>> {
    checkOptions('update', options, { ifRevision: true })
    const { ifRevision } = options
    if (ifRevision !== undefined) checkInteger('ifRevision', ifRevision, 0, Number.MAX_SAFE_INTEGER)
    const apply = this.#codec.applierOf(change)
    const updateId = randomUuid(this.#runtime).text
    let sinceRevision: number | undefined
    let isMaybeApplied = false
    for (let attempts = 0; attempts < updateAttemptCountMax; attempts++) {
      const found = await afterChange(isMaybeApplied, this.#finder.find(token, false))
      if (!found.ok)
        throw isMaybeApplied ? this.#uncertain() : new SessionInvalidError(found.reason)
      sinceRevision ??= found.state.revision
      const asking = this.#stores.ask(found.token.id, {
        ...{ kind: 'update', updateId, apply, base: found.base },
        ...{ expectedRevision: ifRevision, sinceRevision, isMaybeApplied },
      })
      const answer: SessionAnswer = await afterChange(isMaybeApplied, asking)
      // It was rotated meanwhile: the successor has the data.
      const isRotated = answer.outcome === 'refused' && answer.state?.status === 'rotated'
      if (!isRotated) return this.#snapshotOf(answer, ifRevision)
      isMaybeApplied ||= answer.isMaybeApplied === true
    }
    throw isMaybeApplied ? this.#uncertain() : new SessionInvalidError('rotated')
  }

  /**
   * Replaces a token, for example when the user has logged in or got more rights, and returns its
   * successor. Calls at the same time return the same one. For `rotateGrace` the old token stands
   * for it. Data, device facts and the absolute end stay as they are.
   *
   * @throws SessionInvalidError when the token is not valid
   */
  async rotateSession(token: string): Promise<string> {
    const found = await this.#findValid(token)
    if (found.isReplaced) return found.token.text
    const { token: old, tag, base, lastUseMs } = found
    const nonce = this.#runtime.randomBytes(nonceBytes)
    const { clock, timeoutMs } = this.#settings
    const next = { id: successorOf(old.text, tag, nonce).id, nonce }
    const ask = { kind: 'rotate', nowMs: clock.nowMs(), lastUseMs, next, base } as const
    const { state, isChange } = await this.#stores.ask(old.id, ask)
    // Another call was first, or the session has ended.
    if (state?.status !== 'rotated' || state.next === undefined) {
      throw new SessionInvalidError(state === undefined ? 'unknown' : 'revoked')
    }
    const successor = successorOf(old.text, tag, state.next.nonce)
    const created = await afterChange(isChange, this.#finder.complete(state, successor))
    if (created?.status === 'revoked') throw new SessionInvalidError('revoked')
    if (isChange) {
      const { family, issuedMs, expiresMs } = state
      const { byUser } = this.#stores
      // Without these the session is found all the same, and takes more room.
      await Promise.allSettled([
        byUser.note(tag, family, successor.id, issuedMs, expiresMs, timeoutMs),
        state.data.size > 0 && this.#stores.ask(old.id, { kind: 'strip' }),
      ])
      this.#events.rotated(state.userId, sessionIdOf(state))
    }
    return successor.text
  }

  /**
   * Ends a session. Once this resolves no validation succeeds, whatever is still under way and
   * whatever the clocks are.
   */
  async destroySession(token: string): Promise<void> {
    const parsed = parseToken(token)
    if (parsed !== undefined) await this.#ender.destroy(parsed)
  }

  /** The valid sessions of a user, in no particular order. */
  listSessions(userId: string): AsyncRows<SessionInfo> {
    checkUserId(userId)
    return asyncRows(() => listValidSessions(this.#stores, this.#settings, userId))
  }

  /**
   * Ends one session of a user, for example one of a list of devices.
   *
   * @param sessionId the `id` that `listSessions` returned
   * @returns whether there was such a session that had not ended
   */
  async revokeSession(userId: string, sessionId: string): Promise<boolean> {
    checkUserId(userId)
    // An id is a hash, written as a token of version 0.1 is.
    if (typeof sessionId !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(sessionId)) return false
    return await this.#ender.revoke(userId, Buffer.from(sessionId, 'base64url'))
  }

  /**
   * Ends all sessions of a user by one conditional write, however many there are. Once this
   * resolves, no session is valid that was created before. One that is created at the same time may
   * end too.
   *
   * @throws SessionInvalidError when the token `except` is not valid; nothing is ended then
   */
  async revokeAll(userId: string, options: RevokeAllOptions = {}): Promise<void> {
    checkUserId(userId)
    checkOptions('revokeAll', options, { except: true })
    let kept: SessionState | undefined
    if (options.except !== undefined) {
      const { state } = await this.#findValid(options.except)
      if (state.userId !== userId) {
        throw new ConfigError('except must be a token of the user whose sessions are to end')
      }
      kept = state
    }
    const { isKeptRevoked } = await this.#stores.nextEpoch(tagOf(userId), kept)
    if (isKeptRevoked) throw new SessionInvalidError('revoked')
    this.#events.revoked(userId, undefined)
  }

  /** Counts what this object has done. */
  stats(): SessionStats {
    const { counts, refused } = this.#events
    return { ...counts, refused: { ...refused }, lwt: this.#stores.lwt }
  }

  async #findValid(token: string): Promise<FoundSession> {
    const found = await this.#finder.find(token, false)
    if (!found.ok) throw new SessionInvalidError(found.reason)
    return found
  }

  /** Counts a use and notes when it was. */
  async #use(found: SessionSearch): Promise<void> {
    if (!found.ok) {
      this.#events.refused[found.reason]++
      return
    }
    this.#events.counts.validated++
    const { token, lastUseMs } = found
    const { lastUses } = this.#stores
    if (lastUses === undefined) return
    try {
      const isNoted = await lastUses.touch(token.id, lastUseMs, this.#settings.timeoutMs)
      if (isNoted) this.#events.counts.touched++
    } catch {
      // The session is valid whether or not its use could be noted; it only ends sooner.
      this.#events.counts.touchesFailed++
    }
  }

  /** The error of an update that may have been applied, which can no longer be told. */
  #uncertain(): RequestTimeoutError {
    return new RequestTimeoutError(this.#settings.timeoutMs, 'unknown')
  }

  #snapshotOf(answer: SessionAnswer, ifRevision: number | undefined): SessionSnapshot<Data> {
    const { outcome, state } = answer
    if (outcome === 'failed') throw answer.error
    if (outcome === 'uncertain') throw this.#uncertain()
    if (state === undefined) throw new SessionInvalidError('unknown')
    if (outcome === 'conflict') throw new RevisionConflictError(ifRevision ?? 0, state.revision)
    if (outcome === 'refused') throw new SessionInvalidError('revoked')
    if (answer.isChange) this.#events.counts.updated++
    return { data: this.#codec.decode(state.data), revision: state.revision }
  }
}
