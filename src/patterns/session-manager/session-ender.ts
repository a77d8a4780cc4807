import type { SessionEvents } from './session-events.ts'
import type { SessionSettings } from './session-options.ts'
import { sessionIdOf, successorState, type SessionState } from './session-state.ts'
import type { SessionStores } from './session-stores.ts'
import { type SessionToken, tagOf } from './session-token.ts'
import { isInGrace } from './session-validity.ts'

/** Tokens of one session that are ended at most, one after another. */
const tokenCountMax = 1_000

/** Ends sessions for good. */
export class SessionEnder {
  readonly #stores: SessionStores
  readonly #settings: SessionSettings
  readonly #events: SessionEvents

  constructor(stores: SessionStores, settings: SessionSettings, events: SessionEvents) {
    this.#stores = stores
    this.#settings = settings
    this.#events = events
  }

  /** Ends the session of a token. A token that was replaced long ago ends only itself. */
  async destroy({ id, tag }: SessionToken): Promise<void> {
    const { legacy } = this.#stores
    const { timeoutMs, clock, graceMs } = this.#settings
    const base = tag === undefined ? await legacy.read(id, timeoutMs) : undefined
    const last = await this.#revoke(id, base, (state) => isInGrace(state, clock.nowMs(), graceMs))
    // Processes of version 0.1 know only this row.
    if (base !== undefined) await legacy.delete(id, timeoutMs)
    if (last === undefined) return
    this.#events.destroyed(last.userId, sessionIdOf(last))
    await this.#forget(last)
  }

  /**
   * Ends a session of a user by its id.
   *
   * @returns whether it was not ended before
   */
  async revoke(userId: string, family: Uint8Array): Promise<boolean> {
    const tag = tagOf(userId)
    const { timeoutMs } = this.#settings
    const id = (await this.#stores.byUser.idOf(tag, family, timeoutMs)) ?? family
    const state = await this.#stores.readState(id, false)
    if (state?.userId !== userId || Buffer.compare(state.family, family) !== 0) return false
    const last = await this.#revoke(id, undefined, () => true)
    if (last === undefined) return false
    this.#events.revoked(userId, sessionIdOf(last))
    await this.#forget(last)
    return true
  }

  /**
   * Revokes a token and those that have replaced it, as far as `follows` says. A successor whose
   * row is still to be written gets one that is revoked.
   *
   * @returns the last state that this has revoked
   */
  async #revoke(
    first: Uint8Array,
    firstBase: SessionState | undefined,
    follows: (state: SessionState) => boolean,
  ): Promise<SessionState | undefined> {
    let [id, base]: [Uint8Array, SessionState | undefined] = [first, firstBase]
    let ended: SessionState | undefined
    for (let count = 0; count < tokenCountMax; count++) {
      const { state, isChange } = await this.#stores.ask(id, { kind: 'revoke', base })
      if (state === undefined) break
      const follow = state.next !== undefined && follows(state)
      // A token that was replaced is not what the session ends with.
      if (isChange && (state.next === undefined || follow)) ended = state
      if (!follow || state.next === undefined) break
      id = state.next.id
      base = successorState(state)
    }
    return ended
  }

  /** The row only says where to look, and it expires: not removing it is harmless. */
  async #forget({ userId, family }: SessionState): Promise<void> {
    try {
      await this.#stores.byUser.forget(tagOf(userId), family, this.#settings.timeoutMs)
    } catch {
      // The state says that the session has ended.
    }
  }
}
