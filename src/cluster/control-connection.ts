import { ClosedError, type TsyllaError } from '../errors/index.ts'
import type { ReconnectionPolicy } from '../types/index.ts'
import { EventType, readEvent, type ServerEvent, WireReader } from '../protocol/index.ts'
import {
  type Connection,
  type ConnectionListener,
  ConnectionState,
  type Connector,
  type Endpoint,
} from '../transport/index.ts'
import type { Clock, Timer } from '../util/index.ts'

export interface ControlConnectionOptions<Description> {
  readonly connector: Connector
  readonly reconnection: ReconnectionPolicy
  readonly clock: Clock
  /** Nodes to try, best first: those known now, then the contact points. */
  readonly endpoints: () => readonly Endpoint[]
  /** Reads the cluster over a new connection. A failure tries the next node. */
  readonly read: (connection: Connection) => Promise<Description>
  /** Takes over what the node that became the control connection has described. */
  readonly adopt: (description: Description, endpoint: Endpoint) => void
  readonly onEvent: (event: ServerEvent) => void
}

/** How long one node is waited for before the next one is tried as well. */
export const nextNodeDelayMs = 250

/** Nodes that are tried at a time. */
export const openingCountMax = 16

/**
 * The connection that events come over and system tables are read by. When it is lost it moves to
 * another node; requests of users never go over it. Nodes are tried side by side: a silent one
 * delays the next by {@link nextNodeDelayMs}, a refusing one not at all.
 */
export class ControlConnection<Description> implements ConnectionListener {
  readonly #options: ControlConnectionOptions<Description>
  #connection: Connection | undefined
  #endpoint: Endpoint | undefined
  #isOpen = true
  /** Address of the node that has announced its end last: it is tried after all others. */
  #leaving: string | undefined
  #failureCount = 0
  #timer: Timer | undefined
  /** The attempts that are under way. */
  readonly #attempts = new Set<AbortController>()

  constructor(options: ControlConnectionOptions<Description>) {
    this.#options = options
  }

  /** The connection while there is one. */
  get current(): Connection | undefined {
    return this.#connection
  }

  /** Where the connection leads. */
  get endpoint(): Endpoint | undefined {
    return this.#connection === undefined ? undefined : this.#endpoint
  }

  /**
   * Connects to the first node that can be read.
   *
   * @returns why each node failed, in the order in which they were tried, when all of them did
   */
  async open(): Promise<ReadonlyMap<string, TsyllaError> | undefined> {
    const isLeaving = ({ address }: Endpoint): boolean => address === this.#leaving
    const all = this.#options.endpoints()
    const waiting = [...all.filter((one) => !isLeaving(one)), ...all.filter(isLeaving)]
    const errors = new Map<string, TsyllaError>()
    const tried = new Set<string>()
    const attempts = this.#attempts
    let isOver = false
    await new Promise<void>((resolve) => {
      let runningCount = 0
      let timer: Timer | undefined
      const finish = (): void => {
        timer?.cancel()
        isOver = true
        for (const attempt of attempts) attempt.abort(new ClosedError('attempt to connect'))
        resolve()
      }
      const startNext = (): void => {
        timer?.cancel()
        if (runningCount >= openingCountMax) return
        const endpoint = takeUntried(waiting, tried)
        if (endpoint === undefined || !this.#isOpen || isOver) {
          if (runningCount === 0) finish()
          return
        }
        runningCount++
        if (waiting.length > 0) {
          timer = this.#options.clock.schedule(nextNodeDelayMs, startNext, true)
        }
        // A controller per attempt: Node warns when many listeners share one signal.
        const attempt = new AbortController()
        attempts.add(attempt)
        const trying = this.#tryAt(endpoint, attempt.signal)
        void trying
          .finally(() => attempts.delete(attempt))
          .then(
            (others) => {
              if (others.length === 0) {
                finish()
                return
              }
              runningCount--
              waiting.unshift(...others)
              startNext()
            },
            (error: TsyllaError) => {
              runningCount--
              errors.set(endpoint.address, error)
              startNext()
            },
          )
      }
      startNext()
    })
    if (this.#connection !== undefined) {
      this.#failureCount = 0
      return undefined
    }
    return new Map([...tried].flatMap((address) => withError(errors, address)))
  }

  /**
   * Connects to an endpoint.
   *
   * @returns the endpoints to try in its place, when it stands for several
   * @throws TsyllaError
   */
  async #tryAt(endpoint: Endpoint, signal: AbortSignal): Promise<readonly Endpoint[]> {
    const found = (await endpoint.expand?.(signal)) ?? [endpoint]
    if (!found.includes(endpoint)) return found
    await this.#openAt(endpoint, signal)
    return []
  }

  /** @throws TsyllaError also when another node was faster */
  async #openAt(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const purpose = { eventTypes: Object.values(EventType), signal }
    const connection = await this.#options.connector.open(endpoint, this, purpose)
    const giveUp = (): void => connection.destroy(new ClosedError('session'))
    signal.addEventListener('abort', giveUp)
    try {
      signal.throwIfAborted()
      const description = await this.#options.read(connection)
      signal.throwIfAborted()
      if (!this.#isOpen || connection.state !== ConnectionState.ready) {
        throw connection.closedError ?? new ClosedError('session')
      }
      this.#options.adopt(description, endpoint)
      this.#connection = connection
      this.#endpoint = endpoint
    } catch (error) {
      connection.destroy(error as TsyllaError)
      throw error
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  onRoom(): void {}

  onEvent(bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    this.#options.onEvent(readEvent(new WireReader(bytes, bodyStart, bodyEnd)))
  }

  /** The node is about to stop: another one takes over. */
  onLeaving(connection: Connection): void {
    if (connection === this.#connection) {
      this.#connection = undefined
      this.#leaving = connection.address
      this.#reconnectLater()
    }
    void connection.drain()
  }

  onClosed(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#reconnectLater()
  }

  #reconnectLater(): void {
    if (!this.#isOpen) return
    const delayMs = this.#options.reconnection.delayMs(this.#failureCount++)
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      void this.open().then((errors) => {
        if (errors !== undefined) this.#reconnectLater()
      })
    })
  }

  close(): void {
    this.#isOpen = false
    this.#timer?.cancel()
    for (const attempt of this.#attempts) attempt.abort(new ClosedError('session'))
    this.#connection?.destroy(new ClosedError('session'))
  }
}

/** Takes the first endpoint whose address was not tried: a node may be named twice. */
function takeUntried(waiting: Endpoint[], tried: Set<string>): Endpoint | undefined {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (tried.has(next.address)) continue
    tried.add(next.address)
    return next
  }
  return undefined
}

function withError(
  errors: ReadonlyMap<string, TsyllaError>,
  address: string,
): [string, TsyllaError][] {
  const error = errors.get(address)
  return error === undefined ? [] : [[address, error]]
}
