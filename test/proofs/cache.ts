/** Proofs of the guarantees of `Cache`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { foldInvariant } from '../../src/testing.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

/** What factories return: when they began, by the clock of the machine. */
interface Made {
  readonly beganUs: number
}

const common = { pattern: 'Cache', file: 'test/proofs/cache.ts' } as const
const factoryMs = 20
/** So long that a process is killed while it makes a value, and that the others wait for it. */
const longFactoryMs = 1_500
const hardTimeoutMs = 20_000

export type CacheOf = (work: ProofWork) => Cache

const patientCache = perSession(({ session, clock, timeScale }: ProofWork) => {
  return new Cache(session, { leaseTtl: 10_000 * timeScale, clock })
})
const killedCache = perSession(({ session, clock, timeScale }: ProofWork) => {
  return new Cache(session, { leaseTtl: 3_000 * timeScale, clock })
})

async function createTables(session: Session): Promise<void> {
  await new Cache(session).createTables()
}

/** Reads a value, or makes it; both are recorded. */
async function read(
  work: ProofWork,
  key: string,
  cacheOf: CacheOf = patientCache,
  makeMs = factoryMs,
): Promise<void> {
  const factory = (): Promise<Made> => make(work, key, makeMs)
  await work.record(key, 'read', () => {
    return cacheOf(work).getOrSet(key, factory, { hardTimeout: scaled(work, hardTimeoutMs) })
  })
}

/** The factory: it has an answer in the history when it was not killed. */
async function make(work: ProofWork, key: string, makeMs: number): Promise<Made> {
  const made = { beganUs: work.machineUs() }
  await work.record(key, 'factory', async () => {
    await sleep(makeMs)
    return made
  })
  return made
}

/** All callers read every key at the same time. */
export async function readAll(work: ProofWork, cacheOf: CacheOf, makeMs: number): Promise<void> {
  const reads = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, () => read(work, key, cacheOf, makeMs)),
  )
  await Promise.all(reads)
}

/**
 * C1: one factory call, and every caller has its value. A process that was killed may have called
 * the factory besides, and so may one that told its callers that the value could not be stored.
 */
export function severalMade(history: readonly RecordedOperation[]): readonly string[] {
  const calls = history.filter(({ input }) => input === 'factory')
  const reads = history.filter(({ input, output }) => input === 'read' && output !== undefined)
  const values = new Set(reads.map(({ output }) => (output as Made).beganUs))
  const failed = new Set(
    history.filter(({ output }) => output === undefined).map(({ process }) => process),
  )
  const ofFailed = calls.filter(({ process }) => failed.has(process)).length
  const ofOthers = calls.length - ofFailed
  // None: every caller was told that there is no answer.
  const least = reads.length === 0 ? 0 : 1
  const isOnce = ofOthers <= 1 && ofFailed <= failed.size && calls.length >= least
  if (isOnce && values.size <= 1) return []
  const errors = new Set(history.flatMap(({ error }) => error?.code ?? []))
  return [
    `the factory was called ${calls.length} times, ${ofFailed} times by ${failed.size} processes that were killed or have failed, callers have ${values.size} values, and ${[...errors].join(', ') || 'no error'}`,
  ]
}

/** C2: reads that began after a deletion had resolved, with a value that was begun before it. */
export function staleReads(history: readonly RecordedOperation[]): readonly string[] {
  const isDone = ({ input, output }: RecordedOperation): boolean =>
    output !== undefined && input !== 'factory'
  const events = history
    .filter(isDone)
    .map((operation) => ({
      operation,
      atUs: operation.input === 'delete' ? operation.return! : operation.call,
    }))
    .sort((a, b) => a.atUs - b.atUs)
  const violations = foldInvariant(
    events,
    { deletedUs: 0, staleUs: 0 },
    ({ deletedUs }, { operation: { input, call, output } }) =>
      input === 'delete'
        ? { deletedUs: Math.max(deletedUs, call), staleUs: 0 }
        : { deletedUs, staleUs: deletedUs - (output as Made).beganUs },
    ({ staleUs }) => staleUs <= 0 || `a value is ${staleUs} µs older than a deletion before it`,
  )
  return violations.map(({ reason }) => reason)
}

const faults = { lostResponses: 0.05, delays: 0.1, delayMsMax: 40, skewMs: 200 }

export const cacheProofs: readonly Proof[] = [
  {
    ...common,
    id: 'C1',
    guarantee:
      'A factory is called exactly once for all callers of all processes that miss a key, while its process lives',
    faults,
    ...{ keyCount: 8, roundCount: 2, requestTimeoutMs: 5_000, createTables },
    work: (work) => readAll(work, patientCache, factoryMs),
    check: async (_, history) => severalMade(history),
  },
  {
    ...common,
    id: 'C1',
    variant: 'kill',
    guarantee: 'Of a factory whose process is killed one more call is made, after `leaseTtl`',
    faults: { ...faults, kill: true },
    ...{ keyCount: 16, roundCount: 1, callerCount: 16, requestTimeoutMs: 5_000, createTables },
    work: (work) => readAll(work, killedCache, scaled(work, longFactoryMs)),
    check: async (_, history) => severalMade(history),
  },
  {
    ...common,
    id: 'C2',
    guarantee:
      'Once `delete` resolves, no call that begins returns a value whose factory began before',
    faults: {
      ...{ lostResponses: 0.05, delays: 0.1, delayMsMax: 100, resets: 0.002, killNode: true },
      ...{ pauseMs: 700, skewMs: 200 },
    },
    ...{ keyCount: 24, roundCount: 1, callerCount: 8, createTables },
    async work(work) {
      const callers = work.keys.flatMap((key) =>
        Array.from({ length: work.callerCount }, async (_, caller) => {
          for (let i = 0; i < 4; i++) {
            await read(work, key)
            if (caller > 1) continue
            await work.record(key, 'delete', async () => {
              await patientCache(work).delete(key)
              return true
            })
          }
        }),
      )
      await Promise.all(callers)
    },
    check: async (_, history) => staleReads(history),
  },
]
