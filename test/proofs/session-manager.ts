/** Proofs of the guarantees of `SessionManager`. */
import { SessionManager } from '../../src/patterns.ts'
import { foldInvariant } from '../../src/testing.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation } from './proof.ts'
import { createSessions, createTokenTables, tokenOf } from './session-tokens.ts'

type Access = 'validate' | 'destroy'

const common = { pattern: 'SessionManager', file: 'test/proofs/session-manager.ts' } as const
const faults = { lostResponses: 0.05, delays: 0.2, delayMsMax: 100, resets: 0.005, killNode: true }

const managerOf = perSession(({ session, clock }: ProofWork) => {
  return new SessionManager(session, { clock })
})

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
    ...{ keyCount: 24, roundCount: 1, callerCount: 8, createTables: createTokenTables },
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
    ...{ keyCount: 24, roundCount: 1, callerCount: 16, createTables: createTokenTables },
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
