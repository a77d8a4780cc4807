import { TsyllaError } from '../errors/index.ts'
import { randomUuid } from '../types/index.ts'
import type { Clock, Runtime } from '../util/index.ts'
import { Backoff } from './backoff.ts'
import type { LwtMachine, LwtRows, LwtStep, LwtVersion } from './lwt-machine.ts'
import { LwtRetry } from './lwt-retry.ts'
import { WaitingCaller } from './waiting-caller.ts'

/** How a request is executed. Requests with equal settings share a write. */
export interface LwtSettings<Key, State> extends Pick<Runtime, 'clock' | 'random' | 'randomBytes'> {
  readonly rows: LwtRows<Key, State>
  /** The caller's own timeout, for errors. */
  readonly timeoutMs: number
  readonly serialConsistency: string
}

/** What happened to the rows of one executor since it exists. */
export interface LwtCounters {
  /** Requests that were submitted. */
  requests: number
  /** Conditional writes that were sent, repetitions included. */
  conditionalWrites: number
  /** Writes that found another version than they expected. */
  conflicts: number
  /** Writes whose answer was lost or ambiguous, which a serial read resolves. */
  ambiguousWrites: number
  /** Serial reads. */
  serialReads: number
}

/** A request that waits for its answer. */
class LwtRequest<Key, State, Ask, Answer> extends WaitingCaller<Answer> {
  readonly ask: Ask
  readonly settings: LwtSettings<Key, State>

  constructor(
    ask: Ask,
    settings: LwtSettings<Key, State>,
    deadlineMs: number,
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
  ) {
    const { clock, timeoutMs } = settings
    super({ clock, timeoutMs, deadlineMs }, resolve, reject)
    this.ask = ask
    this.settings = settings
  }
}

/** The steps of a round of requests, one after another. */
interface Fold<State, Answer> {
  readonly state: State | undefined
  /** Nothing for requests that have failed. */
  readonly answers: readonly (Answer | undefined)[]
  /** Whether the request at the same index changes the state. */
  readonly changes: readonly boolean[]
  readonly hasChanges: boolean
  /** How old the state may be for these answers to be given without a write. */
  readonly maxAgeMs: number
}

/**
 * The row of one key as this process knows it. One conditional write is in flight at a time;
 * requests that come meanwhile wait, and the next write contains all of them. It costs nothing,
 * because the server runs the conditional writes of a partition one by one anyway, and callers of
 * one process do not outbid each other's Paxos ballots.
 */
export class LwtRegister<Key, State, Ask, Answer> {
  readonly key: Key
  readonly #machine: LwtMachine<State, Ask, Answer>
  readonly #counters: LwtCounters
  #waiting: LwtRequest<Key, State, Ask, Answer>[] = []
  #isRunning = false
  /** The last version that the server reported. */
  #known: LwtVersion<State> | undefined
  /** When it was asked for that version, by the monotonic clock. */
  #knownMs = Number.NEGATIVE_INFINITY
  /** The clock that this is measured by: those of other callers may count from another origin. */
  #knownClock: Clock | undefined

  constructor(key: Key, machine: LwtMachine<State, Ask, Answer>, counters: LwtCounters) {
    this.key = key
    this.#machine = machine
    this.#counters = counters
  }

  /** The last state that the server reported. */
  get state(): State | undefined {
    return this.#known?.state
  }

  /**
   * @param deadlineMs by the monotonic clock
   * @param onIdle called when no request waits any more
   */
  submit(
    ask: Ask,
    settings: LwtSettings<Key, State>,
    deadlineMs: number,
    onIdle: () => void,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new LwtRequest(ask, settings, deadlineMs, resolve, reject))
      if (!this.#isRunning) void this.#run(onIdle)
    })
  }

  /** Serves all requests, round by round; those that come meanwhile join the next round. */
  async #run(onIdle: () => void): Promise<void> {
    this.#isRunning = true
    // A turn of the microtask queue lets requests of the same moment join the first round.
    await Promise.resolve()
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const { settings } = first
      const { round, rest } = splitRound(this.#waiting, settings)
      this.#waiting = rest
      try {
        await this.#serve(round, settings)
      } catch (error) {
        for (const request of round) request.reject(TsyllaError.is(error) ? error.copy() : error)
      }
    }
    this.#isRunning = false
    onIdle()
  }

  /**
   * Answers the requests of a round. A request whose deadline passes leaves the round, which goes
   * on for the others.
   *
   * @throws what the database fails with, when no answer can be given
   */
  async #serve(
    requests: readonly LwtRequest<Key, State, Ask, Answer>[],
    settings: LwtSettings<Key, State>,
  ): Promise<void> {
    const { clock } = settings
    const lastDeadlineMs = requests.reduce((last, { deadlineMs }) => Math.max(last, deadlineMs), 0)
    const timeoutMs = Math.max(0, lastDeadlineMs - clock.monotonicMs())
    const backoff = new Backoff({ ...settings, timeoutMs })
    const retry = new LwtRetry(backoff)
    for (let isCurrent = false; ; isCurrent = true) {
      const round = requests.filter(({ isSettled }) => !isSettled)
      if (round.length === 0) return
      const fold = this.#fold(round)
      if (fold.hasChanges) {
        const before = this.#known
        if (await this.#replace(fold, round, settings, backoff, retry)) return settle(round, fold)
        if (backoff.isExpired) throw retry.timeout()
        if (this.#known?.op === before?.op) await backoff.pause()
      } else {
        const ageMs = this.#ageMs(clock)
        if (isCurrent || ageMs < fold.maxAgeMs) return settle(round, fold)
        await this.#refresh(settings, backoff, retry)
      }
    }
  }

  #fold(round: readonly LwtRequest<Key, State, Ask, Answer>[]): Fold<State, Answer> {
    let state = this.#known?.state
    let hasChanges = false
    let maxAgeMs = Number.POSITIVE_INFINITY
    const answers: (Answer | undefined)[] = []
    const changes: boolean[] = []
    for (const request of round) {
      const step = this.#stepOrReject(state, request)
      const isChange = step.state !== state
      hasChanges ||= isChange
      maxAgeMs = Math.min(maxAgeMs, step.maxAgeMs ?? maxAgeMs)
      answers.push(step.answer)
      changes.push(isChange)
      state = step.state
    }
    return { state, answers, changes, hasChanges, maxAgeMs }
  }

  /** A step that throws concerns its own request only, which then changes nothing. */
  #stepOrReject(
    state: State | undefined,
    request: LwtRequest<Key, State, Ask, Answer>,
  ): LwtStep<State, Answer | undefined> {
    try {
      return this.#machine.step(state, request.ask, request.isMaybeApplied)
    } catch (error) {
      request.reject(error)
      return { state, answer: undefined }
    }
  }

  /** How long ago the server reported what is known. */
  #ageMs(clock: Clock): number {
    if (clock !== this.#knownClock) return Number.POSITIVE_INFINITY
    return clock.monotonicMs() - this.#knownMs
  }

  /**
   * Writes the state of a fold if the row still has the version that is known.
   *
   * @returns whether it was written; otherwise the known version is that of the server
   */
  async #replace(
    { state, changes }: Fold<State, Answer>,
    round: readonly LwtRequest<Key, State, Ask, Answer>[],
    settings: LwtSettings<Key, State>,
    backoff: Backoff,
    retry: LwtRetry,
  ): Promise<boolean> {
    if (state === undefined) throw new TypeError('A step removed the state of a row')
    const { rows, clock } = settings
    const before = this.#known
    const after = { state, op: randomUuid(settings).text }
    const changing = round.filter((_, i) => changes[i])
    const wereMaybeApplied = changing.map(({ isMaybeApplied }) => isMaybeApplied)
    for (const request of changing) request.isMaybeApplied = true
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        // The write that failed may have been applied, or be applied until this read: a serial one.
        if (isRepeated) await this.#read(settings, backoff)
        if (!isRepeated || this.#known?.op === before?.op) {
          this.#counters.conditionalWrites++
          const sentMs = clock.monotonicMs()
          this.#known = await rows.write(this.key, before, after, backoff.startAttempt())
          this.#knownMs = sentMs
          this.#knownClock = clock
        }
        const isApplied = this.#known?.op === after.op
        if (!isApplied) this.#counters.conflicts++
        // A write that was never ambiguous has not been applied. One that was may have been, with
        // others after it.
        if (!isApplied && !isRepeated) {
          for (const [i, request] of changing.entries()) {
            request.isMaybeApplied = wereMaybeApplied[i] === true
          }
        }
        return isApplied
      } catch (error) {
        if (TsyllaError.is(error) && error.outcome === 'unknown') this.#counters.ambiguousWrites++
        await retry.retryOrThrow(error)
      }
    }
  }

  async #refresh(
    settings: LwtSettings<Key, State>,
    backoff: Backoff,
    retry: LwtRetry,
  ): Promise<void> {
    for (;;) {
      try {
        await this.#read(settings, backoff)
        return
      } catch (error) {
        await retry.retryOrThrow(error)
      }
    }
  }

  async #read({ rows, clock }: LwtSettings<Key, State>, backoff: Backoff): Promise<void> {
    this.#counters.serialReads++
    const sentMs = clock.monotonicMs()
    this.#known = await rows.read(this.key, backoff.startAttempt())
    this.#knownMs = sentMs
    this.#knownClock = clock
  }
}

/**
 * Splits requests into those with the settings of the first, in order, and the others. Requests
 * whose deadline has passed are in neither list.
 */
function splitRound<Key, State, Ask, Answer>(
  waiting: readonly LwtRequest<Key, State, Ask, Answer>[],
  settings: LwtSettings<Key, State>,
): {
  readonly round: LwtRequest<Key, State, Ask, Answer>[]
  readonly rest: LwtRequest<Key, State, Ask, Answer>[]
} {
  const round: LwtRequest<Key, State, Ask, Answer>[] = []
  const rest: LwtRequest<Key, State, Ask, Answer>[] = []
  for (const request of waiting) {
    if (request.isSettled) continue
    if (isAlike(request.settings, settings)) round.push(request)
    else rest.push(request)
  }
  return { round, rest }
}

function isAlike<Key, State>(a: LwtSettings<Key, State>, b: LwtSettings<Key, State>): boolean {
  if (a === b) return true
  return a.clock === b.clock && a.random === b.random && a.serialConsistency === b.serialConsistency
}

function settle<Key, State, Ask, Answer>(
  round: readonly LwtRequest<Key, State, Ask, Answer>[],
  { answers }: Fold<State, Answer>,
): void {
  for (const [i, request] of round.entries()) request.resolve(answers[i] as Answer)
}
