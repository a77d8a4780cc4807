/** Sessions that do not keep what `SessionManager` promises, with the checks of its proofs. */
import type { Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import type { Proof } from './proof.ts'
import { type DataStore, sessionDataProofs, updateAll, wrongData } from './session-data.ts'
import { sessionLifeProofs } from './session-life.ts'
import { sessionRevocationProofs, type Sessions, useWhileRevoking } from './session-revocation.ts'
import { liveSessions, sessionSecretsProofs } from './session-secrets.ts'
import { tokenOf } from './session-tokens.ts'

const [revocation, data, life, secrets] = [
  sessionRevocationProofs[0]!,
  sessionDataProofs[0]!,
  sessionLifeProofs[0]!,
  sessionSecretsProofs[0]!,
]

/** Remembers for some seconds that a token was valid, to save requests. */
function rememberingSessions(manager: SessionManager): Sessions {
  const valid = new Map<string, { readonly userId: string; readonly untilMs: number }>()
  return {
    createSession: (userId) => manager.createSession(userId),
    async validateSession(token) {
      const known = valid.get(token)
      if (known !== undefined && performance.now() < known.untilMs) return known.userId
      const userId = await manager.validateSession(token)
      if (userId !== null) valid.set(token, { userId, untilMs: performance.now() + 5_000 })
      return userId
    },
    revokeAll: (userId, options) => manager.revokeAll(userId, options),
    update: (token, change) => manager.update(token, change),
    rotateSession: (token) => manager.rotateSession(token),
  }
}

const createBlobs =
  'CREATE TABLE IF NOT EXISTS naive_data (secret text PRIMARY KEY, data text, revision int)'

/** The data as one text that is read, changed and written: the last write wins. */
function naiveStore(session: Session): DataStore {
  const store: DataStore = {
    async read(token) {
      const select = 'SELECT data, revision FROM naive_data WHERE secret = ?'
      const found = await session.execute<{ data: string; revision: number }>(select, [token])
      const row = found.firstRowTyped()
      return { data: JSON.parse(row?.data ?? '{}'), revision: row?.revision ?? 0 }
    },
    async update(token, change) {
      const before = (await store.read(token))!
      const after =
        typeof change === 'function' ? change(before.data) : { ...before.data, ...change }
      const revision = before.revision + 1
      const insert = 'INSERT INTO naive_data (secret, data, revision) VALUES (?, ?, ?)'
      await session.execute(insert, [token, JSON.stringify(after), revision])
      return { revision }
    },
  }
  return store
}

export const brokenSessions: readonly Proof[] = [
  {
    ...revocation,
    id: 'broken revocation',
    keyCount: 4,
    work: (work) => {
      const manager = new SessionManager(work.session, { rotateGrace: '10m' })
      return useWhileRevoking(work, rememberingSessions(manager))
    },
  },
  {
    ...data,
    id: 'broken data',
    ...{ keyCount: 2, callerCount: 4 },
    async createTables(session) {
      await data.createTables(session)
      await session.execute(createBlobs)
    },
    work: (work) => updateAll(work, naiveStore(work.session)),
    async check(key, history, session) {
      const found = await naiveStore(session).read(await tokenOf({ session }, key))
      return wrongData(history, found!)
    },
  },
  // Clocks that are further apart than the check allows for.
  { ...life, id: 'broken life', keyCount: 4, faults: { skewMs: 20_000 } },
  {
    ...secrets,
    id: 'broken secrets',
    keyCount: 2,
    work: (work) =>
      liveSessions(work, async (token) => {
        await work.session.execute('INSERT INTO leaks (value) VALUES (?)', [token]).catch(() => {})
      }),
  },
]
