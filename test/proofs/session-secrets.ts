/** Proof that the tables of `SessionManager` contain no usable token. */
import type { Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation } from './proof.ts'

const managerOf = perSession(({ session, clock }: ProofWork) => {
  return new SessionManager(session, { idle: '30m', clock })
})

async function createTables(session: Session): Promise<void> {
  await new SessionManager(session, { idle: '30m' }).createTables()
  // Of an application that stores tokens, which the pattern does not.
  await session.execute('CREATE TABLE IF NOT EXISTS leaks (value text PRIMARY KEY)')
}

/** Callers create, use, replace and end sessions. */
export async function liveSessions(
  work: ProofWork,
  onToken: (token: string) => Promise<unknown> = async () => {},
): Promise<void> {
  const manager = managerOf(work)
  const callers = work.keys.flatMap((user) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      const device = { userAgent: 'Firefox', label: `device ${caller}`, data: { cart: [1, 'two'] } }
      const token = await work.record(user, 'token', () =>
        manager.createSession(user, '192.0.2.1', device),
      )
      if (token === undefined) return
      await onToken(token)
      await manager.validateSession(token).catch(() => {})
      await manager.update(token, { theme: 'dark' }).catch(() => {})
      const isRotating = work.random() < 0.5
      const next = isRotating
        ? await work.record(user, 'token', () => manager.rotateSession(token))
        : token
      if (next !== undefined && work.random() < 0.3) {
        await manager.destroySession(next).catch(() => {})
      }
    }),
  )
  await Promise.all(callers)
}

/** Every value of every table of the keyspace, as bytes. */
async function dump(session: Session): Promise<readonly Buffer[]> {
  const keyspace = session.getKeyspace()
  const select = 'SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?'
  const tables = await session.execute<{ table_name: string }>(select, [keyspace])
  const values = new Map<string, Buffer>()
  const add = (value: unknown): void => {
    const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value))
    values.set(bytes.toString('latin1'), bytes)
    if (value instanceof Map || value instanceof Set) for (const part of value.keys()) add(part)
    if (value instanceof Map || Array.isArray(value)) for (const part of value.values()) add(part)
    // UUIDs may be thought of as their bytes.
    const hex = String(value).replaceAll('-', '')
    if (/^[0-9a-f]{32}$/.test(hex)) values.set(hex, Buffer.from(hex, 'hex'))
  }
  for (const { table_name: table } of tables) {
    for (const row of await session.execute(`SELECT * FROM "${table}"`)) {
      for (const value of Object.values(row)) if (value !== null) add(value)
    }
  }
  return [...values.values()]
}

const tagBytes = 16
const secretBytes = 32
/** Lengths of tokens: of this version and of 0.1. */
const tokenLengths = [64, 43]

/** Everything that stored bytes could be a token as: texts of them, and parts of those. */
function candidates(values: readonly Buffer[]): ReadonlySet<string> {
  const found = new Set<string>()
  const add = (bytes: Buffer): void => {
    for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const) {
      const text = bytes.toString(encoding)
      for (const length of tokenLengths) {
        for (let i = 0; i + length <= text.length; i++) {
          const part = text.slice(i, i + length)
          if (/^[\w-]+$/.test(part)) found.add(part)
        }
      }
    }
  }
  for (const bytes of values) add(bytes)
  // A token is a tag and a secret.
  for (const tag of values.filter(({ length }) => length === tagBytes)) {
    for (const secret of values.filter(({ length }) => length === secretBytes)) {
      found.add(Buffer.concat([tag, secret]).toString('base64url'))
    }
  }
  return found
}

const parallelism = 64

async function countValid(session: Session, tokens: Iterable<string>): Promise<number> {
  const manager = new SessionManager(session, { idle: '30m' })
  const left = [...tokens]
  let count = 0
  const validateNext = async (): Promise<void> => {
    for (let token = left.pop(); token !== undefined; token = left.pop()) {
      if ((await manager.validateSession(token)) !== null) count++
    }
  }
  await Promise.all(Array.from({ length: parallelism }, validateNext))
  return count
}

/** By keyspace: what is in its tables is tried once for all users. */
const tried = new Map<string, number>()

/** S6: tokens that were computed from what is stored. */
async function usableValues(
  history: readonly RecordedOperation[],
  session: Session,
): Promise<readonly string[] | undefined> {
  const tokens = history.flatMap(({ output }) => (typeof output === 'string' ? [output] : []))
  // Otherwise it would not be known whether any token could be found.
  if ((await countValid(session, tokens)) === 0) return undefined
  const keyspace = session.getKeyspace() ?? ''
  const count = tried.get(keyspace) ?? (await countValid(session, candidates(await dump(session))))
  tried.set(keyspace, count)
  return count === 0 ? [] : [`${count} stored values are tokens of valid sessions`]
}

export const sessionSecretsProofs: readonly Proof[] = [
  {
    ...{ id: 'S6', pattern: 'SessionManager', file: 'test/proofs/session-secrets.ts' },
    guarantee:
      'No stored value is a token, nor is any text or part of it, nor two of them together',
    faults: {
      ...{ lostResponses: 0.03, delays: 0.2, delayMsMax: 60, resets: 0.01, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs: 5_000, jumps: true },
    },
    ...{ keyCount: 16, roundCount: 1, callerCount: 2, createTables },
    work: (work) => liveSessions(work),
    check: (_, history, session) => usableValues(history, session),
  },
]
