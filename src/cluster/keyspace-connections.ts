import { rejectWithCopy, type TsyllaError } from '../errors/index.ts'
import type { Connection, ConnectionListener, Connector, Endpoint } from '../transport/index.ts'

interface SharedConnection {
  connection: Promise<Connection>
  userCount: number
}

const unopened: Promise<never> = new Promise(() => {})

/**
 * Connections in keyspaces the session is not in, for statements that were made there: one per node
 * and keyspace however many statements need it, open for as long as one of them does.
 */
export class KeyspaceConnections {
  readonly #connector: Connector
  readonly #shared = new Map<string, SharedConnection>()

  constructor(connector: Connector) {
    this.#connector = connector
  }

  async use<T>(
    endpoint: Endpoint,
    keyspace: string,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const key = JSON.stringify([endpoint.address, keyspace])
    const shared = this.#shared.get(key) ?? this.#open(key, endpoint, keyspace)
    shared.userCount++
    try {
      return await work(await shared.connection.catch(rejectWithCopy))
    } finally {
      if (--shared.userCount === 0) this.#end(key, shared)
    }
  }

  #open(key: string, endpoint: Endpoint, keyspace: string): SharedConnection {
    const shared: SharedConnection = { connection: unopened, userCount: 0 }
    const listener: ConnectionListener = {
      onRoom() {},
      onEvent() {},
      // Which may be before `open` returns.
      onClosed: () => this.#forget(key, shared),
    }
    this.#shared.set(key, shared)
    shared.connection = this.#connector.open(endpoint, listener, { keyspace })
    return shared
  }

  #forget(key: string, shared: SharedConnection): void {
    if (this.#shared.get(key) === shared) this.#shared.delete(key)
  }

  #end(key: string, shared: SharedConnection): void {
    this.#forget(key, shared)
    shared.connection.then(
      (connection) => connection.drain(),
      () => {},
    )
  }

  /** Closes all at once; the connector ends those that are still being made. */
  destroy(error: TsyllaError): void {
    for (const { connection } of this.#shared.values()) {
      connection.then(
        (one) => one.destroy(error),
        () => {},
      )
    }
  }
}
