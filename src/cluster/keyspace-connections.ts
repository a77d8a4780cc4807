import type { TsyllaError } from '../errors/index.ts'
import type { Connection, ConnectionListener, Connector, Endpoint } from '../transport/index.ts'

interface Side {
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
  readonly #sides = new Map<string, Side>()

  constructor(connector: Connector) {
    this.#connector = connector
  }

  async use<T>(
    endpoint: Endpoint,
    keyspace: string,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const key = JSON.stringify([endpoint.address, keyspace])
    const side = this.#sides.get(key) ?? this.#open(key, endpoint, keyspace)
    side.userCount++
    try {
      return await work(await side.connection)
    } finally {
      if (--side.userCount === 0) this.#end(key, side)
    }
  }

  #open(key: string, endpoint: Endpoint, keyspace: string): Side {
    const side: Side = { connection: unopened, userCount: 0 }
    const listener: ConnectionListener = {
      onRoom() {},
      onEvent() {},
      // Which may be before `open` returns.
      onClosed: () => this.#forget(key, side),
    }
    this.#sides.set(key, side)
    side.connection = this.#connector.open(endpoint, listener, { keyspace })
    return side
  }

  #forget(key: string, side: Side): void {
    if (this.#sides.get(key) === side) this.#sides.delete(key)
  }

  #end(key: string, side: Side): void {
    this.#forget(key, side)
    side.connection.then(
      (connection) => connection.drain(),
      () => {},
    )
  }

  /** Closes all at once; the connector ends those that are still being made. */
  destroy(error: TsyllaError): void {
    for (const { connection } of this.#sides.values()) {
      connection.then(
        (one) => one.destroy(error),
        () => {},
      )
    }
  }
}
