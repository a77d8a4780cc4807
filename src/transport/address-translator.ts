import { ConfigError, ConnectionError } from '../errors/index.ts'
import { type Clock, runLimited } from '../util/index.ts'
import { addressText, parseAddress } from './addresses.ts'

/** The address that a node has in the system tables, which it advertises to clients. */
export interface UntranslatedPeer {
  /** `host:port`, or `[v6]:port`. */
  readonly address: string
  readonly host: string
  readonly port: number
}

/**
 * Says where to connect to instead of the addresses that nodes are known by, for example through a
 * tunnel, from outside of Docker, or by the private address within a region: a map of `host:port`
 * or `host` to `host:port` or `host`, or a function. What a map does not contain stays as it is. A
 * port that is left out stays as it is too, and an entry for `host:port` that keeps the port also
 * leads to the shard-aware port of the node. Contact points are not translated.
 */
export type AddressTranslator =
  | { readonly [address: string]: string }
  | ((node: UntranslatedPeer) => string | Promise<string>)

/** @throws ConfigError unless it is a function or an object of addresses */
export function checkAddressTranslator(translator: AddressTranslator): AddressTranslator {
  if (typeof translator === 'function') return translator
  const isMap = typeof translator === 'object' && translator !== null && !Array.isArray(translator)
  if (!isMap) throw new ConfigError('addressTranslator must be a function or an object')
  for (const [from, to] of Object.entries(translator)) {
    if (typeof to !== 'string') {
      throw new ConfigError(`addressTranslator has no text as the address of ${from}`)
    }
    parseAddress(to, 1, `The address of ${from} in addressTranslator,`)
  }
  return translator
}

/**
 * Returns where to connect to.
 *
 * @throws ConnectionError when the translator fails, or takes longer than `timeoutMs`
 */
export async function translateAddress(
  translator: AddressTranslator,
  node: UntranslatedPeer,
  { clock, timeoutMs, signal, mainPort }: TranslationLimits,
): Promise<{ readonly host: string; readonly port: number }> {
  const { address, host, port } = node
  const failed = (reason: string, cause?: unknown): ConnectionError =>
    new ConnectionError(address, `addressTranslator ${reason}`, 'not_applied', { cause })
  if (typeof translator !== 'function') {
    const own = (name: string): string | undefined =>
      Object.hasOwn(translator, name) ? translator[name] : undefined
    const found = own(address) ?? own(host)
    if (found !== undefined) return parseAddress(found, port)
    const main = own(addressText(host, mainPort))
    if (main === undefined) return { host, port }
    const to = parseAddress(main, mainPort)
    if (to.port === mainPort) return { host: to.host, port }
    // The node is behind another port, and nothing says where its shard-aware port is.
    throw failed(`has ${addressText(host, mainPort)}, but no address of the shard-aware port`)
  }
  const ask = async (): Promise<ReturnType<typeof parseAddress>> => {
    try {
      const found: unknown = await translator(node)
      if (typeof found !== 'string') throw new ConfigError('it returned no text')
      return parseAddress(found, port, 'The address that it returned,')
    } catch (error) {
      throw failed(`failed: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }
  return await runLimited(ask, {
    ...{ clock, timeoutMs, signal },
    timeoutError: () => failed(`has not answered within ${timeoutMs} ms`),
    abortError: () => failed('was given up'),
  })
}

export interface TranslationLimits {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Port that the node is known by; that of `node` may be its shard-aware port. */
  readonly mainPort: number
}
