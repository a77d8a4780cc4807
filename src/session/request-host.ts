import type { ClusterNode, Route } from '../cluster/index.ts'
import type { Outcome, ProtocolError, TsyllaError } from '../errors/index.ts'
import type { Connection, ConnectionRequest, Ticker } from '../transport/index.ts'
import type { AbortRegistry } from './abort-registry.ts'

/** A request as the dispatcher handles it. */
export interface Dispatchable extends ConnectionRequest {
  readonly isSettled: boolean
  /** Nodes that failed it already. */
  readonly triedNodes: ReadonlySet<ClusterNode> | undefined
  /** Where it should go; `undefined` leaves it to the cluster. */
  route(): Route | undefined
  /** Bytes it will take, roughly: what waits is bounded by it. */
  estimatedBytes(): number
  /** It waits in line, counted as so many bytes. */
  onQueued(bytes: number): void
  onSent(connection: Connection): void
  /** Its values could not be written; nothing was sent. */
  onEncodeFailed(error: unknown): void
  fail(error: unknown): void
  failWithoutNode(): void
}

/** What a request needs of its session. */
export interface RequestHost {
  readonly ticker: Ticker
  readonly aborts: AbortRegistry
  readonly isClosed: boolean
  /** A request was started: closing waits for it. */
  onAccepted(): void
  /** A request that was accepted has its answer. */
  onSettled(): void
  /** A request waits in line no longer. @param bytes what it was queued with */
  onLeftQueue(bytes: number): void
  /** Sends wherever there is room, or queues. */
  dispatch(request: Dispatchable): void
  /** Sends on that connection if it still can, else as {@link dispatch}. */
  dispatchTo(connection: Connection, request: Dispatchable): void
  nodeOf(connection: Connection): ClusterNode | undefined
  unavailableError(): TsyllaError
  /** The loss of a connection as one request sees it, with its own outcome. */
  lostError(error: TsyllaError, outcome: Outcome): TsyllaError
  malformed(connection: Connection, cause: unknown): ProtocolError
}
