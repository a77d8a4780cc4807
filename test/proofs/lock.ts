/** Proofs of the guarantees of `Lock`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/index.ts'
import { type Lease, Lock, type LockOptions } from '../../src/patterns.ts'
import { checkLinearizable, foldInvariant, type HistoryModel } from '../../src/testing.ts'
import {
  mayHaveEffect,
  type Proof,
  type ProofWork,
  type RecordedOperation,
  scaled,
} from './proof.ts'

interface Acquired {
  readonly fence: string
}
/** Times between which the holder has seen that it holds the lock. */
interface Held {
  readonly fence: string
  readonly fromUs: number
  readonly toUs: number
}
type MaxInput = { readonly write: string } | 'read'

const file = 'test/proofs/lock.ts'
/** How long a holder works between two looks. */
const holdMs = 4
const common = { pattern: 'Lock', file } as const
const faults = { lostResponses: 0.02, delays: 0.1, delayMsMax: 40, resets: 0.002, killNode: true }

async function createTables(session: Session): Promise<void> {
  await new Lock(session).createTables()
  await session.execute('CREATE TABLE IF NOT EXISTS fenced (name text PRIMARY KEY, fence bigint)')
}

/** All callers acquire every lock once, and do something while they hold it. */
async function acquireAll(
  work: ProofWork,
  options: LockOptions,
  hold: (lease: Lease, key: string) => Promise<void>,
): Promise<void> {
  const lock = new Lock(work.session, {
    timeout: scaled(work, 2_000),
    ...options,
    clock: work.clock,
  })
  const callers = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      const note = `${work.process}/${caller}/${key}`
      let lease: Lease | undefined
      await work.record<Acquired>(key, { acquire: note }, async () => {
        lease = await lock.acquire(key, { wait: '20s', note })
        return { fence: String(lease.fence) }
      })
      if (lease === undefined) return
      const held: Lease = lease
      await hold(held, key)
      await work.record(key, { release: note }, async () => {
        await held.release()
        return true
      })
    }),
  )
  await Promise.all(callers)
}

/** Looks several times whether the lock is still held; the date is read before, so it is right. */
async function watch(work: ProofWork, lease: Lease, key: string): Promise<void> {
  const fence = String(lease.fence)
  let fromUs: number | undefined
  for (let look = 0; look < 3; look++) {
    const us = work.machineUs()
    if (!lease.isHeld) return
    fromUs ??= us
    const held: Held = { fence, fromUs, toUs: us }
    await work.record(key, 'held', async () => held)
    await sleep(holdMs)
  }
}

function outputs<Output>(
  history: readonly RecordedOperation[],
  isWanted: (input: unknown) => boolean,
): readonly RecordedOperation<unknown, Output>[] {
  const operations = history as readonly RecordedOperation<unknown, Output>[]
  return operations.filter(({ input, output }) => output !== undefined && isWanted(input))
}

const isAcquire = (input: unknown): boolean => typeof input === 'object' && 'acquire' in input!

/** K1: of two acquisitions one after another the later one has the larger fence. */
export function unorderedFences(history: readonly RecordedOperation[]): readonly string[] {
  const byFence = outputs<Acquired>(history, isAcquire).toSorted((a, b) => {
    return Number(BigInt(a.output!.fence) - BigInt(b.output!.fence))
  })
  const violations = foldInvariant(
    byFence,
    { fence: '', before: '', isLate: false, lastCall: Number.NEGATIVE_INFINITY },
    ({ fence, lastCall }, operation) => ({
      before: fence,
      fence: operation.output!.fence,
      isLate: (operation.return ?? 0) < lastCall,
      lastCall: Math.max(lastCall, operation.call),
    }),
    ({ fence, before, isLate }) => {
      if (fence === before) return `fence ${fence} was given twice`
      return !isLate || `fence ${fence} was given before a smaller one was asked for`
    },
  )
  return violations.map(({ reason }) => reason)
}

/** K2: the times in which different acquisitions are known to be held do not overlap. */
export function overlappingHolders(history: readonly RecordedOperation[]): readonly string[] {
  const ofFence = new Map<string, Held>()
  for (const { output } of outputs<Held>(history, (input) => input === 'held')) {
    const { fence, fromUs, toUs } = output!
    const known = ofFence.get(fence)
    ofFence.set(fence, { fence, fromUs, toUs: Math.max(toUs, known?.toUs ?? 0) })
  }
  const byTime = [...ofFence.values()].sort((a, b) => a.fromUs - b.fromUs)
  const violations = foldInvariant(
    byTime,
    { endUs: 0, overlapUs: 0 },
    ({ endUs }, { fromUs, toUs }) => ({
      endUs: Math.max(endUs, toUs),
      overlapUs: endUs - fromUs,
    }),
    ({ overlapUs }) => overlapUs <= 0 || `two hold the lock for ${overlapUs} µs`,
  )
  return violations.map(({ reason }) => reason)
}

/** K3: a register whose value is the largest fence that was written. */
export const largestFenceModel: HistoryModel<string, MaxInput, string> = {
  initial: () => '0',
  step(largest, input, output) {
    if (input === 'read') return output === undefined || output === largest ? [largest] : []
    return [BigInt(input.write) > BigInt(largest) ? input.write : largest]
  },
}

async function writeFenced(work: ProofWork, lease: Lease, key: string): Promise<void> {
  const options = { consistency: 'LOCAL_QUORUM', idempotent: true } as const
  // What begins while the lease is held may arrive when it has ended.
  const fence = String(lease.fence)
  await work.record(key, { write: fence }, async () => {
    const update = 'UPDATE fenced SET fence = ? WHERE name = ?'
    await lease.fenced.execute(update, [BigInt(fence), key], options)
    return '0'
  })
  await work.record(key, 'read', () => readFence(work.session, key))
}

async function readFence(session: Session, key: string): Promise<string> {
  const select = 'SELECT fence FROM fenced WHERE name = ?'
  const options = { consistency: 'LOCAL_QUORUM' } as const
  const row = (await session.execute<{ fence: bigint }>(select, [key], options)).firstRow()
  return String(row?.fence ?? 0)
}

/** K4: a lock that is held by an acquisition that nobody was told of. */
async function leaked(
  key: string,
  history: readonly RecordedOperation[],
  session: Session,
): Promise<readonly string[]> {
  const select = 'SELECT owner, until, note FROM locks WHERE name = ?'
  const row = (
    await session.execute<{ owner: unknown; until: Date; note: string }>(select, [key], {
      consistency: 'LOCAL_SERIAL',
    })
  ).firstRow()
  if (row === undefined || row.owner === null || row.until.getTime() < Date.now()) return []
  const reported = history.some(({ input, output, error }) => {
    const { acquire, release } = input as { readonly acquire?: string; readonly release?: string }
    // A release that has failed, whatever its outcome, has told the caller.
    if (release === row.note) return output === undefined
    return acquire === row.note && output === undefined && error?.outcome !== 'not_applied'
  })
  return reported ? [] : [`${row.note} holds the lock, but its caller was told that it does not`]
}

export const lockProofs: readonly Proof[] = [
  {
    ...common,
    id: 'K1',
    guarantee: 'Fences strictly increase, whatever clocks do',
    faults: { ...faults, kill: true, pauseMs: 2_500, skewMs: 5_000, jumps: true },
    ...{ keyCount: 16, roundCount: 1, createTables },
    work: (work) => acquireAll(work, { ttl: '2s' }, (lease, key) => watch(work, lease, key)),
    check: async (_, history) => unorderedFences(history),
  },
  {
    ...common,
    id: 'K2',
    guarantee: 'One holder per fence; one at a time while clocks are within `clockError`',
    faults: { ...faults, kill: true, pauseMs: 2_500, skewMs: 200 },
    ...{ keyCount: 16, roundCount: 1, createTables },
    work: (work) => acquireAll(work, { ttl: '2s' }, (lease, key) => watch(work, lease, key)),
    check: async (_, history) => [...unorderedFences(history), ...overlappingHolders(history)],
  },
  {
    ...common,
    id: 'K3',
    guarantee: 'A write through `fenced` never overrides that of a later fence, whatever clocks do',
    faults: { ...faults, delayMsMax: 300, kill: true, pauseMs: 2_500, skewMs: 5_000, jumps: true },
    ...{ keyCount: 24, roundCount: 1, callerCount: 16, createTables },
    work: (work) => acquireAll(work, { ttl: '2s' }, (lease, key) => writeFenced(work, lease, key)),
    async check(key, history, session) {
      const isAccess = ({ input }: RecordedOperation): boolean =>
        input === 'read' || (typeof input === 'object' && 'write' in input!)
      const accesses = mayHaveEffect(history).filter(isAccess) as readonly RecordedOperation<
        MaxInput,
        string
      >[]
      const end = accesses.reduce((last, one) => Math.max(last, one.return ?? one.call), 0)
      const final = { input: 'read', output: await readFence(session, key) } as const
      const all = [...accesses, { ...final, key, call: end + 1, return: end + 2 }]
      const result = checkLinearizable(all, largestFenceModel)
      return result.ok ? [] : [result.explanation]
    },
  },
  {
    ...common,
    id: 'K4',
    guarantee: 'An acquisition whose answer is lost is found out or reported, never leaked',
    faults: { lostResponses: 0.1, delays: 0.1, delayMsMax: 40, resets: 0.01 },
    ...{ keyCount: 24, roundCount: 1, callerCount: 8, createTables },
    work: (work) => acquireAll(work, { ttl: '60s' }, async () => {}),
    check: leaked,
  },
]
