import { setTimeout as sleep } from 'node:timers/promises'
import { type Session, TsyllaError } from '../../src/index.ts'
import type { HistoryOperation, SkewedClock } from '../../src/testing.ts'

/** Between two attempts of what is asked for until it is answered. */
const retryMs = 20

/** What goes wrong while a guarantee is proved. Probabilities are those of one request. */
export interface ProofFaults {
  /** Responses to EXECUTE and BATCH that are lost after they were executed. */
  readonly lostResponses?: number
  readonly delays?: number
  readonly delayMsMax?: number
  readonly resets?: number
  /** One process of each run is killed with SIGKILL. */
  readonly kill?: boolean
  /** Processes are stopped with SIGSTOP this long, one after another. */
  readonly pauseMs?: number
  /** Dates of processes are wrong by up to this, in both directions. */
  readonly skewMs?: number
  /** Whether dates jump while the processes work. */
  readonly jumps?: boolean
  /** On a cluster: whether one of three nodes is killed and comes back. */
  readonly killNode?: boolean
}

/** An operation of a history; `error` when it failed. */
export interface RecordedOperation<Input = unknown, Output = unknown>
  extends HistoryOperation<Input, Output> {
  readonly key: string
  /** Index of the process. */
  readonly process: number
  /** Its code and outcome. An operation that never returned has neither output nor error. */
  readonly error?: { readonly code: string; readonly outcome: string } | undefined
}

/** One round of one process. */
export interface ProofWork {
  readonly session: Session
  readonly clock: SkewedClock
  /** Index of the process. */
  readonly process: number
  readonly callerCount: number
  /** One history each. The same in all processes. */
  readonly keys: readonly string[]
  /** Uniform in [0, 1), from the seed. */
  readonly random: () => number
  readonly machineUs: () => number
  /** How much slower the target is than one node that is not busy. */
  readonly timeScale: number
  /**
   * Records one operation: its call before `run`, its answer, or its failure, which is not thrown.
   *
   * @returns the answer of `run`; `undefined` when it failed
   */
  record<Output>(
    key: string,
    input: unknown,
    run: () => Promise<Output>,
  ): Promise<Output | undefined>
}

/** A guarantee, and how it is tried. */
export interface Proof {
  /** For example `L1`. */
  readonly id: string
  /** Distinguishes several ways to prove one guarantee, for example by strategy. */
  readonly variant?: string
  readonly pattern: string
  readonly guarantee: string
  /** From the root of the repository. */
  readonly file: string
  readonly faults: ProofFaults
  /** Histories of one round, which run at the same time. */
  readonly keyCount: number
  readonly roundCount: number
  /** Callers of each process and key. Default 64. */
  readonly callerCount?: number
  /** How long a request may take on a target that is as fast as the engine. Default 1 s. */
  readonly requestTimeoutMs?: number
  createTables(session: Session): Promise<void>
  /** What must be there for the histories; `session` has no faults. */
  prepare?(session: Session, keys: readonly string[]): Promise<void>
  /** What one process does in one round. */
  work(work: ProofWork): Promise<void>
  /**
   * What is wrong with the history of a key; `session` has no faults.
   *
   * @returns `undefined` when what the guarantee presupposes was not so: the history does not count
   */
  check(
    key: string,
    history: readonly RecordedOperation[],
    session: Session,
    timeScale: number,
  ): Promise<readonly string[] | undefined>
}

/** Name of a proof, unique. */
export function nameOfProof({ id, variant }: Pick<Proof, 'id' | 'variant'>): string {
  return variant === undefined ? id : `${id} ${variant}`
}

/** Leaves out the operations that have failed without an effect. */
export function mayHaveEffect(history: readonly RecordedOperation[]): readonly RecordedOperation[] {
  return history.filter(({ error }) => error?.outcome !== 'not_applied')
}

/** Milliseconds on a target that is as fast as the engine, for the one that is used. */
export function scaled({ timeScale }: ProofWork, ms: number): number {
  return ms * timeScale
}

/** Makes a function that returns one object per session: callers of a process share it. */
export function perSession<T>(create: (work: ProofWork) => T): (work: ProofWork) => T {
  const known = new WeakMap<Session, { readonly value: T }>()
  return (work) => {
    const { value } = known.get(work.session) ?? { value: create(work) }
    known.set(work.session, { value })
    return value
  }
}

/** Asks again for what was not answered. */
export async function insist<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      await sleep(retryMs)
    }
  }
}
