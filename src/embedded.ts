import {
  EmbeddedEngine,
  type EmbeddedOptions,
  type ForkOptions,
  openEmbedded,
} from './embedded/index.ts'
import type { Session } from './index.ts'
import { type ContactPointObject, SessionBuilder, type SessionOptions } from './index.ts'
import { contactPointSymbol } from './session/index.ts'

export type {
  BatchLimits,
  Durability,
  EmbeddedOptions,
  ForkOptions,
  Listener,
  ListenOptions,
  ListenTlsOptions,
} from './embedded/index.ts'
export type { Clock, Timer } from './util/index.ts'

// oxlint-disable-next-line no-unsafe-declaration-merging -- its member has a symbol for a name
export interface EmbeddedDatabase extends ContactPointObject {}

/**
 * A CQL database in this process. It is a contact point itself (`knownNode(db)`), answers other
 * drivers over TCP (`listen`), and belongs to who opened it.
 */
export class EmbeddedDatabase extends EmbeddedEngine {
  static {
    Object.defineProperty(this.prototype, contactPointSymbol, {
      get(this: EmbeddedDatabase): ContactPointObject[typeof contactPointSymbol] {
        return this.endpointFactory()
      },
    })
  }

  /** A session on it; closing the session leaves the database open. */
  async session(options: Partial<SessionOptions> = {}): Promise<Session> {
    return await new SessionBuilder({ ...options, contactPoints: [this] }).build()
  }

  /** A new database in memory with the same content, whose changes are its own. */
  async fork(options: ForkOptions = {}): Promise<EmbeddedDatabase> {
    return new EmbeddedDatabase(await this.forkEngine(options))
  }
}

/**
 * Opens a database: in memory, or in a directory that belongs to this process while it is open.
 *
 * @throws EngineLockedError when another process has the directory open
 * @throws DependencyMissingError without the package `lmdb`, which a directory needs
 */
export async function embedded(options: EmbeddedOptions = {}): Promise<EmbeddedDatabase> {
  return new EmbeddedDatabase(await openEmbedded(options))
}
