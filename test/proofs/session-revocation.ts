/** Proof of what `revokeAll` of `SessionManager` guarantees. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import {
  insist,
  perSession,
  type Proof,
  type ProofWork,
  type RecordedOperation,
  scaled,
} from './proof.ts'

/** What of a session manager the proof uses. */
export interface Sessions {
  createSession(userId: string): Promise<string>
  validateSession(token: string): Promise<string | null>
  revokeAll(userId: string, options: { readonly except?: string | undefined }): Promise<void>
  update(token: string, change: Record<string, unknown>): Promise<unknown>
  rotateSession(token: string): Promise<string>
}

interface Step {
  readonly kind: 'validate' | 'create' | 'revokeAll' | 'rotate'
  /** The session; of `revokeAll` the one that stays. */
  readonly session: string | undefined
}

/** A session and its present token, as far as a process knows it. */
interface Known {
  readonly session: string
  token: string
}

/** Sessions that every user has before. */
const sessionCount = 16
const stepCount = 8

const managerOf = perSession(({ session, clock, timeScale }: ProofWork) => {
  return new SessionManager(session, { clock, timeout: 4_000 * timeScale, rotateGrace: '10m' })
})

async function createTables(session: Session): Promise<void> {
  await new SessionManager(session).createTables()
  await session.execute(
    'CREATE TABLE IF NOT EXISTS known (user text, session text, value text, PRIMARY KEY (user, session))',
  )
}

async function createSessions(session: Session, users: readonly string[]): Promise<void> {
  const manager = new SessionManager(session)
  for (const user of users) {
    const create = async (_: unknown, i: number): Promise<void> => {
      const token = await manager.createSession(user)
      const values = [user, `before ${i}`, token]
      await session.execute('INSERT INTO known (user, session, value) VALUES (?, ?, ?)', values)
    }
    await Promise.all(Array.from({ length: sessionCount }, create))
  }
}

async function readKnown(session: Session, user: string): Promise<Known[]> {
  const select = 'SELECT session, value AS "token" FROM known WHERE user = ?'
  return (await insist(() => session.execute<Known>(select, [user]))).rowsTyped()
}

/** Of every other user one session stays. */
function keptOf(users: readonly string[], user: string): string | undefined {
  return users.indexOf(user) % 2 === 0 ? undefined : 'before 0'
}

/** Callers create, use and replace sessions while two processes revoke all of them. */
export async function useWhileRevoking(work: ProofWork, sessions: Sessions): Promise<void> {
  const users = work.keys.map(async (user, i) => {
    const known = await readKnown(work.session, user)
    const callers = Array.from({ length: work.callerCount }, (_, caller) =>
      useSessions(work, sessions, user, { known, caller }),
    )
    const isRevoking = [i % 4, (i + 1) % 4].includes(work.process % 4)
    const kept = known.find(({ session }) => session === keptOf(work.keys, user))
    if (isRevoking) callers.push(revoke(work, sessions, user, kept))
    await Promise.all(callers)
  })
  await Promise.all(users)
}

async function revoke(
  work: ProofWork,
  sessions: Sessions,
  user: string,
  kept: Known | undefined,
): Promise<void> {
  const step: Step = { kind: 'revokeAll', session: kept?.session }
  for (let isDone: true | undefined; isDone === undefined; ) {
    await sleep(scaled(work, 100 + work.random() * 500))
    isDone = await work.record<true>(user, step, async () => {
      await sessions.revokeAll(user, { except: kept?.token })
      return true
    })
  }
}

async function useSessions(
  work: ProofWork,
  sessions: Sessions,
  user: string,
  { known, caller }: { readonly known: Known[]; readonly caller: number },
): Promise<void> {
  for (let i = 0; i < stepCount; i++) {
    const one = known[Math.floor(work.random() * known.length)]!
    const dice = work.random()
    if (dice < 0.1) {
      const session = `${work.process}.${caller}.${i}`
      const token = await work.record(user, { kind: 'create', session } satisfies Step, () =>
        sessions.createSession(user),
      )
      if (token !== undefined) known.push({ session, token })
    } else if (dice < 0.2) await sessions.update(one.token, { [`k${caller}`]: i }).catch(() => {})
    else if (dice < 0.3 && one.session !== 'before 0') {
      const step: Step = { kind: 'rotate', session: one.session }
      const token = await work.record(user, step, () => sessions.rotateSession(one.token))
      if (token !== undefined) one.token = token
    } else {
      const step: Step = { kind: 'validate', session: one.session }
      await work.record(user, step, async () => {
        return (await sessions.validateSession(one.token)) !== null
      })
    }
    await sleep(scaled(work, work.random() * 200))
  }
}

type StepOperation = RecordedOperation<Step>

/** Sessions that are valid although all were revoked, and such that ended although they stay. */
export function wronglyValid(history: readonly RecordedOperation[]): readonly string[] {
  const steps = history as readonly StepOperation[]
  const createdUs = new Map<string, number>()
  for (const { input, output, return: end } of steps) {
    if (input.kind === 'create' && output !== undefined) createdUs.set(input.session!, end!)
  }
  // Of a session whose creation was not answered no token is known.
  const wasThere = (session: string, us: number): boolean => (createdUs.get(session) ?? 0) <= us
  const revocations = steps.filter(({ input }) => input.kind === 'revokeAll')
  return steps.flatMap(({ input: { kind, session }, output, call }) => {
    if (kind !== 'validate' || output === undefined || session === undefined) return []
    const isKept = revocations.some(({ input }) => input.session === session)
    if (isKept) return output === true ? [] : ['the session that stays was not valid']
    const isRevoked = revocations.some(
      (one) => one.output !== undefined && one.return! < call && wasThere(session, one.call),
    )
    return isRevoked && output === true ? [`session ${session} was valid after revokeAll`] : []
  })
}

/** At the end every token that is known is validated, those of before and those of after. */
async function validateAll(
  user: string,
  history: readonly RecordedOperation[],
  session: Session,
): Promise<readonly StepOperation[]> {
  const tokens = (history as readonly StepOperation[]).flatMap(({ input, output }): Known[] => {
    return typeof output === 'string' ? [{ session: input.session!, token: output }] : []
  })
  const endUs = history.reduce((last, one) => Math.max(last, one.return ?? one.call), 0)
  const manager = new SessionManager(session, { rotateGrace: '10m' })
  const all = [...(await readKnown(session, user)), ...tokens]
  return await Promise.all(
    all.map(async (known) => ({
      ...{ key: user, process: -1, call: endUs + 1, return: endUs + 2 },
      input: { kind: 'validate', session: known.session } as const,
      output: (await manager.validateSession(known.token)) !== null,
    })),
  )
}

/** Sessions that began after the last revocation had ended have not ended. */
function endedLater(
  history: readonly RecordedOperation[],
  last: readonly StepOperation[],
): readonly string[] {
  const steps = history as readonly StepOperation[]
  const revocations = steps.filter(({ input }) => input.kind === 'revokeAll')
  if (revocations.some(({ return: end }) => end === undefined)) return []
  const revokedUs = revocations.reduce((us, { return: end }) => Math.max(us, end!), 0)
  const later = new Set(
    steps
      .filter(({ input, call }) => input.kind === 'create' && call > revokedUs)
      .map(({ input }) => input.session),
  )
  const ended = last.filter(({ input, output }) => later.has(input.session) && output === false)
  return ended.map(({ input }) => `session ${input.session}, of after revokeAll, was not valid`)
}

export const sessionRevocationProofs: readonly Proof[] = [
  {
    ...{ id: 'S2', pattern: 'SessionManager', file: 'test/proofs/session-revocation.ts' },
    guarantee:
      'Once `revokeAll` resolves no session that was created before is valid, except the one that stays',
    faults: {
      ...{ lostResponses: 0.01, delays: 0.2, delayMsMax: 60, resets: 0.002, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs: 5_000, jumps: true },
    },
    ...{ keyCount: 16, roundCount: 1, callerCount: 8, createTables },
    prepare: createSessions,
    work: (work) => useWhileRevoking(work, managerOf(work)),
    async check(user, history, session) {
      const isRevoked = history.some(({ input, output }) => {
        return (input as Step).kind === 'revokeAll' && output !== undefined
      })
      if (!isRevoked) return undefined
      const last = await validateAll(user, history, session)
      return [...wronglyValid([...history, ...last]), ...endedLater(history, last)]
    },
  },
]
