import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { ConfigError } from '../errors/index.ts'
import { checkInteger, checkOptions } from '../kernel/index.ts'
import { type Clock, createRandom, type RandomSource, systemClock } from '../util/index.ts'
import { type InjectedEvent, serverEventOf } from './forged-frames.ts'
import { ActiveRule, type FaultRule, type InjectedFault } from './fault-rule.ts'
import { NodeAddresses, socketAddressOf } from './node-addresses.ts'
import { type FaultProxyCounters, ProxiedConnection } from './proxied-connection.ts'

export interface FaultProxyOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string | undefined
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number | undefined
  /**
   * Where random decisions begin: with the same seed and the same frames they are the same. Each
   * connection has its own sequence. Default 1.
   */
  readonly seed?: number | undefined
  /** By which frames are delayed. Default: the clock of the machine. */
  readonly clock?: Clock | undefined
}

const optionNames = { host: true, seed: true, clock: true } as const

/** @throws ConfigError */
function checkValues(options: FaultProxyOptions): FaultProxyOptions {
  const { port = 0, seed = 1 } = options
  checkInteger('port', port, 0, 65_535)
  checkInteger('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  return options
}

/** Connections have sequences of random numbers that begin this far apart. */
const seedStep = 0x9e3779b1

/**
 * A TCP proxy in front of a node that loses, delays and cuts what it is told to. It knows the
 * frames of protocol v4, compressed or not, and those of v5 that are not compressed; connections
 * that speak something else, TLS for example, pass unchanged and can only be closed.
 *
 * @example
 * await using proxy = await FaultProxy.open('127.0.0.1:9042')
 * proxy.inject({ fault: 'loseResponse', request: 'EXECUTE', probability: 0.05 })
 * const session = await Session.connect([proxy.address])
 */
export class FaultProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #options: FaultProxyOptions
  readonly #node: ReturnType<typeof socketAddressOf>
  readonly #addresses: NodeAddresses
  readonly #rules = new Set<ActiveRule>()
  readonly #connections = new Set<ProxiedConnection>()
  readonly #counters: FaultProxyCounters = {
    ...{ connections: 0, requests: 0, responses: 0, events: 0, delayed: 0, lostRequests: 0 },
    ...{ lostResponses: 0, duplicated: 0, cut: 0, reset: 0, forgedErrors: 0, halfClosed: 0 },
    blackHoles: 0,
  }
  #address = ''
  #closing: Promise<void> | undefined

  /** @internal */
  private constructor(node: string, options: FaultProxyOptions, addresses: NodeAddresses) {
    this.#node = socketAddressOf(node)
    this.#options = options
    this.#addresses = addresses
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client))
  }

  /**
   * Opens a proxy in front of one node. A session whose only contact point is the proxy reaches
   * that node through it, and other nodes directly: for those see {@link FaultProxy.openAll}.
   *
   * @param node `host:port`
   * @throws ConfigError when the address is none, or cannot be listened on
   */
  static async open(node: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    checkOptions('FaultProxy.open', options, { ...optionNames, port: true })
    const proxy = new FaultProxy(node, checkValues(options), new NodeAddresses())
    await proxy.#listen()
    return proxy
  }

  /**
   * Opens a proxy for each node of a cluster, and replaces the addresses that nodes announce by
   * those of the proxies: clients know nothing else. Needs nodes with `system.peers_v2`, as
   * Cassandra has since 4.0, and connections without compression.
   *
   * @param nodes `host:port` with an IPv4 address, as the nodes announce it
   * @throws ConfigError
   */
  static async openAll(
    nodes: readonly string[],
    options: Omit<FaultProxyOptions, 'port'> = {},
  ): Promise<readonly FaultProxy[]> {
    checkOptions('FaultProxy.openAll', options, optionNames)
    checkValues(options)
    const addresses = new NodeAddresses()
    const { seed = 1 } = options
    const proxies = nodes.map(
      (node, i) => new FaultProxy(node, { ...options, seed: seed + i * 7919 }, addresses),
    )
    for (const proxy of proxies) {
      await proxy.#listen()
      addresses.add(proxy.#node, socketAddressOf(proxy.address))
    }
    return proxies
  }

  /** `host:port`, to be given to clients as contact point. */
  get address(): string {
    return this.#address
  }

  /** What has passed and what was done, since the proxy is open. */
  get counters(): Readonly<FaultProxyCounters> {
    return this.#counters
  }

  /** Connections that are open now. */
  get openConnectionCount(): number {
    return this.#connections.size
  }

  /**
   * Lets a fault happen from now on. Rules are tried in the order in which they were injected, and
   * at most one strikes a frame.
   *
   * @throws ConfigError when the rule cannot be
   */
  inject(rule: FaultRule): InjectedFault {
    const active = new ActiveRule(rule)
    this.#rules.add(active)
    return {
      get count() {
        return active.count
      },
      remove: () => void this.#rules.delete(active),
    }
  }

  /** Ends all rules. Connections in a black hole stay there. */
  heal(): void {
    this.#rules.clear()
  }

  /**
   * Sends an event to the clients that have registered for its kind, as if the node had.
   *
   * @returns how many connections it was sent on
   * @throws ConfigError when the event cannot be
   */
  injectEvent(event: InjectedEvent): number {
    const checked = serverEventOf(event)
    return [...this.#connections].filter((connection) => connection.sendEvent(checked)).length
  }

  /** Resets all connections; new ones are accepted. */
  resetConnections(): void {
    for (const connection of this.#connections) {
      this.#counters.reset++
      connection.destroy(true)
    }
  }

  /** Ends all connections and stops listening; no timer or socket is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  async #listen(): Promise<void> {
    const { host = '127.0.0.1', port = 0 } = this.#options
    this.#server.listen(port, host)
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw new ConfigError(`The proxy cannot listen on ${host}:${port}: ${String(error)}`)
    }
    this.#address = `${host}:${(this.#server.address() as AddressInfo).port}`
  }

  #accept(client: Socket): void {
    const number = this.#counters.connections++
    const { clock = systemClock } = this.#options
    const connection = new ProxiedConnection(
      number,
      client,
      {
        ...{ node: this.#node, addresses: this.#addresses, clock, counters: this.#counters },
        rules: () => this.#rules,
        onClosed: (closed) => void this.#connections.delete(closed),
      },
      this.#randomOf(number),
    )
    this.#connections.add(connection)
    connection.start()
  }

  #randomOf(connection: number): RandomSource {
    const { seed = 1 } = this.#options
    return createRandom((seed + Math.imul(connection + 1, seedStep)) | 0)
  }
}
