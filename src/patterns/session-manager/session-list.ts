import type { SessionSettings } from './session-options.ts'
import { sessionIdOf, type SessionState } from './session-state.ts'
import type { SessionStores } from './session-stores.ts'
import { tagOf } from './session-token.ts'
import { endMs, judge } from './session-validity.ts'
import type { UserEpoch } from './user-epoch.ts'

/** A valid session of a user, for a list of devices. */
export interface SessionInfo {
  /** For `revokeSession`. It is the same for all tokens of the session, and is no token. */
  readonly id: string
  readonly ipAddress: string
  readonly userAgent: string
  readonly label: string
  readonly createdAt: Date
  /**
   * The last use that was noted, which is up to a twentieth of the idle time before the last one;
   * when the token was issued for sessions that do not end by not being used.
   */
  readonly lastSeenAt: Date
  /** When the session ends unless it is used. */
  readonly expiresAt: Date
}

/** Sessions that are read side by side. */
const parallelCount = 16
/** The listed token of a session may have been replaced: so many successors are followed. */
const hopCountMax = 100

/** Yields the valid sessions of a user, in no particular order, read as they are consumed. */
export async function* listValidSessions(
  stores: SessionStores,
  settings: SessionSettings,
  userId: string,
): AsyncGenerator<SessionInfo> {
  const tag = tagOf(userId)
  const epoch = await stores.readEpoch(tag)
  const readAll = async (ids: readonly Uint8Array[]): Promise<readonly SessionInfo[]> => {
    const infos = await Promise.all(ids.map((id) => readInfo(stores, settings, id, epoch)))
    return infos.filter((info) => info !== undefined)
  }
  let ids: Uint8Array[] = []
  for await (const id of stores.byUser.ids(tag, settings.timeoutMs)) {
    if (ids.push(id) < parallelCount) continue
    yield* await readAll(ids)
    ids = []
  }
  yield* await readAll(ids)
}

async function readInfo(
  stores: SessionStores,
  settings: SessionSettings,
  listed: Uint8Array,
  epoch: UserEpoch | undefined,
): Promise<SessionInfo | undefined> {
  let id = listed
  for (let hops = 0; hops < hopCountMax; hops++) {
    const [state, noted] = await Promise.all([stores.readState(id, false), stores.readLastUse(id)])
    if (state === undefined) return undefined
    if (state.status === 'rotated' && state.next !== undefined) {
      id = state.next.id
      continue
    }
    const lastUseMs = Math.max(noted ?? state.issuedMs, state.issuedMs)
    const isValid = judge(state, lastUseMs, epoch, settings) === 'valid'
    return isValid ? infoOf(state, lastUseMs, settings.idleMs) : undefined
  }
  return undefined
}

export function infoOf(
  state: SessionState,
  lastUseMs: number,
  idleMs: number | undefined,
): SessionInfo {
  const { ipAddress, userAgent, label } = state
  return {
    ...{ id: sessionIdOf(state), ipAddress, userAgent, label },
    createdAt: new Date(state.createdMs),
    lastSeenAt: new Date(lastUseMs),
    expiresAt: new Date(endMs(state, lastUseMs, idleMs)),
  }
}
