import { channel } from 'node:diagnostics_channel'
import {
  AlreadyConnectedError,
  ClosedError,
  ConfigError,
  NotConnectedError,
  Secret,
} from '../errors/index.ts'
import type { Executor } from '../types/index.ts'

/** The part of a session that a manager needs. */
export interface ManagedSession extends Executor {
  readonly isClosed: boolean
  close(): Promise<void>
}

/** Opens a session for `connect`; `signal` fires when `close` is called before it is open. */
export type OpenSession<TSession, Options> = (
  nodes: readonly unknown[],
  keyspace: string | undefined,
  options: Options,
  signal: AbortSignal,
) => Promise<TSession>

/** What subscribers of the channel `tsylla:database` of `node:diagnostics_channel` receive. */
export interface DatabaseEvent {
  readonly type: 'connected' | 'failed' | 'closed'
  /** Name of the manager. */
  readonly name: string
}

/** What `stats` returns: what this manager has done. */
export interface DatabaseStats {
  /** Sessions that were opened. */
  readonly connected: number
  /** Sessions that could not be opened. */
  readonly failed: number
  /** Sessions that `close` has closed. */
  readonly closed: number
}

const events = channel('tsylla:database')

interface Connected<TSession> {
  readonly fingerprint: readonly unknown[]
  readonly opening: Promise<TSession>
  readonly aborting: AbortController
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
  /** Every `close` that has not resolved yet. */
  #closing: Promise<void> | undefined
  readonly #stats = { connected: 0, failed: 0, closed: 0 }

  constructor(name: string, open: OpenSession<TSession, Options>) {
    this.#name = name
    this.#open = open
  }

  /**
   * Connects, or returns the session that is connected with the same arguments.
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
    const aborting = new AbortController()
    const opening = this.#open(nodes, keyspace, options, aborting.signal)
    const connected: Connected<TSession> = { fingerprint, opening, aborting, session: undefined }
    this.#connected = connected
    try {
      connected.session = await opening
      this.#count('connected')
    } catch (error) {
      this.#count('failed')
      if (this.#connected === connected) this.#connected = undefined
      throw aborting.signal.aborted ? new ClosedError('database manager') : error
    }
    return await this.#opened(connected)
  }

  /** The session that is opened, unless `close` was called meanwhile, which closes it. */
  async #opened(connected: Connected<TSession>): Promise<TSession> {
    const { signal } = connected.aborting
    const session = await connected.opening.catch((error: unknown) => {
      throw signal.aborted ? new ClosedError('database manager') : error
    })
    if (this.#connected !== connected) throw new ClosedError('database manager')
    return session
  }

  /** The connection in effect; a session that was closed directly no longer counts. */
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

  /**
   * Closes the session. A `connect` that is still in progress is stopped and rejects with
   * `ClosedError`. Afterwards `connect` works again. A second call waits for the first.
   */
  async close(): Promise<void> {
    const connected = this.#connected
    this.#connected = undefined
    if (connected !== undefined) {
      const closing = Promise.all([this.#closing, this.#close(connected)]).then(() => {})
      this.#closing = closing
      const forget = (): void => {
        if (this.#closing === closing) this.#closing = undefined
      }
      closing.then(forget, forget)
    }
    await this.#closing
  }

  async #close(connected: Connected<TSession>): Promise<void> {
    if (connected.session === undefined) connected.aborting.abort()
    const session = await connected.opening.catch(() => undefined)
    if (session === undefined) return
    await session.close()
    this.#count('closed')
  }

  /** Counts what this object has done. */
  stats(): DatabaseStats {
    return { ...this.#stats }
  }

  #count(type: DatabaseEvent['type']): void {
    this.#stats[type]++
    if (!events.hasSubscribers) return
    events.publish({ type, name: this.#name } satisfies DatabaseEvent)
  }
}

/**
 * Deep equality of plain arguments; everything else is compared by identity. A property that is
 * `undefined` equals one that is left out.
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
