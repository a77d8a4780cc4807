import type { UnknownColumns } from '../types/index.ts'
import { toBigInt, toDate } from './column-values.ts'
import type { LwtMachine, LwtStep } from './lwt-machine.ts'
import { LwtTable } from './lwt-table.ts'
import type { PreparedStatementRunner } from './prepared-statement-runner.ts'
import { tableText, type TableDefinition } from './table-definition.ts'

/** What the row of a lease says. Rows are never deleted, so that fences grow for ever. */
export interface LeaseState {
  /** Grows with every acquisition of the name; on the axis of write timestamps in microseconds. */
  readonly fence: bigint
  /** UUID of the acquisition that holds the lease; `null` when it is free. */
  readonly owner: string | null
  /** The lease is free from then on, in milliseconds since the epoch. */
  readonly untilMs: number
  /** What the holder wrote for people who look. */
  readonly note: string
  /** Fence of the last revocation: what was done under an earlier one is void. 0 for none. */
  readonly revokedUs: bigint
}

export type LeaseAsk =
  | {
      readonly kind: 'acquire'
      /** UUID, new for every acquisition. */
      readonly owner: string
      readonly ttlMs: number
      readonly nowMs: number
      /** Smallest fence: the time in microseconds. */
      readonly nowUs: bigint
      /** How far clocks may be apart: a lease of another is over only this long after its end. */
      readonly errorMs: number
      /** How far the fence is from the one before, at least. */
      readonly fenceSpan: number
      readonly note: string
    }
  | {
      readonly kind: 'extend'
      readonly owner: string
      readonly ttlMs: number
      readonly nowMs: number
      readonly fenceSpan: number
      /** Raises the fence to this time in microseconds, or above the present one. */
      readonly raiseFenceToUs?: bigint | undefined
    }
  | {
      readonly kind: 'release'
      readonly owner: string
      /** Whether the acquisition may still arrive: the row is written, so that it is refused. */
      readonly mayArrive?: boolean | undefined
    }
  /** Takes the lease from its holder, whoever that is, and raises the fence above all before. */
  | { readonly kind: 'revoke'; readonly nowUs: bigint; readonly fenceSpan: number }
  /** Reads the current state. */
  | { readonly kind: 'inspect' }

export interface LeaseAnswer {
  /** Whether the asking owner holds the lease afterwards: `false` after a release. */
  readonly holds: boolean
  /** For a release: whether the asking owner held the lease before. */
  readonly wasHeld?: boolean
  readonly state: LeaseState | undefined
}

const neverHeld: LeaseState = { fence: 0n, owner: null, untilMs: 0, note: '', revokedUs: 0n }

/** The rules of a lease: one holder at a time, and a fence that grows with every holder. */
export const leaseMachine: LwtMachine<LeaseState, LeaseAsk, LeaseAnswer> = {
  step(state, ask): LwtStep<LeaseState, LeaseAnswer> {
    if (ask.kind === 'inspect') {
      return { state, answer: { holds: false, state }, maxAgeMs: 0 }
    }
    if (ask.kind === 'revoke') {
      const fence = nextFence(state, ask.nowUs, ask.fenceSpan)
      const untilMs = state?.untilMs ?? 0
      const after = { fence, owner: null, untilMs, note: '', revokedUs: fence }
      return { state: after, answer: { holds: false, state: after } }
    }
    const holds = state !== undefined && state.owner === ask.owner
    switch (ask.kind) {
      case 'acquire': {
        const untilMs = ask.nowMs + ask.ttlMs
        // The row contains the acquisition already when the answer of its write was lost. Writing
        // it again makes sure that it is still there, and that it lasts its whole time from now.
        if (holds) {
          const after = { ...state, untilMs: Math.max(state.untilMs, untilMs) }
          return { state: after, answer: { holds: true, state: after } }
        }
        const isFree =
          state === undefined || state.owner === null || state.untilMs + ask.errorMs < ask.nowMs
        if (!isFree) return { state, answer: { holds: false, state }, maxAgeMs: 0 }
        const after: LeaseState = {
          fence: nextFence(state, ask.nowUs, ask.fenceSpan),
          owner: ask.owner,
          untilMs,
          note: ask.note,
          revokedUs: state?.revokedUs ?? 0n,
        }
        return { state: after, answer: { holds: true, state: after } }
      }
      case 'extend': {
        if (!holds) return { state, answer: { holds: false, state }, maxAgeMs: 0 }
        const { raiseFenceToUs } = ask
        const after = {
          ...state,
          untilMs: Math.max(state.untilMs, ask.nowMs + ask.ttlMs),
          fence:
            raiseFenceToUs === undefined
              ? state.fence
              : nextFence(state, raiseFenceToUs, ask.fenceSpan),
        }
        return { state: after, answer: { holds: true, state: after } }
      }
      case 'release': {
        if (!holds && ask.mayArrive !== true) {
          return { state, answer: { holds: false, state }, maxAgeMs: 0 }
        }
        const before = state ?? neverHeld
        const after = { ...before, owner: holds ? null : before.owner }
        return { state: after, answer: { holds: false, wasHeld: holds, state: after } }
      }
    }
  },
}

/**
 * The table of leases.
 *
 * @param ttlSeconds how long a row without an acquisition is kept. Fences grow after that too,
 *   unless a clock is behind by as much
 */
export function leaseTable(name: string, ttlSeconds: number): TableDefinition {
  return {
    name,
    columns: {
      name: 'text',
      fence: 'bigint',
      owner: 'uuid',
      until: 'timestamp',
      note: 'text',
      revoked: 'bigint',
      op: 'uuid',
    },
    partitionKey: ['name'],
    writes: 'conditional',
    ttlSeconds,
  }
}

/** The rows of a table of leases. */
export function leaseRows(
  runner: PreparedStatementRunner,
  name: string,
  ttlSeconds: number,
): LwtTable<string, LeaseState> {
  return new LwtTable(runner, {
    table: tableText(name),
    keyColumns: ['name'],
    stateColumns: ['fence', 'owner', 'until', 'note', 'revoked'],
    keyValues: (key) => [key],
    encode: ({ fence, owner, untilMs, note, revokedUs }) => [
      ...[fence, owner, new Date(untilMs), note, revokedUs],
    ],
    decode: decodeLease,
    ttlSeconds: () => ttlSeconds,
  })
}

function decodeLease(row: UnknownColumns): LeaseState {
  const { fence, owner, until, note, revoked } = row as {
    readonly fence: bigint | number | string
    readonly owner: string | null | undefined
    readonly until: Date | bigint
    readonly note: string | null | undefined
    readonly revoked: bigint | number | string | null | undefined
  }
  return {
    fence: toBigInt(fence),
    owner: owner ?? null,
    untilMs: toDate(until).getTime(),
    note: note ?? '',
    revokedUs: toBigInt(revoked ?? 0n),
  }
}

function nextFence(state: LeaseState | undefined, nowUs: bigint, fenceSpan: number): bigint {
  const next = (state?.fence ?? 0n) + BigInt(fenceSpan)
  return next > nowUs ? next : nowUs
}
