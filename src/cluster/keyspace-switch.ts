import type { TsyllaError } from '../errors/index.ts'
import type { ResponsePrefix, SchemaChange } from '../protocol/index.ts'
import {
  enterKeyspace,
  type InternalRequestOptions,
  type Connection,
  sendUse,
  type UseFrame,
} from '../transport/index.ts'

export interface KeyspaceSwitchOptions {
  readonly requestOptions: InternalRequestOptions
  /** The connection that is asked first. @throws NoNodeAvailableError without one */
  readonly anyConnection: () => Connection
  readonly connections: () => readonly Connection[]
}

/** How a USE was answered. */
export interface UseAnswer {
  readonly coordinator: string
  readonly prefix: ResponsePrefix
}

/**
 * The keyspace in effect, which all connections of a session follow: protocol v4 has a keyspace per
 * connection, not per request.
 */
export class KeyspaceSwitch {
  readonly #options: KeyspaceSwitchOptions
  /** As the servers spell it. */
  #current: string | undefined
  /** `USE` of all connections, one after another. */
  #using: Promise<unknown> = Promise.resolve()

  constructor(options: KeyspaceSwitchOptions) {
    this.#options = options
  }

  get current(): string | undefined {
    return this.#current
  }

  /**
   * Puts all connections into a keyspace, those that are still being made included. Calls follow
   * each other; a keyspace that does not exist changes nothing.
   */
  use(keyspace: string, frame?: UseFrame): Promise<UseAnswer> {
    const using = this.#using.then(() => this.#use(keyspace, frame))
    this.#using = using.catch(() => {})
    return using
  }

  async #use(keyspace: string, frame: UseFrame | undefined): Promise<UseAnswer> {
    const { requestOptions, anyConnection, connections } = this.#options
    const first = anyConnection()
    // One node says whether the keyspace exists; only then do the others follow.
    const prefix = await sendUse(first, keyspace, requestOptions, frame)
    this.#current = keyspace
    await Promise.all(
      connections()
        .filter(
          (connection) =>
            !connection.keyspace.isIn(keyspace) || connection.keyspace.lacks(keyspace),
        )
        .map((connection) => this.#switchOrClose(connection, keyspace)),
    )
    return { coordinator: first.address, prefix }
  }

  /**
   * Returns a promise that a new connection enters the keyspace in effect, or `undefined` when it
   * is there already or knows that the keyspace is missing.
   */
  enter(connection: Connection): Promise<void> | undefined {
    const keyspace = this.#current
    const isSettled = connection.keyspace.isIn(keyspace) || connection.keyspace.lacks(keyspace)
    if (keyspace === undefined || isSettled) return undefined
    return enterKeyspace(connection, keyspace, this.#options.requestOptions)
  }

  /** A connection in the wrong keyspace is worse than none: the pool makes another. */
  async #switchOrClose(connection: Connection, keyspace: string): Promise<void> {
    try {
      await sendUse(connection, keyspace, this.#options.requestOptions)
    } catch (error) {
      connection.destroy(error as TsyllaError)
    }
  }

  /** Enters the keyspace again when it was dropped and is created. */
  async onKeyspaceChange({ change, keyspace }: SchemaChange): Promise<void> {
    if (change !== 'CREATED' || keyspace !== this.#current) return
    await this.use(keyspace).catch(() => {})
  }
}
