import {
  LwtTable,
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
  toDate,
  ttlSecondsMaxAt,
} from '../../kernel/index.ts'
import type { UnknownColumns } from '../../types/index.ts'
import type { Clock } from '../../util/index.ts'
import { type LimitState, slackMs } from './limit-machine.ts'

/** The table of the strategy `exact`. */
export function limitTable(name: string): TableDefinition {
  return {
    name,
    columns: {
      key: 'text',
      counts: 'frozen<map<text, frozen<list<bigint>>>>',
      blocked_until: 'timestamp',
      past_at: 'timestamp',
      op: 'uuid',
    },
    partitionKey: ['key'],
    writes: 'conditional',
    ttlSeconds: 0,
  }
}

export function limitRows(
  runner: PreparedStatementRunner,
  name: string,
  clock: Clock,
): LwtTable<string, LimitState> {
  return new LwtTable(runner, {
    table: tableText(name),
    keyColumns: ['key'],
    stateColumns: ['counts', 'blocked_until', 'past_at'],
    keyValues: (key) => [key],
    encode: ({ counts, blockedUntilMs, pastMs }) => [
      new Map(Array.from(counts, ([id, numbers]) => [id, numbers.map(BigInt)])),
      new Date(blockedUntilMs),
      new Date(pastMs),
    ],
    decode: decodeState,
    ttlSeconds: ({ pastMs }) => {
      const seconds = Math.ceil((Math.max(0, pastMs - clock.nowMs()) + slackMs) / 1_000)
      return Math.min(seconds, ttlSecondsMaxAt(clock))
    },
  })
}

function decodeState(row: UnknownColumns): LimitState {
  const { counts, blocked_until, past_at } = row as {
    readonly counts: ReadonlyMap<string, readonly (bigint | number | string)[]>
    readonly blocked_until: Date | bigint
    readonly past_at: Date | bigint
  }
  return {
    counts: new Map(
      Array.from(counts, ([id, numbers]) => [id, numbers.map((one) => Number(toBigInt(one)))]),
    ),
    blockedUntilMs: toDate(blocked_until).getTime(),
    pastMs: toDate(past_at).getTime(),
  }
}
