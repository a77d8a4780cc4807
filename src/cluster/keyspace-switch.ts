import type { TsyllaError } from '../errors/index.ts'
import type { ResponsePrefix, SchemaChange } from '../protocol/index.ts'
import {
  ConnectionState,
  enterKeyspace,
  type InternalRequestOptions,
  type Connection,
  sendUse,
  type UseFrame,
} from '../transport/index.ts'
import type { Clock } from '../util/index.ts'

export interface KeyspaceSwitchOptions {
  readonly requestOptions: InternalRequestOptions
  readonly clock: Clock
  /** The connection that is asked first. @throws NoNodeAvailableError without one */
  readonly anyConnection: () => Connection
  readonly connections: () => readonly Connection[]
}

/**
 * Delay before a connection asks again for a keyspace that its node does not know, and the longest
 * one: each is twice the one before. A node that was down when a keyspace was created learns of it
 * some time after it is up, and only its own clients are told.
 */
const missingRetryMsMin = 1_000
const missingRetryMsMax = 30_000

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
  /** `USE` of a keyspace that was created, while it waits for those before it. */
  #reentering: Promise<void> | undefined
  /** How often a keyspace that is in effect was entered or created. */
  #existenceCount = 0
  /** {@link #existenceCount} when a new connection has asked for a keyspace that was missing. */
  readonly #missingAsOf = new WeakMap<Connection, number>()
  /** Connections that will ask again for a keyspace that their node does not know. */
  readonly #retrying = new WeakSet<Connection>()

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
    this.#existenceCount++
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
    if (keyspace === undefined) return undefined
    const isSettled = connection.keyspace.lacks(keyspace)
      ? this.#missingAsOf.get(connection) === this.#existenceCount
      : connection.keyspace.isIn(keyspace)
    return isSettled ? undefined : this.#enter(connection, keyspace)
  }

  /** The keyspace may be created while the node answers that it is missing: then it is stale. */
  async #enter(connection: Connection, keyspace: string): Promise<void> {
    const existenceCount = this.#existenceCount
    await enterKeyspace(connection, keyspace, this.#options.requestOptions)
    this.#missingAsOf.set(connection, existenceCount)
    this.#retryLater(connection, keyspace, missingRetryMsMin)
  }

  /** Asks again for a keyspace that the node of a connection does not know, until it does. */
  #retryLater(connection: Connection, keyspace: string, delayMs: number): void {
    const isSettled = (): boolean =>
      connection.state !== ConnectionState.ready ||
      keyspace !== this.#current ||
      !connection.keyspace.lacks(keyspace)
    if (isSettled() || this.#retrying.has(connection)) return
    this.#retrying.add(connection)
    this.#options.clock.schedule(delayMs, () => {
      const asking = this.#using.then(async () => {
        this.#retrying.delete(connection)
        if (isSettled()) return
        await enterKeyspace(connection, keyspace, this.#options.requestOptions)
        this.#retryLater(connection, keyspace, Math.min(missingRetryMsMax, delayMs * 2))
      })
      this.#using = asking.catch(() => {})
    })
  }

  /** A connection in the wrong keyspace is worse than none: the pool makes another. */
  async #switchOrClose(connection: Connection, keyspace: string): Promise<void> {
    try {
      if (connection.keyspace.lacks(keyspace)) {
        await enterKeyspace(connection, keyspace, this.#options.requestOptions)
        this.#retryLater(connection, keyspace, missingRetryMsMin)
        return
      }
      await sendUse(connection, keyspace, this.#options.requestOptions)
    } catch (error) {
      connection.destroy(error as TsyllaError)
    }
  }

  /**
   * Enters the keyspace again when it was dropped and is created. Further changes while the `USE`
   * waits for its turn share it, so any number of events costs few requests.
   */
  async onKeyspaceChange({ change, target, keyspace }: SchemaChange): Promise<void> {
    if (change !== 'CREATED' || target !== 'KEYSPACE' || keyspace !== this.#current) return
    this.#existenceCount++
    this.#reentering ??= this.#reenter()
    await this.#reentering
  }

  #reenter(): Promise<void> {
    const entering = this.#using.then(async () => {
      this.#reentering = undefined
      // A `USE` that came before may have left the keyspace that was created.
      if (this.#current !== undefined) await this.#use(this.#current, undefined).catch(() => {})
    })
    this.#using = entering
    return entering
  }
}
