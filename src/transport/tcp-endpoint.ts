import {
  connect as connectTcp,
  isIP,
  type LookupFunction,
  type OnReadOpts,
  type Socket,
} from 'node:net'
import {
  checkServerIdentity,
  type ConnectionOptions,
  connect as connectTls,
  type TLSSocket,
} from 'node:tls'
import { ConnectionError, TlsError } from '../errors/index.ts'
import type { Clock, Timer } from '../util/index.ts'
import { addressText } from './addresses.ts'
import { type AddressTranslator, translateAddress } from './address-translator.ts'
import { type HostLookup, resolveHost } from './host-lookup.ts'
import type { Endpoint, Link, LinkHandler, OpenLinkOptions } from './link.ts'

/**
 * TLS of a session. Chain and name are verified against the system's roots, or `ca`. The other
 * fields mean what they mean in `node:tls`.
 */
export interface TlsOptions {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** Name the certificate must carry, when it is not the host that is connected to. */
  readonly servername?: string
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /**
   * Accept any certificate. Anyone between client and server can then read and change everything.
   */
  readonly insecureSkipVerify?: boolean
}

/** A node behind a proxy, which passes connections on by the server name of TLS. */
export interface ProxiedNode {
  /** `undefined` when the proxy chooses the node. */
  readonly hostId: string | undefined
  /** What the proxy chooses the node by. */
  readonly serverName: string
  /** Name that the certificate must carry. */
  readonly certificateName: string
}

export interface TcpOptions {
  readonly connectTimeoutMs: number
  readonly noDelay: boolean
  /** Idle time before TCP keep-alive probes, or `undefined` for none. */
  readonly keepAliveMs: number | undefined
  readonly tls: TlsOptions | undefined
  readonly clock: Clock
  /** Finds the addresses of host names. */
  readonly lookup: HostLookup
  /** Host name that the address of the endpoint was found by: TLS verifies it. */
  readonly servername?: string | undefined
  /** Names of the node, when the address is that of a proxy. */
  readonly proxied?: ProxiedNode | undefined
  /** Says where to connect to instead. */
  readonly addressTranslator?: AddressTranslator | undefined
}

/** Size of the buffer that sockets read into; frames are parsed in it where they lie. */
const readBufferBytes = 64 * 1024

/** Bun and Deno implement `writableLength` and `onread` differently: there, do without. */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined

/** A node reached over TCP, with or without TLS. */
export class TcpEndpoint implements Endpoint {
  readonly address: string
  readonly network: { readonly host: string; readonly port: number }
  readonly hostId: string | undefined
  readonly isUnencrypted: boolean
  readonly clock = undefined
  readonly #options: TcpOptions

  constructor(host: string, port: number, options: TcpOptions) {
    this.network = { host, port }
    const { proxied } = options
    const address = addressText(host, port)
    // Addresses tell nodes apart, also those behind one proxy.
    this.address =
      proxied === undefined ? address : `${address}/${proxied.hostId ?? proxied.serverName}`
    this.hostId = proxied?.hostId
    this.isUnencrypted = options.tls === undefined
    this.#options = options
  }

  async open(handler: LinkHandler, options: OpenLinkOptions = {}): Promise<Link> {
    const { host, port } = await this.#targetOf(options)
    const addresses = await this.#resolve(host, options.signal)
    options.signal?.throwIfAborted()
    const target = { host, port, addresses }
    return await new Promise((resolve, reject) => {
      const attempt = new ConnectAttempt(this.address, this.#options, resolve, reject)
      attempt.start(target, handler, options)
    })
  }

  /**
   * Returns an endpoint for each address of the host name, or the endpoint itself when there is one
   * address: a name that stands for one node is looked up again whenever it is connected to.
   */
  async expand(signal: AbortSignal): Promise<readonly Endpoint[]> {
    const { host, port } = this.network
    const addresses = await this.#resolve(host, signal)
    if (addresses.length === 1) return [this]
    const options = { ...this.#options, servername: host }
    return addresses.map((address) => new TcpEndpoint(address, port, options))
  }

  #resolve(host: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const { lookup, clock, connectTimeoutMs } = this.#options
    const limits = { address: this.address, clock, timeoutMs: connectTimeoutMs, signal }
    return resolveHost(lookup, host, limits)
  }

  async #targetOf({ port, signal }: OpenLinkOptions): Promise<TcpEndpoint['network']> {
    const { addressTranslator, clock, connectTimeoutMs } = this.#options
    const own = port === undefined ? this.network : { host: this.network.host, port }
    if (addressTranslator === undefined) return own
    const node = { address: addressText(own.host, own.port), ...own }
    const mainPort = this.network.port
    const limits = { clock, timeoutMs: connectTimeoutMs, signal, mainPort }
    return await translateAddress(addressTranslator, node, limits)
  }

  async release(): Promise<void> {}
}

interface ConnectTarget {
  readonly host: string
  readonly port: number
  /** Addresses of the host, which are tried one after another. */
  readonly addresses: readonly string[]
}

/** Answers with addresses that are known already. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, { all: wantsAll }, callback) => {
    if (wantsAll === true) callback(null, all)
    else callback(null, all[0]!.address, all[0]!.family)
  }
}

/** One try to connect: settles once, and never leaves a socket or a timer behind. */
class ConnectAttempt {
  readonly #address: string
  readonly #options: TcpOptions
  readonly #resolve: (link: Link) => void
  readonly #reject: (error: Error) => void
  #timer: Timer | undefined
  #lastError: Error | undefined
  /** Stops listening to the signal. */
  #endWaiting: () => void = () => {}

  constructor(
    address: string,
    options: TcpOptions,
    resolve: (link: Link) => void,
    reject: (error: Error) => void,
  ) {
    this.#address = address
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  start(
    { host, port, addresses }: ConnectTarget,
    handler: LinkHandler,
    { signal, localPort }: OpenLinkOptions,
  ): void {
    const { tls, clock, connectTimeoutMs, noDelay, keepAliveMs } = this.#options
    let link: SocketLink | undefined
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(isNode && tls === undefined ? readBufferBytes : 0),
      callback: (length, buffer) => {
        handler.onBytes(buffer, 0, length)
        return true
      },
    }
    const lookup = lookupOf(addresses)
    const base = { host, port, lookup, noDelay, keepAlive: keepAliveMs !== undefined }
    const from = localPort === undefined ? {} : { localPort }
    const keepAlive = keepAliveMs === undefined ? {} : { keepAliveInitialDelay: keepAliveMs }
    const useOnread = isNode && tls === undefined
    const socket: Socket | TLSSocket =
      tls === undefined
        ? connectTcp({ ...base, ...from, ...keepAlive, ...(useOnread ? { onread } : {}) })
        : connectTls({ ...base, ...from, ...keepAlive, ...nodeTlsOptions(tls, this.#options) })
    this.#timer = clock.schedule(connectTimeoutMs, () => {
      socket.destroy()
      this.#fail(new Error(`no connection within ${connectTimeoutMs} ms`))
    })
    const giveUp = (): void => void socket.destroy()
    signal?.addEventListener('abort', giveUp)
    this.#endWaiting = () => signal?.removeEventListener('abort', giveUp)
    socket.on('error', (error) => {
      this.#lastError = error
      this.#fail(error)
    })
    socket.on('drain', () => handler.onSent?.())
    // A node that has ended the connection answers nothing more. Node would close the socket only
    // when all bytes have left, which may be never.
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      this.#fail(new Error('the connection was closed while it was being made'))
      if (link !== undefined) handler.onClosed(this.#lastError)
    })
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      this.#timer?.cancel()
      this.#endWaiting()
      link = new SocketLink(socket, useOnread)
      if (!useOnread) {
        socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, 0, bytes.length))
      }
      this.#resolve(link)
    })
  }

  /**
   * Settling a promise twice does nothing, so later failures of a made link end here harmlessly.
   */
  #fail(error: Error): void {
    this.#timer?.cancel()
    this.#endWaiting()
    const isTls = this.#options.tls !== undefined && isTlsError(error)
    this.#reject(
      isTls
        ? new TlsError(this.#address, `${error.message}${hintOf(error)}`, { cause: error })
        : new ConnectionError(this.#address, `cannot connect: ${error.message}`, 'not_applied', {
            cause: error,
          }),
    )
  }
}

/** What the first bytes of a server that does not speak TLS look like to OpenSSL and BoringSSL. */
const plainAnswer =
  /wrong[ _]version[ _]number|packet length too long|unknown protocol|http request/i

function hintOf({ message }: Error): string {
  return plainAnswer.test(message)
    ? '. The port answers without TLS: leave out the option tls, or use the TLS port of the server'
    : ''
}

/** Whether an error is one of OpenSSL or `node:tls`, as opposed to those of the socket below. */
export function isTlsError({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_|INVALID_)/.test(
    code,
  )
}

function nodeTlsOptions(tls: TlsOptions, { servername, proxied }: TcpOptions): ConnectionOptions {
  const { insecureSkipVerify, ca, ...rest } = tls
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(rest as ConnectionOptions),
    ...(proxied === undefined
      ? {}
      : {
          servername: proxied.serverName,
          checkServerIdentity: (_name, certificate) =>
            checkServerIdentity(proxied.certificateName, certificate),
        }),
    ...(ca === undefined ? {} : { ca: ca as NonNullable<ConnectionOptions['ca']> }),
    rejectUnauthorized: insecureSkipVerify !== true,
  }
}

class SocketLink implements Link {
  readonly #socket: Socket
  /**
   * Plain sockets of Node hand most writes to the kernel before `write` returns; TLS never does.
   */
  readonly #canReuse: boolean

  constructor(socket: Socket, canReuse: boolean) {
    this.#socket = socket
    this.#canReuse = canReuse
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Uint8Array): boolean {
    this.#socket.write(bytes)
    return this.#canReuse && this.#socket.writableLength === 0
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
