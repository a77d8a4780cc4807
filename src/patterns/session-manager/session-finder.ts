import type { SessionEvents, SessionReason } from './session-events.ts'
import type { SessionSettings } from './session-options.ts'
import { sessionIdOf, successorState, type SessionState } from './session-state.ts'
import type { SessionStores } from './session-stores.ts'
import { parseToken, successorOf, type SessionToken, tagOf } from './session-token.ts'
import { judge } from './session-validity.ts'
import type { UserEpoch } from './user-epoch.ts'

/** A valid session. */
export interface FoundSession {
  readonly ok: true
  /** The present token: that which was asked for, or its successor. */
  readonly token: SessionToken
  readonly isReplaced: boolean
  readonly tag: Uint8Array
  readonly state: SessionState
  /** What the row of the token begins with when it is missing: of a session of version 0.1. */
  readonly base: SessionState | undefined
  readonly lastUseMs: number
}

export type SessionSearch = FoundSession | { readonly ok: false; readonly reason: SessionReason }

/** What is stored of one token. */
interface StoredToken {
  readonly state: SessionState | undefined
  readonly base: SessionState | undefined
  readonly lastUseMs: number | undefined
  readonly epoch: UserEpoch | undefined
}

/** A token that was replaced this many times within the grace period is not followed further. */
const hopCountMax = 16

/** Finds the session of a token and decides whether it is valid. */
export class SessionFinder {
  readonly #stores: SessionStores
  readonly #settings: SessionSettings
  readonly #events: SessionEvents

  constructor(stores: SessionStores, settings: SessionSettings, events: SessionEvents) {
    this.#stores = stores
    this.#settings = settings
    this.#events = events
  }

  /** @param withData whether the state has its data; else it has none */
  async find(text: string, withData: boolean): Promise<SessionSearch> {
    let token = parseToken(text)
    if (token === undefined) return { ok: false, reason: 'malformed' }
    const first = await this.#read(token, withData)
    let { state, lastUseMs } = first
    for (let hops = 0; hops < hopCountMax && state !== undefined; hops++) {
      lastUseMs = Math.max(lastUseMs ?? state.issuedMs, state.issuedMs)
      const verdict = judge(state, lastUseMs, first.epoch, this.#settings)
      const tag = token.tag ?? tagOf(state.userId)
      if (verdict === 'valid') {
        const isReplaced = hops > 0
        const base = isReplaced ? undefined : first.base
        return { ok: true, token, isReplaced, tag, state, base, lastUseMs }
      }
      if (verdict !== 'follow' || state.next === undefined) {
        const reason = verdict === 'follow' ? 'rotated' : verdict
        if (reason === 'idle' || reason === 'absolute') {
          this.#events.expired(state.userId, sessionIdOf(state), reason)
        }
        return { ok: false, reason }
      }
      const next = successorOf(token.text, tag, state.next.nonce)
      ;[state, lastUseMs] = await Promise.all([
        this.#readSuccessor(token.id, next, withData),
        this.#stores.readLastUse(next.id),
      ])
      token = next
    }
    return { ok: false, reason: state === undefined ? 'unknown' : 'rotated' }
  }

  /**
   * Completes a rotation: writes the row of the successor, which has no other row before, however
   * many do it. The writer may have died before.
   *
   * @param rotated state of the replaced token, with its data
   * @returns the state of the successor
   */
  async complete(rotated: SessionState, next: SessionToken): Promise<SessionState | undefined> {
    const created = successorState(rotated)
    const { state } = await this.#stores.ask(next.id, { kind: 'create', state: created })
    return state
  }

  /**
   * Reads side by side whatever says whether a token is valid: one round trip. A token of version
   * 0.1 does not tell the user, so the epoch is read after its row.
   */
  async #read({ id, tag }: SessionToken, withData: boolean): Promise<StoredToken> {
    const [state, lastUseMs, epoch, base] = await Promise.all([
      this.#stores.readState(id, withData),
      this.#stores.readLastUse(id),
      tag === undefined ? undefined : this.#stores.readEpoch(tag),
      tag === undefined ? this.#stores.legacy.read(id, this.#settings.timeoutMs) : undefined,
    ])
    if (tag !== undefined) return { state, base, lastUseMs, epoch }
    // A process of version 0.1 may have deleted its row.
    const isThere = base !== undefined || state?.status === 'revoked'
    const present = isThere ? (state ?? base) : undefined
    const ofUser = present && (await this.#stores.readEpoch(tagOf(present.userId)))
    return { state: present, base, lastUseMs, epoch: ofUser }
  }

  async #readSuccessor(
    id: Uint8Array,
    next: SessionToken,
    withData: boolean,
  ): Promise<SessionState | undefined> {
    const state = await this.#stores.readState(next.id, withData)
    if (state !== undefined) return state
    const rotated = await this.#stores.readState(id, true)
    return rotated?.status === 'rotated' ? await this.complete(rotated, next) : undefined
  }
}
