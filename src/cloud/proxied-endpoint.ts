import { type Endpoint, type PeerNode, TcpEndpoint, type TcpOptions } from '../transport/index.ts'

/** How links are made, apart from where to and with which certificates. */
export type LinkOptions = Omit<TcpOptions, 'tls' | 'addressTranslator' | 'proxied'>

/** A way to nodes through a proxy, which passes connections on by the server name of TLS. */
export interface ProxyRoute {
  readonly host: string
  readonly port: number
  readonly tls: TcpOptions['tls']
  /** Host id of the node; `undefined` when the proxy chooses one. */
  readonly hostId: string | undefined
  readonly serverName: string
  /** Name that the certificate must carry. */
  readonly certificateName: string
}

/** Returns the endpoint of any node of the cluster. */
export type RouteToPeer = (node: PeerNode) => Endpoint

/** A node behind a proxy, or any node when the route names none. */
export class ProxiedEndpoint extends TcpEndpoint {
  /** Whether connections go to whichever node the proxy chooses. */
  readonly isShared: boolean
  readonly #peer: RouteToPeer

  constructor(
    { host, port, tls, ...proxied }: ProxyRoute,
    options: LinkOptions,
    peer: RouteToPeer,
  ) {
    super(host, port, { ...options, tls, proxied })
    this.isShared = proxied.hostId === undefined
    this.#peer = peer
  }

  /** The addresses of a proxy are no nodes of their own. */
  override expand(): Promise<readonly Endpoint[]> {
    return Promise.resolve([this])
  }

  peer(node: PeerNode): Endpoint {
    return this.#peer(node)
  }
}
