/** Proof of what updates of `SessionManager` guarantee. */
import { SessionManager } from '../../src/patterns.ts'
import type { Session } from '../../src/index.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation } from './proof.ts'
import { createSessions, createTokenTables, tokenOf } from './session-tokens.ts'

type Data = Record<string, unknown> & {
  /** Ids of the updates that a function has made. */
  readonly log?: readonly string[]
}
type Change = Data | ((data: Data) => Data)

/** What of a session manager the proof uses. */
export interface DataStore {
  read(token: string): Promise<{ readonly data: Data; readonly revision: number } | undefined>
  update(
    token: string,
    change: Change,
    options?: { readonly ifRevision?: number },
  ): Promise<{ readonly revision: number }>
}

/**
 * An update, by an id that it leaves in the data: two keys of its own, an element of a list that
 * all append to, or a key of its own if the session is at a revision.
 */
interface Update {
  readonly kind: 'keys' | 'append' | 'if'
  readonly id: string
  readonly revision?: number
}

const stepCount = 3
const options = { rotateGrace: '10m' } as const

export function dataStoreOf(manager: SessionManager<Data>): DataStore {
  return {
    async read(token) {
      const found = await manager.inspectSession(token)
      return found.ok ? found : undefined
    },
    update: (token, change, updateOptions) => manager.update(token, change, updateOptions),
  }
}

const storeOf = perSession(({ session, clock }: ProofWork) =>
  dataStoreOf(new SessionManager<Data>(session, { ...options, clock })),
)
const managerOf = perSession(({ session, clock }: ProofWork) => {
  return new SessionManager(session, { ...options, clock })
})

async function updateOnce(
  work: ProofWork,
  store: DataStore,
  [key, token]: readonly [key: string, token: string],
  { kind, id }: Update,
): Promise<void> {
  if (kind === 'if') {
    const found = await store.read(token).catch(() => undefined)
    if (found === undefined) return
    const { revision } = found
    await work.record(key, { kind, id, revision } satisfies Update, async () => {
      return (await store.update(token, { [id]: 1 }, { ifRevision: revision })).revision
    })
    return
  }
  const change: Change =
    kind === 'keys'
      ? { [id]: 1, [`${id}+`]: 1 }
      : (data) => ({ ...data, log: [...(data.log ?? []), id] })
  await work.record(key, { kind, id } satisfies Update, async () => {
    return (await store.update(token, change)).revision
  })
}

/** Callers update every session in three ways; one of them replaces its token meanwhile. */
export async function updateAll(work: ProofWork, store: DataStore): Promise<void> {
  const callers = work.keys.flatMap((key, i) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      const token = await tokenOf(work, key)
      for (let step = 0; step < stepCount; step++) {
        const kind = (['keys', 'append', 'if'] as const)[(caller + step) % 3]!
        const id = `${work.process}.${caller}.${step}`
        await updateOnce(work, store, [key, token], { kind, id })
        const isRotating = i % 4 === work.process % 4 && caller === 0 && step === 0
        if (isRotating)
          await managerOf(work)
            .rotateSession(token)
            .catch(() => {})
      }
    }),
  )
  await Promise.all(callers)
}

/** S3: updates that are not in the data once, or not as a whole, or that are and were refused. */
export function wrongData(
  history: readonly RecordedOperation[],
  { data, revision }: { readonly data: Data; readonly revision: number },
): readonly string[] {
  const violations: string[] = []
  let applied = 0
  const admitted = new Map<number, number>()
  for (const { input, output, error } of history as readonly RecordedOperation<Update>[]) {
    const { kind, id, revision: expected } = input
    const count =
      kind === 'append'
        ? (data.log ?? []).filter((one) => one === id).length
        : Number(data[id] !== undefined)
    applied += count
    if (kind === 'keys' && (data[id] === undefined) !== (data[`${id}+`] === undefined)) {
      violations.push(`half of the update ${id} is there`)
    }
    if (count > 1) violations.push(`the update ${id} was applied ${count} times`)
    if (output !== undefined && count === 0) violations.push(`the update ${id} is lost`)
    if (error?.outcome === 'not_applied' && count > 0) {
      violations.push(`the update ${id} is there, but failed with ${error.code}`)
    }
    if (kind === 'if' && output !== undefined) {
      admitted.set(expected!, (admitted.get(expected!) ?? 0) + 1)
    }
  }
  for (const [expected, count] of admitted) {
    if (count > 1) violations.push(`${count} updates were admitted at revision ${expected}`)
  }
  if (revision !== applied) violations.push(`revision ${revision} after ${applied} updates`)
  return violations
}

export const sessionDataProofs: readonly Proof[] = [
  {
    ...{ id: 'S3', pattern: 'SessionManager', file: 'test/proofs/session-data.ts' },
    guarantee:
      'Concurrent updates of different keys are all kept and each is applied once, whole; `ifRevision` admits one of many',
    faults: {
      ...{ lostResponses: 0.02, delays: 0.2, delayMsMax: 60, resets: 0.005, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs: 5_000, jumps: true },
    },
    ...{ keyCount: 24, roundCount: 1, callerCount: 16, createTables: createTokenTables },
    prepare: createSessions,
    work: (work) => updateAll(work, storeOf(work)),
    check: (key, history, session) => checkData(key, history, session),
  },
]

async function checkData(
  key: string,
  history: readonly RecordedOperation[],
  session: Session,
): Promise<readonly string[]> {
  const store = dataStoreOf(new SessionManager<Data>(session, options))
  const found = await store.read(await tokenOf({ session }, key))
  return found === undefined ? ['the session has ended'] : wrongData(history, found)
}
