import {
  type LwtMachine,
  LwtTable,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
} from '../../kernel/index.ts'
import type { UnknownColumns } from '../../types/index.ts'

/** What ends all sessions of a user at once. */
export interface UserEpoch {
  /** Sessions that were created in an earlier epoch are revoked. */
  readonly epoch: bigint
  /** Family of the one session that is not. */
  readonly kept: Uint8Array | undefined
}

/** Begins the next epoch. */
export interface EpochAsk {
  readonly kept: Uint8Array | undefined
}

/** The rules of the row of a user. The row is never deleted, so that epochs grow for ever. */
export const epochMachine: LwtMachine<UserEpoch, EpochAsk, UserEpoch> = {
  step(state, { kept }) {
    const after = { epoch: (state?.epoch ?? 0n) + 1n, kept }
    return { state: after, answer: after }
  },
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
