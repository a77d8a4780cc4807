import {
  type LwtMachine,
  type LwtStep,
  LwtTable,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toDate,
} from '../../kernel/index.ts'
import type { UnknownColumns } from '../../types/index.ts'
import type { Clock } from '../../util/index.ts'
import { leaseMsMax } from './lease-times.ts'

/** The permits of one name: until when each holder has its own, in milliseconds since the epoch. */
export type SemaphoreState = ReadonlyMap<string, number>

export type SemaphoreAsk =
  | {
      readonly kind: 'acquire' | 'extend'
      /** UUID, new for every permit. */
      readonly owner: string
      readonly limit: number
      readonly ttlMs: number
      readonly nowMs: number
      /** How far clocks may be apart: a permit of another is over only this long after its end. */
      readonly errorMs: number
    }
  | {
      readonly kind: 'release'
      readonly owner: string
      /** Whether the acquisition may still arrive: the row is written, so that it is refused. */
      readonly mayArrive?: boolean | undefined
    }
  | { readonly kind: 'count'; readonly nowMs: number; readonly errorMs: number }

export interface SemaphoreAnswer {
  /** Whether the asking owner holds a permit afterwards. */
  readonly holds: boolean
  /** For a release: whether the asking owner held a permit before. */
  readonly wasHeld?: boolean
  /** Permits that are held. */
  readonly count: number
  /** When the first of them ends, unless it is extended. */
  readonly freeMs: number
}

const noPermits: SemaphoreState = new Map()
/** Rows outlive their permits by this, for processes whose clocks are behind. */
const slackSeconds = 60

/** The rules of a semaphore: never more holders than the limit. */
export const semaphoreMachine: LwtMachine<SemaphoreState, SemaphoreAsk, SemaphoreAnswer> = {
  step(state, ask): LwtStep<SemaphoreState, SemaphoreAnswer> {
    const before = state ?? noPermits
    if (ask.kind === 'release') {
      const wasHeld = before.has(ask.owner)
      if (!wasHeld && ask.mayArrive !== true) {
        return { state, answer: answerOf(before, false), maxAgeMs: 0 }
      }
      const after = new Map(before)
      after.delete(ask.owner)
      return { state: after, answer: { ...answerOf(after, false), wasHeld } }
    }
    const { nowMs, errorMs } = ask
    const live = new Map([...before].filter(([, untilMs]) => untilMs + errorMs >= nowMs))
    if (ask.kind === 'count') return { state, answer: answerOf(live, false), maxAgeMs: 0 }
    const { owner, limit, ttlMs } = ask
    // The row may contain the permit already, when the answer of its write was lost.
    const mayHold = live.has(owner) || (ask.kind === 'acquire' && live.size < limit)
    if (!mayHold) return { state, answer: answerOf(live, false), maxAgeMs: 0 }
    live.set(owner, Math.max(live.get(owner) ?? 0, nowMs + ttlMs))
    return { state: live, answer: answerOf(live, true) }
  },
}

function answerOf(state: SemaphoreState, holds: boolean): SemaphoreAnswer {
  return { holds, count: state.size, freeMs: Math.min(...state.values()) }
}

/** The table of semaphores. */
export function semaphoreTable(name: string): TableDefinition {
  return {
    name,
    columns: { name: 'text', permits: 'frozen<map<uuid, timestamp>>', op: 'uuid' },
    partitionKey: ['name'],
    writes: 'conditional',
    ttlSeconds: leaseMsMax / 1_000 + slackSeconds,
    // A row that has lost its last permits lives shorter than what it replaces: a node that missed
    // it must not revive that.
    hasDeletions: true,
  }
}

export function semaphoreRows(
  runner: PreparedStatementRunner,
  name: string,
  clock: Clock,
): LwtTable<string, SemaphoreState> {
  return new LwtTable(runner, {
    table: tableText(name),
    keyColumns: ['name'],
    stateColumns: ['permits'],
    keyValues: (key) => [key],
    encode: (state) => [new Map(Array.from(state, ([owner, ms]) => [owner, new Date(ms)]))],
    decode: decodePermits,
    ttlSeconds: (state) => {
      const lastMs = Math.max(0, ...state.values())
      return Math.ceil(Math.max(0, lastMs - clock.nowMs()) / 1_000) + slackSeconds
    },
  })
}

function decodePermits(row: UnknownColumns): SemaphoreState {
  const { permits } = row as { readonly permits: ReadonlyMap<string, Date | bigint> }
  return new Map(Array.from(permits, ([owner, until]) => [owner, toDate(until).getTime()]))
}
