import { ConfigError, type Executor, type UnknownColumns } from '../index.ts'
import {
  checkTableName,
  LwtClient,
  type LwtMachine,
  type LwtStep,
  LwtTable,
  tableText,
  toBigInt,
  ttlSecondsMaxAt,
} from '../kernel/index.ts'
import { HybridClock, type TableDefinition } from '../patterns.ts'

/** The points of a key; `endsMs` is 0 for a key that never expires. */
interface Points {
  readonly points: number
  readonly endsMs: number
}

/** What a call for a key returns. */
export interface PointsEntry extends Points {
  readonly nowMs: number
}

type PointsAsk =
  | {
      readonly kind: 'add' | 'set'
      readonly points: number
      readonly durationMs: number
      readonly nowMs: number
    }
  | { readonly kind: 'get'; readonly nowMs: number }
  | { readonly kind: 'delete'; readonly nowMs: number }

/** What is counted of the key after a call, and before one that deletes. */
type PointsAnswer = Points | undefined

/** The deadline of a call. */
const timeoutMs = 10_000
/** Rows outlive their keys by this, for processes whose clocks are behind. */
const slackSeconds = 60
const deleted: Points = { points: 0, endsMs: 1 }

/** The rules of a key: points are added until the key ends, and begin again after that. */
const pointsMachine: LwtMachine<Points, PointsAsk, PointsAnswer> = {
  step(state, ask): LwtStep<Points, PointsAnswer> {
    const { nowMs } = ask
    const live = state !== undefined && isLive(state, nowMs) ? state : undefined
    if (ask.kind === 'get') return { state, answer: live, maxAgeMs: 0 }
    if (ask.kind === 'delete') {
      if (live === undefined) return { state, answer: undefined, maxAgeMs: 0 }
      return { state: deleted, answer: live }
    }
    const { points, durationMs } = ask
    const after =
      live === undefined || ask.kind === 'set'
        ? { points, endsMs: durationMs > 0 ? Math.ceil(nowMs + durationMs) : 0 }
        : { points: live.points + points, endsMs: live.endsMs }
    return { state: after, answer: after }
  },
  isPast: (state, nowMs) => !isLive(state, nowMs),
}

/** The points of keys, changed by conditional writes alone, which calls that wait share. */
export class PointsRows {
  readonly executor: Executor
  readonly #table: string
  readonly #clock: HybridClock
  readonly #client: LwtClient<string, Points, PointsAsk, PointsAnswer>

  constructor(executor: Executor, table: string) {
    this.executor = executor
    this.#table = checkTableName(table)
    const clock = new HybridClock(executor)
    this.#clock = clock
    this.#client = new LwtClient(executor, {
      ...{ kind: 'points', machine: pointsMachine, timeoutMs, clock },
      serialConsistency: 'LOCAL_SERIAL',
      createRows: (runner) =>
        new LwtTable(runner, {
          table: tableText(table),
          keyColumns: ['key'],
          stateColumns: ['points', 'ends_ms'],
          keyValues: (key) => [key],
          encode: ({ points, endsMs }) => [BigInt(points), BigInt(endsMs)],
          decode: decodePoints,
          ttlSeconds: ({ endsMs }) => ttlSecondsOf(endsMs, clock),
        }),
    })
  }

  tableDefinitions(): readonly TableDefinition[] {
    const columns = { key: 'text', points: 'bigint', ends_ms: 'bigint', op: 'uuid' }
    return [{ name: this.#table, columns, partitionKey: ['key'], writes: 'conditional' }]
  }

  async get(key: string): Promise<PointsEntry | null> {
    const nowMs = this.#clock.nowMs()
    const found = await this.#client.submit(key, key, { kind: 'get', nowMs })
    return found === undefined ? null : { ...found, nowMs }
  }

  async delete(key: string): Promise<boolean> {
    const ask = { kind: 'delete', nowMs: this.#clock.nowMs() } as const
    return (await this.#client.submit(key, key, ask)) !== undefined
  }

  /** Adds points to a key, or sets them when the call is forced or the key is not there. */
  async upsert(
    key: string,
    points: number,
    durationMs: number,
    isForced: boolean,
  ): Promise<PointsEntry> {
    if (!Number.isSafeInteger(points)) throw new ConfigError('points must be a whole number')
    const nowMs = this.#clock.nowMs()
    const ask = { kind: isForced ? 'set' : 'add', points, durationMs, nowMs } as const
    const after = await this.#client.submit(key, key, ask)
    return { ...after!, nowMs }
  }
}

function decodePoints(row: UnknownColumns): Points {
  const { points, ends_ms } = row as Record<'points' | 'ends_ms', bigint | number | string>
  return { points: Number(toBigInt(points)), endsMs: Number(toBigInt(ends_ms)) }
}

function isLive({ endsMs }: Points, nowMs: number): boolean {
  return endsMs === 0 || endsMs > nowMs
}

function ttlSecondsOf(endsMs: number, clock: HybridClock): number {
  if (endsMs === 0) return 0
  const seconds = Math.ceil(Math.max(0, endsMs - clock.nowMs()) / 1_000) + slackSeconds
  return Math.min(seconds, ttlSecondsMaxAt(clock))
}
