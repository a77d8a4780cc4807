/** Sessions whose tokens all processes of a proof know. */
import type { Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import { insist } from './proof.ts'

/** The tables of sessions, and one of their tokens by the key of a history. */
export async function createTokenTables(session: Session): Promise<void> {
  await new SessionManager(session).createTables()
  await session.execute('CREATE TABLE IF NOT EXISTS tokens (key text PRIMARY KEY, value text)')
}

/** Makes a session for each key. */
export async function createSessions(session: Session, keys: readonly string[]): Promise<void> {
  const manager = new SessionManager(session)
  for (const key of keys) {
    const token = await manager.createSession(key, '192.0.2.1')
    await publishToken(session, key, token)
  }
}

export async function publishToken(session: Session, key: string, token: string): Promise<void> {
  const insert = 'INSERT INTO tokens (key, value) VALUES (?, ?)'
  await insist(() => session.execute(insert, [key, token]))
}

/** The token of a key, once there is one. */
export async function tokenOf(
  { session }: { readonly session: Session },
  key: string,
): Promise<string> {
  const select = 'SELECT value FROM tokens WHERE key = ?'
  const read = () => session.execute<{ value: string }>(select, [key])
  return await insist(async () => (await insist(read)).singleRow().value)
}
