import { channel } from 'node:diagnostics_channel'
import { type LwtCounters, LruMap } from '../../kernel/index.ts'
import type { Runtime } from '../../util/index.ts'

/** Why a token is not valid. */
export type SessionReason = 'malformed' | 'unknown' | 'idle' | 'absolute' | 'revoked' | 'rotated'

/** What `onEnd` is told. */
export interface SessionEnd {
  readonly userId: string
  /** As `listSessions` returns it; `undefined` when all sessions of the user ended. */
  readonly sessionId: string | undefined
  /**
   * `destroyed` by `destroySession`, `revoked` by `revokeSession` or `revokeAll`, else how the
   * session has expired.
   */
  readonly reason: 'destroyed' | 'revoked' | 'idle' | 'absolute'
}

/** What subscribers of the channel `tsylla:session` of `node:diagnostics_channel` receive. */
export interface SessionEvent {
  readonly type: 'created' | 'rotated' | 'ended' | 'revoked'
  readonly userId: string
  readonly sessionId: string | undefined
  /** Of `ended` and `revoked`. */
  readonly reason: SessionEnd['reason'] | undefined
}

/** What `stats` returns: what this object has done since it exists. */
export interface SessionStats {
  readonly created: number
  /** Uses: tokens that `validateSession`, or `inspectSession` with `use`, found valid. */
  readonly validated: number
  /** Tokens that were not, by reason. */
  readonly refused: Readonly<Record<SessionReason, number>>
  /** Uses that were noted in the database. */
  readonly touched: number
  /** Uses that could not be noted, so that the session ends sooner. */
  readonly touchesFailed: number
  readonly updated: number
  readonly rotated: number
  readonly destroyed: number
  /** Calls of `revokeAll`, and sessions that `revokeSession` has ended. */
  readonly revoked: number
  /** Conditional writes and reads of all session managers on the table. */
  readonly lwt: Readonly<LwtCounters>
}

type SessionCounts = Omit<SessionStats, 'lwt' | 'refused'>

const events = channel('tsylla:session')
/** Expired sessions that have been reported are remembered, up to this many. */
const reportedCountMax = 10_000

/** Counts and reports what happens to sessions. */
export class SessionEvents {
  readonly #onEnd: ((end: SessionEnd) => void) | undefined
  readonly #runtime: Runtime
  readonly #reported = new LruMap<string, true>(reportedCountMax)
  readonly refused: Record<SessionReason, number> = {
    ...{ malformed: 0, unknown: 0, idle: 0, absolute: 0, revoked: 0, rotated: 0 },
  }
  readonly counts: { -readonly [Name in keyof SessionCounts]: number } = {
    ...{ created: 0, validated: 0, touched: 0, touchesFailed: 0, updated: 0 },
    ...{ rotated: 0, destroyed: 0, revoked: 0 },
  }

  constructor(onEnd: ((end: SessionEnd) => void) | undefined, runtime: Runtime) {
    this.#onEnd = onEnd
    this.#runtime = runtime
  }

  created(userId: string, sessionId: string): void {
    this.counts.created++
    publish({ type: 'created', userId, sessionId, reason: undefined })
  }

  rotated(userId: string, sessionId: string): void {
    this.counts.rotated++
    publish({ type: 'rotated', userId, sessionId, reason: undefined })
  }

  destroyed(userId: string, sessionId: string): void {
    this.counts.destroyed++
    this.#end('ended', { userId, sessionId, reason: 'destroyed' })
  }

  revoked(userId: string, sessionId: string | undefined): void {
    this.counts.revoked++
    this.#end('revoked', { userId, sessionId, reason: 'revoked' })
  }

  /** A session was found expired; it is reported once. */
  expired(userId: string, sessionId: string, reason: 'idle' | 'absolute'): void {
    if (this.#reported.get(sessionId) === true) return
    this.#reported.set(sessionId, true)
    this.#end('ended', { userId, sessionId, reason })
  }

  #end(type: 'ended' | 'revoked', end: SessionEnd): void {
    publish({ type, ...end })
    const onEnd = this.#onEnd
    if (onEnd !== undefined) this.#runtime.defer(() => onEnd(end))
  }
}

function publish(event: SessionEvent): void {
  if (events.hasSubscribers) events.publish(event)
}
