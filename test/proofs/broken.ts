/**
 * Implementations that do not keep what they promise, with the checks of those that do: they show
 * that a proof would find a violation.
 */
import type { Session } from '../../src/index.ts'
import { Lock } from '../../src/patterns.ts'
import { brokenCaches } from './broken-cache.ts'
import { brokenSessions } from './broken-sessions.ts'
import { lockProofs } from './lock.ts'
import type { Proof, ProofWork } from './proof.ts'
import { overLimit } from './rate-limiter.ts'

/** Small, so that few callers exceed it. */
const limit = 10

/** Reads how much is used, and writes the sum: two callers can read the same. */
async function takeWithoutCondition({ session }: ProofWork, key: string): Promise<boolean> {
  const select = 'SELECT used FROM naive WHERE key = ?'
  const used = (await session.execute<{ used: number }>(select, [key])).firstRow()?.used ?? 0
  if (used >= limit) return false
  await session.execute('INSERT INTO naive (key, used) VALUES (?, ?)', [key, used + 1])
  return true
}

const naiveLimiter: Proof = {
  ...{ id: 'broken limiter', pattern: 'none', file: 'test/proofs/broken.ts', faults: {} },
  guarantee: 'At most the limit is admitted',
  ...{ keyCount: 1, roundCount: 2 },
  async createTables(session) {
    await session.execute('CREATE TABLE IF NOT EXISTS naive (key text PRIMARY KEY, used int)')
  },
  async work(work) {
    const callers = work.keys.flatMap((key) =>
      Array.from({ length: work.callerCount }, () =>
        work.record(key, { cost: 1 }, async () => {
          const ok = await takeWithoutCondition(work, key)
          return { ok, resetMs: 0, nowMs: 0 }
        }),
      ),
    )
    await Promise.all(callers)
  },
  check: async (_, history) => overLimit(history, limit),
}

function lockProof(id: string): Proof {
  return lockProofs.find((proof) => proof.id === id)!
}

/** Clocks that are further apart than `clockError`: what K2 says does not hold for them. */
const wrongClocks: Proof = {
  ...lockProof('K2'),
  id: 'broken clocks',
  faults: { skewMs: 20_000 },
  ...{ keyCount: 8, callerCount: 8 },
}

/** Writes under a lock that are stamped with the wrong date of the holder, not with its fence. */
const unfencedWrites: Proof = {
  ...lockProof('K3'),
  id: 'broken fence',
  faults: { skewMs: 20_000 },
  ...{ keyCount: 4, callerCount: 4 },
  async work(work) {
    const lock = new Lock(work.session, { ttl: '2s' })
    const write = async (key: string): Promise<void> => {
      await using lease = await lock.acquire(key, { wait: '30s' })
      const fence = String(lease.fence)
      await work.record(key, { write: fence }, async () => {
        await writeStamped(work.session, key, lease.fence, work.clock.nowMs())
        return '0'
      })
    }
    const callers = work.keys.flatMap((key) =>
      Array.from({ length: work.callerCount }, () => write(key)),
    )
    await Promise.all(callers)
  },
}

async function writeStamped(
  session: Session,
  key: string,
  fence: bigint,
  nowMs: number,
): Promise<void> {
  await session.execute('UPDATE fenced SET fence = ? WHERE name = ?', [fence, key], {
    timestamp: BigInt(nowMs) * 1_000n,
  })
}

export const brokenProofs: readonly Proof[] = [
  naiveLimiter,
  wrongClocks,
  unfencedWrites,
  ...brokenCaches,
  ...brokenSessions,
]
