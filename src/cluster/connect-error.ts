import {
  AuthenticationError,
  ConfigError,
  NoNodeAvailableError,
  TlsError,
  type TsyllaError,
} from '../errors/index.ts'

/**
 * Returns one error for all nodes that could not be reached: the error of the first node when there
 * is one node, or when all nodes refuse a client for the same reason; otherwise an error that lists
 * them.
 */
export function connectError(errors: ReadonlyMap<string, TsyllaError>): TsyllaError {
  const list = [...errors.values()]
  const first = list[0]
  const isDecisive =
    first instanceof AuthenticationError ||
    first instanceof TlsError ||
    first instanceof ConfigError
  const isAlike = list.every((error) => error.code === first?.code)
  if (first === undefined || !isAlike || (!isDecisive && list.length > 1)) {
    return new NoNodeAvailableError(errors, 'No contact point can be used')
  }
  const own = first.copy()
  own.outcome = 'not_applied'
  return own
}
