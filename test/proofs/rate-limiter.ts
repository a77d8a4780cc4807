/** Proofs of the guarantees of `RateLimiter`. */
import { RateLimiter, type RateLimiterOptions } from '../../src/patterns.ts'
import { wrapExecutor, type Executor, type Session } from '../../src/index.ts'
import { checkLinearizable, foldInvariant, type HistoryModel } from '../../src/testing.ts'
import { type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

interface Take {
  readonly cost: number
}
interface Taken {
  readonly ok: boolean
  /** Identifies the window. */
  readonly resetMs: number
  /** The date of the caller. */
  readonly nowMs: number
}
type TakeOperation = RecordedOperation<Take, Taken>

const limit = 100
const per = '1d'
const file = 'test/proofs/rate-limiter.ts'
const common = { pattern: 'RateLimiter', file } as const
const faults = {
  ...{ lostResponses: 0.15, delays: 0.2, delayMsMax: 40, resets: 0.01 },
  ...{ kill: true, pauseMs: 700, skewMs: 5_000, jumps: true, killNode: true },
}

/** Limiters by session and options: callers of one process share one. */
const limiters = new WeakMap<Executor, Map<string, RateLimiter>>()

function limiterOf({ session, clock }: ProofWork, options: RateLimiterOptions): RateLimiter {
  const name = JSON.stringify(options)
  const ofSession = limiters.get(session) ?? new Map<string, RateLimiter>()
  limiters.set(session, ofSession)
  const limiter = ofSession.get(name) ?? new RateLimiter(session, { ...options, clock })
  ofSession.set(name, limiter)
  return limiter
}

async function createTables(session: Session): Promise<void> {
  await new RateLimiter(session).createTables()
  await new RateLimiter(session, { strategy: 'quorum' }).createTables()
}

/**
 * Calls a limiter and returns the date that it has read for the call, which it does before it waits
 * for anything: a process that is stopped between two looks at the clock would see two dates.
 */
function datedBy<Result>(
  { clock }: ProofWork,
  call: () => Result,
): { readonly result: Result; readonly nowMs: number } {
  const dates: number[] = []
  const readDate = clock.nowMs.bind(clock)
  clock.nowMs = () => {
    const nowMs = readDate()
    dates.push(nowMs)
    return nowMs
  }
  try {
    const result = call()
    return { result, nowMs: dates[0]! }
  } finally {
    clock.nowMs = readDate
  }
}

/** All callers take units of every key once. */
async function takeOnce(
  work: ProofWork,
  options: RateLimiterOptions,
  costOf: () => number,
  keys: readonly string[] = work.keys,
): Promise<void> {
  const limiter = limiterOf(work, options)
  const calls = keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async () => {
      const cost = costOf()
      await work.record<Taken>(key, { cost } satisfies Take, async () => {
        const { result, nowMs } = datedBy(work, () => limiter.take(key, { cost }))
        const { ok, resetAt } = await result
        return { ok, resetMs: resetAt.getTime(), nowMs }
      })
    }),
  )
  await Promise.all(calls)
}

/** Admitted operations in the order in which they were answered. */
function admitted(history: readonly RecordedOperation[]): readonly TakeOperation[] {
  return (history as readonly TakeOperation[])
    .filter(({ output }) => output?.ok === true)
    .sort((a, b) => (a.return ?? 0) - (b.return ?? 0))
}

/** L1: per window, at most the limit is admitted. */
export function overLimit(history: readonly RecordedOperation[], limit: number): readonly string[] {
  const violations = foldInvariant(
    admitted(history),
    new Map<number, number>(),
    (sums, { input, output }) => {
      const { resetMs } = output!
      return new Map(sums).set(resetMs, (sums.get(resetMs) ?? 0) + input.cost)
    },
    (sums) => Math.max(...sums.values()) <= limit || `more than ${limit} units are admitted`,
  )
  return violations.map(({ reason }) => reason)
}

/** L2: the limiter as an object that admits exactly while units fit. */
const exactModel: HistoryModel<number, Take, Taken> = {
  initial: () => 0,
  step(used, { cost }, output) {
    const fits = used + cost <= limit
    if (output === undefined) return fits ? [used + cost] : [used]
    if (output.ok !== fits) return []
    return fits ? [used + cost] : [used]
  },
}

/**
 * Takes once, and records how many conditional writes of the process had no certain answer: servers
 * report so when writes of several processes compete, without any other fault.
 */
async function takeWithAnswers(work: ProofWork): Promise<void> {
  const options = { limit, per, timeout: '30s' } as const
  const limiter = limiterOf(work, options)
  const before = limiter.stats().lwt?.ambiguousWrites ?? 0
  await takeOnce(work, options, () => 1)
  const after = limiter.stats().lwt?.ambiguousWrites ?? 0
  for (const key of work.keys) await work.record(key, 'ambiguous', async () => after - before)
}

const gcra = { limit: 50, windowMs: 10_000, burst: 20 }
/** Dates are whole milliseconds. */
const gcraErrorMs = 1

/** L3: a bucket that leaks one unit per period, filled by what was admitted. */
function overRate(history: readonly RecordedOperation[]): readonly string[] {
  const unitsPerMs = gcra.limit / gcra.windowMs
  const byDate = admitted(history).toSorted((a, b) => a.output!.nowMs - b.output!.nowMs)
  const violations = foldInvariant(
    byDate,
    { level: 0, atMs: 0 },
    ({ level, atMs }, { input, output }) => {
      const { nowMs } = output!
      const leaked = Math.max(0, level - (nowMs - atMs) * unitsPerMs)
      return { level: leaked + input.cost, atMs: nowMs }
    },
    ({ level }) => {
      const bound = gcra.burst + gcraErrorMs * unitsPerMs
      return level <= bound || `${level} units are in a bucket of ${gcra.burst}`
    },
  )
  return violations.map(({ reason }) => reason)
}

/** L4: what is counted, compared with what callers were told. Of keys that one process uses. */
async function miscounted(
  key: string,
  history: readonly RecordedOperation[],
  session: Session,
): Promise<readonly string[]> {
  const takes = history as readonly TakeOperation[]
  const costs = (of: readonly TakeOperation[]): number =>
    of.reduce((sum, { input }) => sum + input.cost, 0)
  const open = takes.filter(({ output, error }) => {
    return output === undefined && error?.outcome !== 'not_applied'
  })
  const { remaining } = await new RateLimiter(session, { limit, per }).peek(key)
  const used = limit - remaining
  const least = costs(admitted(history))
  const most = Math.min(limit, least + costs(open))
  if (used >= least && used <= most) return []
  return [`${used} units are counted; callers know of ${least}, and of at most ${most} in all`]
}

interface Burst {
  readonly conditionalWrites: number
  readonly inFlightMax: number
}

/** L6: one burst of all callers of a process on a key of its own. */
async function burst(work: ProofWork): Promise<void> {
  let inFlight = 0
  let inFlightMax = 0
  const counting = wrapExecutor(
    work.session,
    async (call, next) => {
      const isWrite = call.verb === 'executePrepared' && / IF /.test(call.prepared.getStatement())
      if (!isWrite) return await next(call)
      inFlightMax = Math.max(inFlightMax, ++inFlight)
      return await next(call).finally(() => inFlight--)
    },
    { isolated: true },
  )
  const limiter = new RateLimiter(counting, { limit, per, clock: work.clock })
  for (const key of work.keys) {
    inFlightMax = 0
    const before = limiter.stats().lwt?.conditionalWrites ?? 0
    await work.record<Burst>(key, 'burst', async () => {
      const name = `${key}/${work.process}`
      await Promise.all(Array.from({ length: work.callerCount }, () => limiter.take(name)))
      const after = limiter.stats().lwt?.conditionalWrites ?? 0
      return { conditionalWrites: after - before, inFlightMax }
    })
  }
}

function tooManyWrites(history: readonly RecordedOperation[]): readonly string[] {
  return (history as readonly RecordedOperation<string, Burst>[]).flatMap(({ output, error }) => {
    if (output === undefined) return [`the burst has failed: ${error?.code ?? 'no answer'}`]
    const { conditionalWrites, inFlightMax } = output
    if (conditionalWrites <= 2 && inFlightMax <= 1) return []
    return [`${conditionalWrites} conditional writes, ${inFlightMax} at a time, for one burst`]
  })
}

const timeoutMs = 2_000

export const rateLimiterProofs: readonly Proof[] = [
  ...(['exact', 'quorum'] as const).map(
    (strategy): Proof => ({
      ...common,
      id: 'L1',
      variant: strategy,
      guarantee: `At most the limit is admitted per key and window, strategy \`${strategy}\``,
      ...{ faults, keyCount: 8, roundCount: 3, createTables },
      work: (work) =>
        takeOnce(
          work,
          { strategy, limit, per, timeout: scaled(work, timeoutMs) },
          () => 1 + Math.floor(work.random() * 3),
        ),
      check: async (_, history) => overLimit(history, limit),
    }),
  ),
  {
    ...common,
    id: 'L2',
    guarantee:
      'Exactly min(limit, demand) is admitted while every write has an answer, and the limiter is linearizable',
    ...{ faults: {}, keyCount: 4, roundCount: 6, requestTimeoutMs: 5_000, createTables },
    work: takeWithAnswers,
    async check(_, history) {
      if (history.some(({ input, output }) => input === 'ambiguous' && output !== 0))
        return undefined
      const takes = history.filter(({ input }) => input !== 'ambiguous') as readonly TakeOperation[]
      const count = admitted(takes).length
      const expected = Math.min(limit, takes.length)
      const result = checkLinearizable(takes, exactModel)
      return [
        ...(count === expected ? [] : [`${count} are admitted, not ${expected}`]),
        ...(result.ok ? [] : [result.explanation]),
      ]
    },
  },
  {
    ...common,
    id: 'L3',
    guarantee: 'In every interval t at most burst + t × limit / window is admitted (`gcra`)',
    faults: { ...faults, jumps: false },
    ...{ keyCount: 8, roundCount: 3, createTables },
    async work(work) {
      const { limit, burst, windowMs } = gcra
      const timeout = scaled(work, timeoutMs)
      const options = { limit, per: windowMs, burst, algorithm: 'gcra', timeout } as const
      for (let i = 0; i < 2; i++) await takeOnce(work, options, () => 1)
    },
    check: async (_, history) => overRate(history),
  },
  {
    ...common,
    id: 'L4',
    guarantee: 'A result that is not known counts as used; one that is `not_applied` does not',
    faults: { lostResponses: 0.4, delays: 0.2, delayMsMax: 60, resets: 0.05 },
    ...{ keyCount: 16, roundCount: 3, callerCount: 16, createTables },
    work: (work) => {
      // A process has keys of its own, so that nothing is counted twice after a lost race.
      const own = work.keys.filter((_, i) => i % 4 === work.process % 4)
      return takeOnce(work, { limit, per, timeout: scaled(work, 300) }, () => 1, own)
    },
    check: miscounted,
  },
  {
    ...common,
    id: 'L6',
    guarantee: 'One conditional write in flight per key and process; a burst needs at most two',
    ...{ faults: {}, keyCount: 4, roundCount: 6, requestTimeoutMs: 5_000, createTables },
    work: burst,
    check: async (_, history) => tooManyWrites(history),
  },
]
