/** Proofs of the guarantees of `Cache`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { foldInvariant } from '../../src/testing.ts'
import { type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

/** What factories return: when they began, by the clock of the machine. */
interface Made {
  readonly beganUs: number
}

const common = { pattern: 'Cache', file: 'test/proofs/cache.ts' } as const
const factoryMs = 20

const caches = new WeakMap<Session, Cache>()

function cacheOf({ session, clock, timeScale }: ProofWork): Cache {
  const cache = caches.get(session) ?? new Cache(session, { leaseTtl: 10_000 * timeScale, clock })
  caches.set(session, cache)
  return cache
}

async function createTables(session: Session): Promise<void> {
  await new Cache(session).createTables()
}

/** Reads a value, or makes it; both are recorded. */
async function read(work: ProofWork, key: string): Promise<void> {
  const factory = async (): Promise<Made> => {
    const made = { beganUs: work.machineUs() }
    await work.record(key, 'factory', async () => made)
    await sleep(factoryMs)
    return made
  }
  await work.record(key, 'read', () => {
    return cacheOf(work).getOrSet(key, factory, { hardTimeout: scaled(work, 20_000) })
  })
}

/** C1: every caller has the value of the one factory call. */
export function severalMade(history: readonly RecordedOperation[]): readonly string[] {
  const calls = history.filter(({ input }) => input === 'factory')
  const reads = history.filter(({ input, output }) => input === 'read' && output !== undefined)
  const values = new Set(reads.map(({ output }) => (output as Made).beganUs))
  // None: every caller was told that there is no answer.
  if (calls.length <= 1 && values.size <= 1) return []
  const errors = new Set(history.flatMap(({ error }) => error?.code ?? []))
  return [
    `the factory was called ${calls.length} times, callers have ${values.size} values, and ${[...errors].join(', ') || 'no error'}`,
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

export const cacheProofs: readonly Proof[] = [
  {
    ...common,
    id: 'C1',
    guarantee:
      'A key that all callers miss is made at most once, over all processes, while its maker lives',
    faults: { lostResponses: 0.05, delays: 0.1, delayMsMax: 40, skewMs: 200 },
    ...{ keyCount: 8, roundCount: 2, createTables },
    async work(work) {
      const reads = work.keys.flatMap((key) =>
        Array.from({ length: work.callerCount }, () => read(work, key)),
      )
      await Promise.all(reads)
    },
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
    ...{ keyCount: 8, roundCount: 1, callerCount: 8, createTables },
    async work(work) {
      const callers = work.keys.flatMap((key) =>
        Array.from({ length: work.callerCount }, async (_, caller) => {
          for (let i = 0; i < 4; i++) {
            await read(work, key)
            if (caller > 1) continue
            await work.record(key, 'delete', async () => {
              await cacheOf(work).delete(key)
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
