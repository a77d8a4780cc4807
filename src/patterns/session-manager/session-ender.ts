import { afterChange } from '../../kernel/index.ts'
import type { SessionEvents } from './session-events.ts'
import type { SessionAnswer } from './session-machine.ts'
import type { SessionSettings } from './session-options.ts'
import { sessionIdOf, successorState, type SessionState } from './session-state.ts'
import type { SessionStores } from './session-stores.ts'
import { type SessionToken, tagOf } from './session-token.ts'

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

  /**
   * Ends the session of a token, also of one that was replaced, however long ago: whether a
   * rotation came first is a question of moments and clocks, and a token that should be used no
   * more does no harm by ending its session.
   */
  async destroy({ id, tag }: SessionToken): Promise<void> {
    const { legacy } = this.#stores
    const { timeoutMs } = this.#settings
    const base = tag === undefined ? await legacy.read(id, timeoutMs) : undefined
    const last = await this.#revoke(id, base)
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
    const last = await this.#revoke(id, undefined)
    if (last === undefined) return false
    this.#events.revoked(userId, sessionIdOf(last))
    await this.#forget(last)
    return true
  }

  /**
   * Revokes a token and those that have replaced it. A successor whose row is still to be written
   * gets one that is revoked.
   *
   * @returns the state of the last token, unless it was revoked before
   */
  async #revoke(
    first: Uint8Array,
    firstBase: SessionState | undefined,
  ): Promise<SessionState | undefined> {
    let [id, base]: [Uint8Array, SessionState | undefined] = [first, firstBase]
    let isChanged = false
    for (;;) {
      const asking = this.#stores.ask(id, { kind: 'revoke', base })
      const { state, isChange }: SessionAnswer = await afterChange(isChanged, asking)
      isChanged ||= isChange
      if (state?.next === undefined) return isChange ? state : undefined
      // A session may have been rotated thousands of times: its present token is noted.
      const looking = id === first ? this.#presentId(state, id) : Promise.resolve(undefined)
      const noted = await afterChange(isChanged, looking)
      id = noted ?? state.next.id
      base = noted === undefined ? successorState(state) : undefined
    }
  }

  /** The token that a session had when that was last noted; `undefined` when it is `id`. */
  async #presentId(
    { userId, family }: SessionState,
    id: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const { timeoutMs } = this.#settings
    const noted = await this.#stores.byUser.idOf(tagOf(userId), family, timeoutMs)
    if (noted === undefined || Buffer.compare(noted, id) === 0) return undefined
    return (await this.#stores.readState(noted, false)) === undefined ? undefined : noted
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
