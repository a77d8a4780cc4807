/** Proofs of the guarantee of `Semaphore`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LockHeldError, type Permit, Semaphore } from '../../src/patterns.ts'
import type { Session } from '../../src/index.ts'
import { foldInvariant } from '../../src/testing.ts'
import { type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

const limit = 5
/** How long a holder works between two looks. */
const holdMs = 4

/** Times between which a holder has seen that it holds a permit. */
interface PermitHeld {
  readonly permit: string
  readonly fromUs: number
  readonly toUs: number
}

async function hold(work: ProofWork, permit: Permit, key: string, name: string): Promise<void> {
  let fromUs: number | undefined
  for (let look = 0; look < 3; look++) {
    // The date is read before, so that it was right then.
    const us = work.machineUs()
    if (!permit.isHeld) return
    fromUs ??= us
    const held: PermitHeld = { permit: name, fromUs, toUs: us }
    await work.record(key, 'held', async () => held)
    await sleep(holdMs)
  }
}

async function acquireAll(work: ProofWork): Promise<void> {
  const { session, clock, process } = work
  const timeout = scaled(work, 2_000)
  const semaphore = new Semaphore(session, { limit, ttl: '2s', timeout, clock })
  const callers = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      const name = `${process}/${caller}`
      let permit: Permit | undefined
      await work.record(key, { acquire: name }, async () => {
        permit = await semaphore.acquire(key, { wait: '20s' })
        return true
      })
      if (permit === undefined) return
      const held: Permit = permit
      await hold(work, held, key, name)
      await work.record(key, { release: name }, async () => {
        await held.release()
        return true
      })
    }),
  )
  await Promise.all(callers)
}

/** More permits that are known to be held at one time than there are. */
export function tooManyHolders(history: readonly RecordedOperation[]): readonly string[] {
  const ofPermit = new Map<string, PermitHeld>()
  for (const { input, output } of history) {
    if (input !== 'held' || output === undefined) continue
    const { permit, fromUs, toUs } = output as PermitHeld
    ofPermit.set(permit, { permit, fromUs, toUs: Math.max(toUs, ofPermit.get(permit)?.toUs ?? 0) })
  }
  const changes = [...ofPermit.values()]
    .flatMap(({ fromUs, toUs }) => [
      { us: fromUs, change: 1 },
      { us: toUs, change: -1 },
    ])
    .sort((a, b) => a.us - b.us || a.change - b.change)
  const violations = foldInvariant(
    changes,
    0,
    (count, { change }) => count + change,
    (count) => count <= limit || `${count} hold one of ${limit} permits`,
  )
  return violations.map(({ reason }) => reason)
}

/** Permits that are never free again, whoever had them. */
async function leakedPermits(key: string, session: Session): Promise<readonly string[]> {
  const semaphore = new Semaphore(session, { limit, ttl: '2s' })
  try {
    const all = Array.from({ length: limit }, () => semaphore.acquire(key, { wait: '10s' }))
    await Promise.all((await Promise.all(all)).map((permit) => permit.release()))
    return []
  } catch (error) {
    // Anything else says nothing about permits.
    if (!(error instanceof LockHeldError)) throw error
    return [`permits are not free again: ${error.message}`]
  }
}

export const semaphoreProofs: readonly Proof[] = [
  {
    ...{ id: 'L5', pattern: 'Semaphore', file: 'test/proofs/semaphore.ts' },
    guarantee:
      'Never more permits than the limit while clocks are within `clockError`; those of dead processes are free after `ttl`',
    faults: {
      ...{ lostResponses: 0.02, delays: 0.1, delayMsMax: 40, resets: 0.002, killNode: true },
      ...{ kill: true, pauseMs: 2_500, skewMs: 200 },
    },
    ...{ keyCount: 16, roundCount: 1 },
    createTables: (session) => new Semaphore(session, { limit }).createTables(),
    work: acquireAll,
    check: async (key, history, session) => [
      ...tooManyHolders(history),
      ...(await leakedPermits(key, session)),
    ],
  },
]
