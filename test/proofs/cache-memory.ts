/** Proof of how stale the memory of `Cache` can be. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

/** A value that was set, by its position among the writes, or when its factory began. */
interface Version {
  readonly set?: number
  readonly beganUs?: number
}
interface Write {
  readonly kind: 'set' | 'delete'
  readonly position: number
}

const memoryTtlMs = 1_000
const skewMs = 100
/** Stamps of one process may follow each other within a millisecond. */
const stampErrorMs = 5
/** Factories take up to this long: what is written meanwhile is newer than what they make. */
const factoryMsMax = 900
const writeCount = 8

export type CacheOf = (work: ProofWork) => Cache

/** A cache that keeps entries in memory for some time. */
export function memoryCache(ttlMs: number): CacheOf {
  return perSession(({ session, clock, process, timeScale }: ProofWork) => {
    // The bound does not depend on what processes tell each other.
    const syncInterval = process % 2 === 0 ? ('1h' as const) : ('200ms' as const)
    const memory = { ttl: ttlMs * timeScale, syncInterval }
    return new Cache(session, { clock, memory, leaseTtl: 10_000 * timeScale })
  })
}

const claimedCache = memoryCache(memoryTtlMs)

/** One process of each key writes, and all of them read. */
export async function readWhileWriting(work: ProofWork, cacheOf: CacheOf): Promise<void> {
  const cache = cacheOf(work)
  const callers = work.keys.flatMap((key, i) => {
    const readers = Array.from({ length: work.callerCount }, (_, caller) =>
      readOnAndOn(work, cache, key, caller),
    )
    return i % 4 === work.process % 4 ? [...readers, writeOnAndOn(work, cache, key)] : readers
  })
  await Promise.all(callers)
}

async function writeOnAndOn(work: ProofWork, cache: Cache, key: string): Promise<void> {
  for (let position = 1; position <= writeCount; position++) {
    await sleep(scaled(work, memoryTtlMs) * (0.2 + work.random() * 0.6))
    const kind = work.random() < 0.5 ? 'set' : 'delete'
    await work.record(key, { kind, position } satisfies Write, async () => {
      if (kind === 'delete') await cache.delete(key)
      else await cache.set(key, { set: position } satisfies Version)
      return true
    })
  }
}

async function readOnAndOn(
  work: ProofWork,
  cache: Cache,
  key: string,
  caller: number,
): Promise<void> {
  const endUs = work.machineUs() + scaled(work, memoryTtlMs) * (writeCount / 2 + 1.5) * 1_000
  const factory = async (): Promise<Version> => {
    const made = { beganUs: work.machineUs() }
    await sleep(scaled(work, factoryMsMax) * work.random())
    return made
  }
  while (work.machineUs() < endUs) {
    // In some processes nothing is read while a value is made.
    const isMaking = work.process % 2 === 0 || caller % 2 === 0
    await work.record<Version>(key, 'read', async () => {
      if (isMaking) return await cache.getOrSet(key, factory)
      const found = await cache.lookup<Version>(key)
      return found.hit ? found.value : {}
    })
    await sleep(scaled(work, memoryTtlMs) * 0.15 * work.random())
  }
}

/**
 * C6: reads that began the bound after a write had resolved, and returned something older. A
 * factory is older than a deletion that was called after it began. It is older than a value that
 * was set when it began earlier than the clocks of two processes may differ.
 */
export function staleInMemory(
  history: readonly RecordedOperation[],
  boundMs: number,
): readonly string[] {
  const writes = history
    .filter(({ input, output }) => input !== 'read' && output === true)
    .map((operation) => ({ ...operation, input: operation.input as Write, end: operation.return! }))
  const clockErrorUs = (2 * skewMs + stampErrorMs) * 1_000
  return history.flatMap(({ input, output, call }) => {
    if (input !== 'read' || output === undefined) return []
    const { set, beganUs } = output as Version
    const newer = writes.find((write) => {
      if (call < write.end + boundMs * 1_000) return false
      if (set !== undefined) return set < write.input.position
      if (beganUs === undefined) return false
      return beganUs < write.call - (write.input.kind === 'delete' ? 0 : clockErrorUs)
    })
    if (newer === undefined) return []
    const ageMs = Math.round((call - newer.end) / 1_000)
    return [`a read returned what had been replaced or deleted ${ageMs} ms before`]
  })
}

export const cacheMemoryProofs: readonly Proof[] = [
  {
    ...{ id: 'C6', pattern: 'Cache', file: 'test/proofs/cache-memory.ts' },
    guarantee: 'No caller receives from memory what was replaced or deleted `memory.ttl` before',
    faults: {
      ...{ lostResponses: 0.02, delays: 0.1, delayMsMax: 60, resets: 0.005, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs, jumps: true },
    },
    ...{ keyCount: 16, roundCount: 1, callerCount: 4 },
    createTables: (session: Session) => new Cache(session, { memory: {} }).createTables(),
    work: (work) => readWhileWriting(work, claimedCache),
    async check(_key, history, _session, timeScale) {
      return staleInMemory(history, memoryTtlMs * timeScale)
    },
  },
]
