import {
  LwtTable,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
  toDate,
} from '../../kernel/index.ts'
import type { UnknownColumns } from '../../types/index.ts'
import type { Clock } from '../../util/index.ts'
import type { SessionState } from './session-state.ts'
import { rowTtlSeconds } from './session-ttl.ts'

/** Columns of a state, without its data. */
export const factColumns: readonly string[] = [
  ...['user_id', 'family', 'status', 'epoch', 'created_at', 'issued_at', 'expires_at'],
  ...['rotated_at', 'next_id', 'next_nonce', 'ip', 'user_agent', 'label', 'revision'],
]
export const dataColumns: readonly string[] = ['updates', 'data']

const statuses = ['live', 'rotated', 'revoked'] as const

/** The table of tokens. */
export function sessionTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name,
    columns: {
      id: 'blob',
      user_id: 'text',
      family: 'blob',
      status: 'int',
      epoch: 'bigint',
      created_at: 'timestamp',
      issued_at: 'timestamp',
      expires_at: 'timestamp',
      rotated_at: 'timestamp',
      next_id: 'blob',
      next_nonce: 'blob',
      ip: 'text',
      user_agent: 'text',
      label: 'text',
      revision: 'bigint',
      updates: 'frozen<list<uuid>>',
      data: 'frozen<map<text, blob>>',
      op: 'uuid',
    },
    partitionKey: ['id'],
    writes: 'conditional',
    ttlSeconds,
    // A state whose TTL is shorter, because clocks differ, must not uncover the one before it.
    hasDeletions: true,
  }
}

export function sessionRows(
  runner: PreparedStatementRunner,
  table: string,
  clock: Clock,
): LwtTable<Uint8Array, SessionState> {
  return new LwtTable(runner, {
    table: tableText(table),
    keyColumns: ['id'],
    stateColumns: [...factColumns, ...dataColumns],
    // The data may be large, and conflicts are rare.
    conditions: 'op',
    keyValues: (id) => [id],
    encode: (state) => [
      ...[state.userId, state.family, statuses.indexOf(state.status), state.epoch],
      ...[new Date(state.createdMs), new Date(state.issuedMs), new Date(state.expiresMs)],
      ...[new Date(state.rotatedMs), state.next?.id ?? null, state.next?.nonce ?? null],
      ...[state.ipAddress, state.userAgent, state.label, BigInt(state.revision)],
      ...[state.updates, state.data],
    ],
    decode: decodeSession,
    ttlSeconds: ({ expiresMs }) => rowTtlSeconds(expiresMs, clock),
  })
}

interface StateRow {
  readonly user_id: string
  readonly family: Uint8Array
  readonly status: number
  readonly epoch: bigint | number | string
  readonly created_at: Date | bigint
  readonly issued_at: Date | bigint
  readonly expires_at: Date | bigint
  readonly rotated_at: Date | bigint
  readonly next_id: Uint8Array | null | undefined
  readonly next_nonce: Uint8Array | null | undefined
  readonly ip: string
  readonly user_agent: string
  readonly label: string
  readonly revision: bigint | number | string
  readonly updates: readonly unknown[] | null | undefined
  readonly data: ReadonlyMap<string, Uint8Array> | null | undefined
}

/** @param row whose `updates` and `data` count as empty when they were not selected */
export function decodeSession(row: UnknownColumns): SessionState {
  const columns = row as unknown as StateRow
  const { next_id: id, next_nonce: nonce, updates, data } = columns
  return {
    // A status that a later version may write is not live.
    status: statuses[columns.status] ?? 'revoked',
    userId: columns.user_id,
    family: columns.family,
    epoch: toBigInt(columns.epoch),
    createdMs: toDate(columns.created_at).getTime(),
    issuedMs: toDate(columns.issued_at).getTime(),
    expiresMs: toDate(columns.expires_at).getTime(),
    rotatedMs: toDate(columns.rotated_at).getTime(),
    next: id && nonce ? { id, nonce } : undefined,
    ipAddress: columns.ip,
    userAgent: columns.user_agent,
    label: columns.label,
    revision: Number(columns.revision),
    updates: (updates ?? []).map(String),
    data: data ?? new Map(),
  }
}
