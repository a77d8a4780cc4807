/** Proofs of the guarantees of `SessionManager`. */
import type { Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import { foldInvariant } from '../../src/testing.ts'
import type { Proof, ProofWork, RecordedOperation } from './proof.ts'

type Access = 'validate' | 'destroy'

const common = { pattern: 'SessionManager', file: 'test/proofs/session-manager.ts' } as const
const faults = { lostResponses: 0.05, delays: 0.2, delayMsMax: 100, resets: 0.005, killNode: true }

const managers = new WeakMap<Session, SessionManager>()

function managerOf({ session, clock }: ProofWork): SessionManager {
  const manager = managers.get(session) ?? new SessionManager(session, { clock })
  managers.set(session, manager)
  return manager
}

async function createTables(session: Session): Promise<void> {
  await new SessionManager(session).createTables()
  await session.execute('CREATE TABLE tokens (key text PRIMARY KEY, value text)')
}

/** Makes a session for each key, whose token all processes know. */
async function createSessions(session: Session, keys: readonly string[]): Promise<void> {
  const manager = new SessionManager(session)
  for (const key of keys) {
    const token = await manager.createSession(key, '192.0.2.1')
    await session.execute('INSERT INTO tokens (key, value) VALUES (?, ?)', [key, token])
  }
}

async function tokenOf({ session }: ProofWork, key: string): Promise<string> {
  const select = 'SELECT value FROM tokens WHERE key = ?'
  for (;;) {
    try {
      return (await session.execute<{ value: string }>(select, [key])).singleRow().value
    } catch {
      // Its answer was lost: it is asked for again.
    }
  }
}

/** S1: validations that began after a session was destroyed, and succeeded. */
export function validAfterEnd(history: readonly RecordedOperation[]): readonly string[] {
  const events = history
    .filter(({ output }) => output !== undefined)
    .map(({ input, output, call, return: end }) => {
      return { input: input as Access, output, atUs: input === 'destroy' ? end! : call }
    })
    .sort((a, b) => a.atUs - b.atUs)
  const violations = foldInvariant(
    events,
    { isDestroyed: false, isWrong: false },
    ({ isDestroyed }, { input, output }) => ({
      isDestroyed: isDestroyed || input === 'destroy',
      isWrong: isDestroyed && input === 'validate' && output === true,
    }),
    ({ isWrong }) => !isWrong || 'a validation succeeded after the session was destroyed',
  )
  return violations.map(({ reason }) => reason)
}

export const sessionManagerProofs: readonly Proof[] = [
  {
    ...common,
    id: 'S1',
    guarantee:
      'Once `destroySession` resolves no validation succeeds, whatever is under way and whatever clocks do',
    faults: { ...faults, lostResponses: 0.01, pauseMs: 700, skewMs: 5_000, jumps: true },
    ...{ keyCount: 8, roundCount: 1, callerCount: 8, createTables },
    prepare: createSessions,
    async work(work) {
      const manager = managerOf(work)
      const callers = work.keys.flatMap((key, i) =>
        Array.from({ length: work.callerCount }, async (_, caller) => {
          const token = await tokenOf(work, key)
          const mayDestroy = caller === 0 && i % 4 === work.process
          for (let step = 0; step < 4; step++) {
            if (mayDestroy && step === 2) {
              await work.record(key, 'destroy', async () => {
                await manager.destroySession(token)
                return true
              })
            }
            // What keeps sessions alive is under way all the time.
            if (caller % 2 === 1)
              await manager.update(token, { [`k${step}`]: caller }).catch(() => {})
            await work.record(key, 'validate', async () => {
              return (await manager.validateSession(token)) !== null
            })
          }
        }),
      )
      await Promise.all(callers)
    },
    check: async (_, history) => validAfterEnd(history),
  },
  {
    ...common,
    id: 'S4',
    guarantee: 'Concurrent rotations of a token return one successor',
    faults: { ...faults, pauseMs: 700, skewMs: 200 },
    ...{ keyCount: 8, roundCount: 2, callerCount: 16, createTables },
    prepare: createSessions,
    async work(work) {
      const callers = work.keys.flatMap((key) =>
        Array.from({ length: work.callerCount }, async () => {
          const token = await tokenOf(work, key)
          await work.record(key, 'rotate', () => managerOf(work).rotateSession(token))
        }),
      )
      await Promise.all(callers)
    },
    async check(_, history) {
      const successors = new Set(history.flatMap(({ output }) => output ?? []))
      return successors.size <= 1 ? [] : [`there are ${successors.size} successors`]
    },
  },
]
