import {
  ClosedError,
  ConnectionError,
  type Outcome,
  ProtocolError,
  type TsyllaError,
} from '../../errors/index.ts'

/** Returns the loss of a connection as one request sees it, with its own outcome. */
export function lostError(error: TsyllaError, outcome: Outcome, isClosed: boolean): TsyllaError {
  if (isClosed || error.code === 'TSYLLA_CLOSED') return new ClosedError('session', outcome)
  if (error instanceof ProtocolError) {
    const protocol = new ProtocolError(error.message, { cause: error })
    protocol.outcome = outcome
    return protocol
  }
  const node = error instanceof ConnectionError ? error.node : 'node'
  const reason = error.message.startsWith(`${node}: `)
    ? error.message.slice(node.length + 2)
    : error.message
  return new ConnectionError(node, reason, outcome, { cause: error })
}

export function unreadableError(address: string, cause: unknown): ProtocolError {
  return new ProtocolError(`${address} sent a response that cannot be read`, { cause })
}
