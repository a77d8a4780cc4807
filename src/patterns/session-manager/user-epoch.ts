import {
  type LwtMachine,
  LwtTable,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
} from '../../kernel/index.ts'
import type { UnknownColumns } from '../../types/index.ts'
import type { SessionState } from './session-state.ts'

/** What ends all sessions of a user at once. */
export interface UserEpoch {
  /** Sessions that were created in an earlier epoch are revoked. */
  readonly epoch: bigint
  /** Family of the one session that is not. */
  readonly kept: Uint8Array | undefined
}

/** Begins the next epoch. */
export interface EpochAsk {
  /** The one session that stays valid, if it still is. */
  readonly kept: Pick<SessionState, 'family' | 'epoch'> | undefined
}

export interface EpochAnswer {
  /** Whether the session that is to stay was revoked before; then nothing is changed. */
  readonly isKeptRevoked: boolean
}

/** The rules of the row of a user. The row is never deleted, so that epochs grow for ever. */
export const epochMachine: LwtMachine<UserEpoch, EpochAsk, EpochAnswer> = {
  step(state, { kept }) {
    // Another call may have revoked it since it was found valid: it must not be revived.
    if (kept !== undefined && isBeforeEpoch(kept, state)) {
      return { state, answer: { isKeptRevoked: true }, maxAgeMs: 0 }
    }
    const after = { epoch: (state?.epoch ?? 0n) + 1n, kept: kept?.family }
    return { state: after, answer: { isKeptRevoked: false } }
  },
}

/** Whether a session was revoked with all sessions of its time. */
export function isBeforeEpoch(
  { epoch, family }: Pick<SessionState, 'family' | 'epoch'>,
  user: UserEpoch | undefined,
): boolean {
  if (user === undefined || epoch >= user.epoch) return false
  return user.kept === undefined || Buffer.compare(user.kept, family) !== 0
}

export function userEpochTable(name: string): TableDefinition {
  return {
    name,
    columns: { tag: 'blob', epoch: 'bigint', kept: 'blob', op: 'uuid' },
    partitionKey: ['tag'],
    writes: 'conditional',
  }
}

export function epochRows(
  runner: PreparedStatementRunner,
  table: string,
): LwtTable<Uint8Array, UserEpoch> {
  return new LwtTable(runner, {
    table: tableText(table),
    keyColumns: ['tag'],
    stateColumns: ['epoch', 'kept'],
    keyValues: (tag) => [tag],
    encode: ({ epoch, kept }) => [epoch, kept ?? null],
    decode: decodeEpoch,
    ttlSeconds: () => 0,
  })
}

export function decodeEpoch(row: UnknownColumns): UserEpoch {
  const { epoch, kept } = row as {
    readonly epoch: bigint | number | string
    readonly kept: Uint8Array | null | undefined
  }
  return { epoch: toBigInt(epoch), kept: kept ?? undefined }
}
