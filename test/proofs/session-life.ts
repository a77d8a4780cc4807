/** Proof of how long sessions of `SessionManager` last. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SessionManager } from '../../src/patterns.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'
import { createTokenTables, publishToken, tokenOf } from './session-tokens.ts'

/** What `inspectSession` said, and how many uses the process failed to note meanwhile. */
interface Inspected {
  readonly ok: boolean
  readonly reason: string
  readonly unnoted: number
}
type Inspection = RecordedOperation<unknown, Inspected>

const idleMs = 2_000
const absoluteMs = 6_000
const skewMs = 50
/** Of this share of the uses of a busy session the token is replaced first. */
const rotationShare = 0.02
/** Dates are whole milliseconds. */
const dateErrorMs = 2

const managerOf = perSession(({ session, clock, timeScale }: ProofWork) => {
  const times = { idle: idleMs * timeScale, absolute: absoluteMs * timeScale }
  // A replaced token stands for its successor until the session has ended.
  return new SessionManager(session, { ...times, rotateGrace: '10m', clock })
})

/** One process makes the session of each key, and all use it until it has ended. */
async function useUntilEnd(work: ProofWork): Promise<void> {
  const keys = work.keys.map(async (key, i) => {
    if (i % 4 === work.process % 4) await createSession(work, key)
    // The process that makes the session may be killed before.
    const wait = sleep(scaled(work, absoluteMs), undefined)
    const token = await Promise.race([tokenOf(work, key), wait])
    if (token === undefined) return
    const callers = Array.from({ length: work.callerCount }, (_, caller) =>
      use(work, token, { key, i, caller }),
    )
    await Promise.all(callers)
  })
  await Promise.all(keys)
}

async function createSession(work: ProofWork, key: string): Promise<void> {
  let token: string | undefined
  for (; token === undefined; await sleep(scaled(work, 20))) {
    token = await work.record(key, 'create', () => managerOf(work).createSession(key))
  }
  await publishToken(work.session, key, token)
}

/**
 * Of every third key uses are so rare that the session ends by that, sooner or later. Of the others
 * callers replace the token, each the latest it knows.
 */
async function use(
  work: ProofWork,
  token: string,
  { key, i, caller }: { readonly key: string; readonly i: number; readonly caller: number },
): Promise<void> {
  const manager = managerOf(work)
  const isRare = i % 3 === 2
  if (isRare && (caller > 0 || work.process % 2 === 1)) return
  const endUs = work.machineUs() + scaled(work, absoluteMs + 300) * 1_000
  let present = token
  while (work.machineUs() < endUs) {
    const fraction = isRare ? 0.6 + work.random() * 0.9 : 0.02 + work.random() * 0.2
    await sleep(scaled(work, idleMs) * fraction)
    if (!isRare && work.random() < rotationShare) {
      const rotate = () => manager.rotateSession(present)
      present = (await work.record<string>(key, 'rotate', rotate)) ?? present
      continue
    }
    await work.record<Inspected>(key, 'use', async () => {
      const { touchesFailed } = manager.stats()
      const found = await manager.inspectSession(present, { use: true })
      const unnoted = manager.stats().touchesFailed - touchesFailed
      return { ok: found.ok, reason: found.ok ? '' : found.reason, unnoted }
    })
  }
}

/** S5: what ended too early, and what was valid too late, by the clock of the machine. */
export function wrongLives(
  history: readonly RecordedOperation[],
  timeScale: number,
): readonly string[] | undefined {
  const created = history.find(({ input, output }) => input === 'create' && output !== undefined)
  if (created === undefined) return undefined
  const clockErrorUs = (2 * skewMs + dateErrorMs) * 1_000
  const [idleUs, absoluteUs] = [idleMs * timeScale * 1_000, absoluteMs * timeScale * 1_000]
  const uses = history.filter(({ input }) => input === 'use') as readonly Inspection[]
  // The creation counts as a use that was noted; a rotation only when no other call was first.
  const noted = uses.filter(({ output }) => output?.ok === true && output.unnoted === 0)
  const maybeNoted = [
    ...uses.filter(({ output }) => output?.ok !== false),
    ...history.filter(({ input }) => input === 'rotate'),
  ]
  const starts = [created, ...noted]
  return uses.flatMap(({ output, call, return: end }) => {
    if (output === undefined) return []
    if (output.ok) {
      if (call - created.return! > absoluteUs + clockErrorUs) {
        return ['a session was valid after its absolute end']
      }
      const isUsed = [created, ...maybeNoted].some((one: RecordedOperation) => {
        const lastUs = one.output === undefined && one.error === undefined ? end! : one.return!
        return one.call < call && lastUs + idleUs + clockErrorUs >= call
      })
      return isUsed ? [] : ['a session was valid although it had not been used for `idle`']
    }
    const lastUs = starts
      .filter((one) => one.return! < call)
      .reduce((last, one) => Math.max(last, one.call), 0)
    const isInUse = end! - lastUs + clockErrorUs < idleUs * (19 / 20)
    const isBeforeEnd = end! - created.call + clockErrorUs < absoluteUs
    return isInUse && isBeforeEnd ? [`a session in use has ended: ${output.reason}`] : []
  })
}

export const sessionLifeProofs: readonly Proof[] = [
  {
    ...{ id: 'S5', pattern: 'SessionManager', file: 'test/proofs/session-life.ts' },
    guarantee:
      'A session in use ends at most a twentieth of `idle` early, and never after its absolute end, as far as clocks agree',
    faults: {
      ...{ lostResponses: 0.01, delays: 0.1, delayMsMax: 40, resets: 0.002, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs, jumps: true },
    },
    ...{ keyCount: 24, roundCount: 1, callerCount: 4, createTables: createTokenTables },
    work: useUntilEnd,
    check: async (_key, history, _session, timeScale) => wrongLives(history, timeScale),
  },
]
