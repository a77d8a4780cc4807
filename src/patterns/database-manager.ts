import { AlreadyConnectedError, ConfigError, NotConnectedError, Secret } from '../errors/index.ts'
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
   * @throws AlreadyConnectedError with other arguments, and whatever building a session throws
   */
  async connect(
    nodes: readonly unknown[],
    keyspace?: string,
    options: Options = {} as Options,
  ): Promise<TSession> {
    if (!Array.isArray(nodes)) throw new ConfigError('connect takes a list of nodes')
    const fingerprint = [[...nodes], keyspace, { ...options }]
    const current = this.#current()
    if (current !== undefined) {
      if (!isSame(current.fingerprint, fingerprint)) throw new AlreadyConnectedError(this.#name)
      return await current.opening
    }
    const opening = this.#open(nodes, keyspace, options)
    const connected: Connected<TSession> = { fingerprint, opening, session: undefined }
    this.#connected = connected
    try {
      connected.session = await opening
      return connected.session
    } catch (error) {
      if (this.#connected === connected) this.#connected = undefined
      throw error
    }
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

/** Deep equality of plain arguments; everything else is compared by identity. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Secret && b instanceof Secret) return a.reveal() === b.reveal()
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (!Array.isArray(a) && Object.getPrototypeOf(a) !== Object.prototype) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isSame(get(a, key), get(b, key)))
}

function get(object: object, key: string): unknown {
  return (object as { readonly [key: string]: unknown })[key]
}
