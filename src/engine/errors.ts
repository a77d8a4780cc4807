import { CqlSyntaxError, ServerError, ServerErrorCode } from '../errors/index.ts'

/** The statement cannot be executed as it is (0x2200). */
export function invalid(message: string): ServerError {
  return new ServerError(ServerErrorCode.INVALID, message)
}

/** The text, or an option in it, is malformed (0x2000). */
export function syntaxError(message: string): ServerError {
  return new ServerError(ServerErrorCode.SYNTAX, message)
}

/** An option has a value that cannot be (0x2300). */
export function configurationError(message: string): ServerError {
  return new ServerError(ServerErrorCode.CONFIG, message)
}

/**
 * The engine does not execute a statement that Cassandra executes.
 *
 * @param what with its verb: `SELECT JSON is`
 */
export function unsupportedByEngine(what: string): ServerError {
  return invalid(
    `${what} not supported by the embedded engine of tsylla, but by Cassandra and ScyllaDB`,
  )
}

export function unauthorized(message: string): ServerError {
  return new ServerError(ServerErrorCode.UNAUTHORIZED, message)
}

export function alreadyExists(message: string, keyspace: string, table = ''): ServerError {
  return new ServerError(ServerErrorCode.ALREADY_EXISTS, message, { keyspace, table })
}

/** The client broke the protocol, for example with an invalid paging state (0x000A). */
export function protocolFault(message: string): ServerError {
  return new ServerError(ServerErrorCode.PROTOCOL, message)
}

/** Errors of the parser as the server reports them. */
export function asServerError(error: unknown): unknown {
  return error instanceof CqlSyntaxError ? syntaxError(error.message) : error
}
