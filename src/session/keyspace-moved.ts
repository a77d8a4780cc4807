import type { Connection } from '../transport/index.ts'

/**
 * A text was about to be sent where it would mean another keyspace than the one it was given in.
 */
class KeyspaceMovedError extends Error {}

/** Made once: it is caught where it is thrown for, and never seen by a user. */
export const keyspaceMoved: Error = new KeyspaceMovedError('the connection is in another keyspace')

/** @throws {@link keyspaceMoved} */
export function checkKeyspaceOf(connection: Connection, keyspace: string | undefined): void {
  if (!connection.isIn(keyspace)) throw keyspaceMoved
}
