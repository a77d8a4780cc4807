import type { LwtMachine, LwtStep } from '../../kernel/index.ts'
import {
  revokedState,
  type SessionState,
  type SuccessorFacts,
  withoutData,
} from './session-state.ts'

/** A session whose row is missing although it exists: one of version 0.1, or a new successor. */
interface OnSession {
  readonly base?: SessionState | undefined
}

export type SessionAsk =
  | { readonly kind: 'create'; readonly state: SessionState }
  | UpdateAsk
  | RotateAsk
  | (OnSession & { readonly kind: 'revoke' })
  /** Drops the data of a token that was replaced: the one that replaced it has them. */
  | { readonly kind: 'strip' }

interface RotateAsk extends OnSession {
  readonly kind: 'rotate'
  readonly nowMs: number
  /** The last use that is known, by whatever clock. */
  readonly lastUseMs: number
  readonly next: SuccessorFacts
}

export interface UpdateAsk extends OnSession {
  readonly kind: 'update'
  /** UUID, the same in all attempts. */
  readonly updateId: string
  readonly expectedRevision: number | undefined
  /** A revision that the session had before the first attempt. */
  readonly sinceRevision: number
  /** Whether it may have been applied to the token that this one has replaced. */
  readonly isMaybeApplied: boolean
  /** @returns the new data, or `data` itself when nothing changes @throws to change nothing */
  readonly apply: (data: ReadonlyMap<string, Uint8Array>) => ReadonlyMap<string, Uint8Array>
}

export interface SessionAnswer {
  /**
   * - `applied`: the state contains what was asked for.
   * - `conflict`: it is at another revision than expected.
   * - `refused`: there is no such session, or it is in a state that admits no such change.
   * - `uncertain`: whether the update was applied can no longer be told.
   */
  readonly outcome: 'applied' | 'conflict' | 'refused' | 'uncertain' | 'failed'
  readonly state: SessionState | undefined
  /** Whether this request made it so. */
  readonly isChange: boolean
  /** Of an update that was refused: whether an earlier attempt may have been applied. */
  readonly isMaybeApplied?: boolean
  /** What `apply` threw. */
  readonly error?: unknown
}

type Step = LwtStep<SessionState, SessionAnswer>

/** Ids of this many updates are kept in a row. */
const updateCountMax = 32
/** Larger states are not remembered between requests. */
const rememberedBytesMax = 1_024

/** The rules of the row of one token. A step is called again for every attempt. */
export const sessionMachine: LwtMachine<SessionState, SessionAsk, SessionAnswer> = {
  step(state, ask, isRepeated): Step {
    switch (ask.kind) {
      case 'create':
        return state === undefined ? changed(ask.state) : unchanged(state, 'applied')
      case 'update':
        return update(state, ask, isRepeated)
      case 'rotate': {
        const before = state ?? ask.base
        if (before?.status !== 'live') return unchanged(state, 'refused')
        const { nowMs, lastUseMs, next } = ask
        // A successor is not older than the last use, also when this clock is behind. Each token
        // has a later time than the one it replaces: notes of the present token rely on it.
        const issuedMs = Math.max(nowMs, lastUseMs, before.issuedMs + 1)
        return changed({ ...before, status: 'rotated', issuedMs, rotatedMs: nowMs, next })
      }
      case 'revoke': {
        const before = state ?? ask.base
        if (before === undefined) return unchanged(state, 'refused')
        if (before.status === 'revoked') return unchanged(state, 'applied')
        return changed(revokedState(before))
      }
      case 'strip':
        if (state?.status !== 'rotated' || state.data.size === 0) {
          return unchanged(state, 'refused')
        }
        return changed(withoutData(state))
    }
  },
  isPast(state, nowMs): boolean {
    return state.status !== 'live' || state.expiresMs <= nowMs || sizeOf(state) > rememberedBytesMax
  },
}

function update(state: SessionState | undefined, ask: UpdateAsk, isRepeated: boolean): Step {
  const before = state ?? ask.base
  if (before === undefined) return unchanged(state, 'refused')
  // Also of a session that has ended since: the update came first.
  if (before.updates.includes(ask.updateId)) return unchanged(state, 'applied')
  const isMaybeApplied = isRepeated || ask.isMaybeApplied
  if (before.status === 'rotated') {
    // The successor has the data and the ids of the updates.
    const step = unchanged(state, 'refused')
    return { ...step, answer: { ...step.answer, isMaybeApplied } }
  }
  if (isMaybeApplied && isForgotten(before, ask)) return unchanged(state, 'uncertain')
  if (before.status !== 'live') return unchanged(state, 'refused')
  const { expectedRevision } = ask
  if (expectedRevision !== undefined && before.revision !== expectedRevision) {
    return unchanged(state, 'conflict')
  }
  let data: ReadonlyMap<string, Uint8Array>
  try {
    data = ask.apply(before.data)
  } catch (error) {
    return { ...unchanged(state, 'failed'), answer: { ...answerOf(state, 'failed'), error } }
  }
  if (data === before.data) return unchanged(before, 'applied', state)
  return changed({
    ...before,
    data,
    revision: before.revision + 1,
    updates: [...before.updates, ask.updateId].slice(-updateCountMax),
  })
}

/** Whether an update that was applied may be among the ids no longer: others followed. */
function isForgotten(before: SessionState, { sinceRevision }: UpdateAsk): boolean {
  return before.status === 'revoked' || before.revision - sinceRevision > updateCountMax
}

function changed(state: SessionState): Step {
  return { state, answer: { outcome: 'applied', state, isChange: true } }
}

/** What is not changed may have changed meanwhile: the answer needs the current state. */
function unchanged(
  reported: SessionState | undefined,
  outcome: SessionAnswer['outcome'],
  state: SessionState | undefined = reported,
): Step {
  return { state, answer: answerOf(reported, outcome), maxAgeMs: 0 }
}

function answerOf(
  state: SessionState | undefined,
  outcome: SessionAnswer['outcome'],
): SessionAnswer {
  return { outcome, state, isChange: false }
}

function sizeOf({ data }: SessionState): number {
  let bytes = 0
  for (const [key, value] of data) bytes += key.length + value.length
  return bytes
}
