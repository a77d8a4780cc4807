import type { ByteOutput } from '../protocol/index.ts'
import type { Clock } from '../util/index.ts'

/** The receiving side of a {@link Link}. */
export interface LinkHandler {
  /** Bytes `start … end` arrived. The memory is the handler's until it returns, not longer. */
  onBytes(bytes: Uint8Array, start: number, end: number): void
  /** The peer has taken all bytes that were written, after it had not for a while. */
  onSent?(): void
  /** The link is gone, for whatever reason. Called exactly once. */
  onClosed(error: Error | undefined): void
}

/**
 * A way for bytes to a node and back: a socket, a TLS socket, or the engine in this process.
 * A link never calls its handler from inside `write`.
 */
export interface Link extends ByteOutput {
  /** Sends what was written, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

export interface OpenLinkOptions {
  /** Ends the attempt, and then nothing of it is left. */
  readonly signal?: AbortSignal | undefined
  /** Port to connect to instead of the endpoint's own. */
  readonly port?: number | undefined
  /** Port of this machine to connect from; by it, nodes with shards choose the shard. */
  readonly localPort?: number | undefined
}

/** A node as another node describes it. */
export interface PeerNode {
  readonly hostId: string
  readonly dataCenter: string
  /** Where it says that clients reach it; `undefined` when it says nothing. */
  readonly host: string | undefined
  readonly port: number | undefined
}

/** Where a node can be reached; opens as many links to it as asked. */
export interface Endpoint {
  /** Shown in errors and in `result.coordinator`: `host:port`, or `embedded:…`. */
  readonly address: string
  /** Host and port, or `undefined` for a node inside this process. */
  readonly network: { readonly host: string; readonly port: number } | undefined
  /** Host id of the node, when it is reached by that and not by an address of its own. */
  readonly hostId?: string | undefined
  /**
   * Whether links go to whichever node a proxy chooses: such an endpoint describes the cluster, but
   * is no way to a certain node.
   */
  readonly isShared?: boolean
  /** Whether links carry plain bytes over a network, so that a port for TLS cannot be reached. */
  readonly isUnencrypted?: boolean
  /** The clock the node lives by, when it is not the machine's. */
  readonly clock: Clock | undefined
  /**
   * Whether requests of the driver itself have no deadlines there: a node of this process always
   * answers, but where a test moves the time, deadlines pass before an answer that is on its way.
   */
  readonly isUntimed?: boolean
  /**
   * Set when the owner of an engine in this process has closed it: nothing is reached there again.
   */
  readonly isClosed?: boolean
  /** @throws ConnectionError, TlsError */
  open(handler: LinkHandler, options?: OpenLinkOptions): Promise<Link>
  /**
   * Returns the endpoints that a contact point stands for, itself when it is one of them. Default:
   * itself.
   *
   * @throws ConnectionError when its host name has no address
   */
  expand?(signal: AbortSignal): Promise<readonly Endpoint[]>
  /** Returns the endpoint of a peer of this node. Default: a network address is dialled. */
  peer?(node: PeerNode): Endpoint
  /** Called when the session has ended and opens no more links. */
  release(): Promise<void>
}

/** Turns a contact point into an endpoint; one is registered per scheme (`embedded:`). */
export type EndpointFactory = (contactPoint: string) => Promise<Endpoint>
