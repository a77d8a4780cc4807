import { ConfigError } from '../errors/index.ts'
import { addressText } from '../transport/index.ts'
import type { HostFilter } from '../types/index.ts'
import { ignoreRejection } from '../util/index.ts'
import type { NodeDescription } from './system-tables.ts'

/**
 * Asks the host filter of the user about a node.
 *
 * @param address where the node says that it is
 * @throws ConfigError when the filter throws, or answers with anything but true and false
 */
export function acceptsNode(
  filter: HostFilter,
  { hostId, dataCenter, rack }: NodeDescription,
  { host, port }: { readonly host: string; readonly port: number },
): boolean {
  const address = addressText(host, port)
  let answer: unknown
  try {
    answer = filter(Object.freeze({ hostId, address, host, port, dataCenter, rack }))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `hostFilter has failed for ${address}: ${reason}`
    throw new ConfigError(message, 'not_applied', { cause })
  }
  if (typeof answer === 'boolean') return answer
  ignoreRejection(answer)
  const what = typeof answer === 'object' && answer !== null ? 'an object' : String(answer)
  throw new ConfigError(`hostFilter must return true or false, but for ${address} it was ${what}`)
}
