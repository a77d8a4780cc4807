import { TsyllaError } from '../../errors/index.ts'
import { ActiveMap, Backoff, LwtRetry, WaitingCaller, WriteStamps } from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import { type CellRows, nameOf, type WindowKey } from './cell-rows.ts'
import { refusedFromMemoryMs } from './limit-machine.ts'

/** What requests with the strategy `quorum` need. */
export interface QuorumSettings extends Pick<Runtime, 'clock' | 'random' | 'randomBytes'> {
  readonly rows: CellRows
  readonly timeoutMs: number
}

export interface QuorumDemand {
  readonly limit: number
  readonly cost: number
  /** Whether the units count although they do not fit. */
  readonly isForced: boolean
}

export interface QuorumGrant {
  readonly ok: boolean
  /** Units of the window that are counted, those of all processes, as far as known. */
  readonly used: number
}

/** A request for units of one window. */
class QuorumRequest extends WaitingCaller<QuorumGrant> {
  readonly demand: QuorumDemand

  constructor(
    demand: QuorumDemand,
    { clock, timeoutMs }: QuorumSettings,
    resolve: (granted: QuorumGrant) => void,
    reject: (error: unknown) => void,
  ) {
    const deadlineMs = clock.monotonicMs() + timeoutMs
    super({ clock, timeoutMs, deadlineMs }, resolve, reject)
    this.demand = demand
  }
}

/**
 * One window, counted without Paxos. Each process has a cell of its own, with the units that it has
 * admitted; a process that has forgotten the window, or started again, begins another cell.
 *
 * A round adds the units that are asked for to the cell, at a quorum, and **then** reads all cells,
 * at a quorum. It admits what fits beside the others' units, and takes the rest back. What cannot
 * fit beside the units that are known is not written.
 *
 * No more than the limit is admitted: of all rounds that admit something, consider the one whose
 * write was acknowledged last. Its read shares a node with the write of each of the others, so it
 * counts at least what each of them has admitted, for a cell never falls below that: its writes are
 * stamped here, so that one that arrives late loses. What it admits itself fits beside all that.
 * Rounds that run at the same time may see each other's units before these are taken back, so fewer
 * than the limit can be admitted, never more.
 */
class QuorumWindow {
  readonly id: WindowKey
  readonly #cell: string
  readonly #stamps = new WriteStamps()
  #waiting: QuorumRequest[] = []
  #isRunning = false
  /** Units that this process has admitted, or may have counted. */
  #own = 0
  /** The value that the cell has, or may have. */
  #written = 0
  /** Units of the others in the last read. */
  #others = 0
  /** When that was sent, by the monotonic clock. */
  #othersMs = Number.NEGATIVE_INFINITY

  constructor(id: WindowKey, cell: string) {
    this.id = id
    this.#cell = cell
  }

  take(demand: QuorumDemand, settings: QuorumSettings, onIdle: () => void): Promise<QuorumGrant> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new QuorumRequest(demand, settings, resolve, reject))
      if (!this.#isRunning) void this.#run(settings, onIdle)
    })
  }

  /** Gives back units that this process has admitted; other processes soon see it. */
  refund(cost: number, settings: QuorumSettings, onIdle: () => void): void {
    this.#own = Math.max(0, this.#own - cost)
    if (!this.#isRunning) void this.#run(settings, onIdle)
  }

  async #run(settings: QuorumSettings, onIdle: () => void): Promise<void> {
    this.#isRunning = true
    // A turn of the microtask queue lets requests of the same moment join the first round.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const round = this.#waiting.filter(({ isSettled }) => !isSettled)
      this.#waiting = []
      try {
        if (round.length > 0) await this.#serve(round, settings)
      } catch (error) {
        for (const request of round) request.reject(TsyllaError.is(error) ? error.copy() : error)
      }
    }
    // Nobody waits for the surplus to be taken back; the next round would do it too.
    let hasFailed = false
    while (this.#written > this.#own && this.#waiting.length === 0 && !hasFailed) {
      await this.#write(this.#own, settings, settings.timeoutMs).catch(() => (hasFailed = true))
    }
    this.#isRunning = false
    if (this.#waiting.length > 0) void this.#run(settings, onIdle)
    else onIdle()
  }

  async #serve(round: readonly QuorumRequest[], settings: QuorumSettings): Promise<void> {
    const { clock } = settings
    if (this.#isExhausted(round, clock.monotonicMs())) return this.#admit(round)
    const lastDeadlineMs = round.reduce((last, { deadlineMs }) => Math.max(last, deadlineMs), 0)
    const timeoutMs = Math.max(1, lastDeadlineMs - clock.monotonicMs())
    const backoff = new Backoff({ ...settings, timeoutMs })
    const retry = new LwtRetry(backoff)
    const demanding = await this.#refuseMisfits(round, settings, backoff, retry)
    if (demanding.length === 0) return
    const asked = demanding.reduce((sum, { demand }) => sum + demand.cost, 0)
    for (const request of demanding) request.isMaybeApplied = true
    const reserved = this.#own + asked
    for (;;) {
      try {
        await this.#write(reserved, settings, backoff.startAttempt())
        break
      } catch (error) {
        await this.#retryOrCount(retry, error, reserved)
      }
    }
    await this.#readOthers(reserved, settings, backoff, retry)
    this.#admit(demanding)
  }

  /**
   * Refuses, before anything is written, what does not fit beside the units that are known: units
   * that are asked for in vain keep other processes from theirs as long as they are in the cell.
   *
   * @returns the requests that may fit
   */
  async #refuseMisfits(
    round: readonly QuorumRequest[],
    settings: QuorumSettings,
    backoff: Backoff,
    retry: LwtRetry,
  ): Promise<readonly QuorumRequest[]> {
    const misfits = round.filter(({ demand }) => !this.#mayFit(demand))
    if (misfits.length === 0) return round
    const ageMs = settings.clock.monotonicMs() - this.#othersMs
    // What is left to others may have become more, and an answer says how much is left.
    const neverFits = misfits.every(({ demand }) => this.#own + demand.cost > demand.limit)
    if (!neverFits || ageMs >= refusedFromMemoryMs) {
      await this.#readOthers(this.#own, settings, backoff, retry)
    }
    const fitting: QuorumRequest[] = []
    for (const request of round) {
      // One that has given up meanwhile has written nothing.
      if (request.isSettled) continue
      if (this.#mayFit(request.demand)) fitting.push(request)
      else request.resolve({ ok: false, used: this.#own + this.#others })
    }
    return fitting
  }

  #mayFit({ limit, cost, isForced }: QuorumDemand): boolean {
    return isForced || this.#own + this.#others + cost <= limit
  }

  /** @param reserved what this process may have counted when the read fails */
  async #readOthers(
    reserved: number,
    { clock, rows }: QuorumSettings,
    backoff: Backoff,
    retry: LwtRetry,
  ): Promise<void> {
    for (;;) {
      try {
        const sentMs = clock.monotonicMs()
        const cells = await rows.read(this.id, backoff.startAttempt())
        this.#others = 0
        for (const [cell, units] of cells) if (cell !== this.#cell) this.#others += units
        this.#othersMs = sentMs
        return
      } catch (error) {
        await this.#retryOrCount(retry, error, reserved)
      }
    }
  }

  /** Units whose admission cannot be decided count as used, for their requests report a failure. */
  async #retryOrCount(retry: LwtRetry, error: unknown, reserved: number): Promise<void> {
    try {
      await retry.retryOrThrow(error)
    } catch (failure) {
      if (TsyllaError.is(failure) && failure.outcome === 'unknown') this.#own = reserved
      throw failure
    }
  }

  /** Whether nothing is left for any of the requests, as far as is known since a short time. */
  #isExhausted(round: readonly QuorumRequest[], nowMs: number): boolean {
    const others = nowMs - this.#othersMs < refusedFromMemoryMs ? this.#others : 0
    return round.every(({ demand }) => !demand.isForced && this.#own + others >= demand.limit)
  }

  #admit(round: readonly QuorumRequest[]): void {
    for (const request of round) {
      const { limit, cost, isForced } = request.demand
      const ok = this.#own + this.#others + cost <= limit
      // Units of a request that has given up are not taken back: its outcome is unknown.
      if (ok || isForced || request.isSettled) this.#own += cost
      request.resolve({ ok, used: this.#own + this.#others })
    }
  }

  async #write(units: number, { rows, clock }: QuorumSettings, timeoutMs: number): Promise<void> {
    const stampUs = this.#stamps.next(clock.nowMs())
    await rows.write(this.id, { process: this.#cell, units, stampUs }, timeoutMs)
    this.#written = units
  }
}

/** Windows without requests whose cells are remembered. */
const knownCountMax = 10_000

/** The windows of one table that this process counts in with the strategy `quorum`. */
export class QuorumStrategy {
  readonly #windows = new ActiveMap<QuorumWindow>(
    knownCountMax,
    ({ id }, nowMs) => (id.window + 1) * id.windowMs <= nowMs,
  )

  async take(id: WindowKey, demand: QuorumDemand, settings: QuorumSettings): Promise<QuorumGrant> {
    const name = nameOf(id)
    const create = (): QuorumWindow => new QuorumWindow(id, randomUuid(settings).text)
    const window = this.#windows.activate(name, create)
    return await window.take(demand, settings, () => this.#onIdle(name, settings))
  }

  refund(id: WindowKey, cost: number, settings: QuorumSettings): void {
    const name = nameOf(id)
    const known = this.#windows.peek(name)
    if (known === undefined) return
    this.#windows.activate(name, () => known)
    known.refund(cost, settings, () => this.#onIdle(name, settings))
  }

  #onIdle(name: string, { clock }: QuorumSettings): void {
    this.#windows.rest(name, clock.nowMs())
  }
}
