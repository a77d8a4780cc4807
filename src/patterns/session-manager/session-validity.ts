import type { SessionReason } from './session-events.ts'
import type { SessionSettings } from './session-options.ts'
import type { SessionState } from './session-state.ts'
import { isBeforeEpoch, type UserEpoch } from './user-epoch.ts'

/** `follow`: the token was replaced a moment ago, and its successor says whether it is valid. */
export type SessionVerdict = 'valid' | 'follow' | Exclude<SessionReason, 'malformed' | 'unknown'>

/** Whether a token is valid, by what is stored and by the clock of this process. */
export function judge(
  state: SessionState,
  lastUseMs: number,
  epoch: UserEpoch | undefined,
  settings: SessionSettings,
): SessionVerdict {
  const { idleMs, graceMs, clock } = settings
  const nowMs = clock.nowMs()
  if (state.status === 'revoked' || isBeforeEpoch(state, epoch)) return 'revoked'
  if (nowMs >= state.expiresMs) return 'absolute'
  if (state.status === 'rotated') return isInGrace(state, nowMs, graceMs) ? 'follow' : 'rotated'
  return idleMs !== undefined && nowMs >= lastUseMs + idleMs ? 'idle' : 'valid'
}

/** Whether the token was replaced so short ago that it still stands for its successor. */
export function isInGrace(state: SessionState, nowMs: number, graceMs: number): boolean {
  return state.next !== undefined && nowMs < state.rotatedMs + graceMs
}

/** When the session ends unless it is used. */
export function endMs(state: SessionState, lastUseMs: number, idleMs: number | undefined): number {
  return Math.min(state.expiresMs, lastUseMs + (idleMs ?? Number.POSITIVE_INFINITY))
}
