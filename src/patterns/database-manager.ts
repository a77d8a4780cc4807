import {
  AlreadyConnectedError,
  ClosedError,
  ConfigError,
  NotConnectedError,
  Secret,
} from '../errors/index.ts'
import type { Executor } from '../types/index.ts'

/** What a manager needs of a session. */
export interface ManagedSession extends Executor {
  readonly isClosed: boolean
  close(): Promise<void>
}

/** Opens a session for `connect`. */
export type OpenSession<TSession, Options> = (
  nodes: readonly unknown[],
  keyspace: string | undefined,
  options: Options,
) => Promise<TSession>

interface Connected<TSession> {
  readonly fingerprint: readonly unknown[]
  readonly opening: Promise<TSession>
  session: TSession | undefined
}

/**
 * The one connection of an application, or one per name. Concurrent connects share one session, a
 * failed one can be tried again.
 */
export class ConnectionManager<TSession extends ManagedSession, Options extends object> {
  readonly #name: string
  readonly #open: OpenSession<TSession, Options>
  #connected: Connected<TSession> | undefined

  constructor(name: string, open: OpenSession<TSession, Options>) {
    this.#name = name
    this.#open = open
  }

  /**
   * Connects, or gives the session that is connected with the same arguments.
   *
   * @throws AlreadyConnectedError with other arguments, ClosedError when `close` is called before
   *   it has connected, and whatever building a session throws
   */
  async connect(
    nodes: readonly unknown[],
    keyspace?: string,
    options: Options = {} as Options,
  ): Promise<TSession> {
    if (!Array.isArray(nodes)) throw new ConfigError('connect takes a list of nodes')
    if (typeof options !== 'object' || options === null) {
      throw new ConfigError('The options of connect are an object')
    }
    const fingerprint = [[...nodes], keyspace, { ...options }]
    const current = this.#current()
    if (current !== undefined) {
      if (!isSame(current.fingerprint, fingerprint)) throw new AlreadyConnectedError(this.#name)
      return await this.#opened(current)
    }
    const opening = this.#open(nodes, keyspace, options)
    const connected: Connected<TSession> = { fingerprint, opening, session: undefined }
    this.#connected = connected
    try {
      connected.session = await opening
    } catch (error) {
      if (this.#connected === connected) this.#connected = undefined
      throw error
    }
    return await this.#opened(connected)
  }

  /** Its session, unless `close` came first: then that closes it, and nobody is to have it. */
  async #opened(connected: Connected<TSession>): Promise<TSession> {
    const session = await connected.opening
    if (this.#connected !== connected) throw new ClosedError('database manager')
    return session
  }

  /** What is connected; a session that was closed by itself is connected no more. */
  #current(): Connected<TSession> | undefined {
    if (this.#connected?.session?.isClosed === true) this.#connected = undefined
    return this.#connected
  }

  /** @throws NotConnectedError before `connect` has resolved, and after `close` */
  get session(): TSession {
    const session = this.#current()?.session
    if (session === undefined) throw new NotConnectedError()
    return session
  }

  get isConnected(): boolean {
    return this.#current()?.session !== undefined
  }

  /** Closes the session, also one that is still being opened. Afterwards `connect` works again. */
  async close(): Promise<void> {
    const connected = this.#connected
    this.#connected = undefined
    if (connected === undefined) return
    const session = await connected.opening.catch(() => undefined)
    await session?.close()
  }
}

/**
 * Deep equality of plain arguments; everything else is compared by identity. What is `undefined` is
 * as if it were left out.
 */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Secret && b instanceof Secret) return a.reveal() === b.reveal()
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (!Array.isArray(a) && Object.getPrototypeOf(a) !== Object.prototype) return false
  return Object.keys({ ...a, ...b }).every((key) => isSame(own(a, key), own(b, key)))
}

function own(object: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value
}
