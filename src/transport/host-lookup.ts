import { lookup as lookupHost } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ConnectionError } from '../errors/index.ts'
import { type Clock, runLimited } from '../util/index.ts'

/** Returns the IP addresses of a host name, the preferred ones first. */
export type HostLookup = (host: string) => readonly string[] | Promise<readonly string[]>

/** Asks as the operating system does: `/etc/hosts`, DNS and so on. */
export const systemLookup: HostLookup = async (host) => {
  const found = await lookupHost(host, { all: true })
  return found.map(({ address }) => address)
}

/** Addresses of one name that are used. */
const addressCountMax = 64

export interface LookupLimits {
  /** What errors name: `host:port`. */
  readonly address: string
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Returns the addresses of a host, itself when it is one, each once.
 *
 * @throws ConnectionError when it has none, or the answer is wrong or does not come in time
 */
export async function resolveHost(
  lookup: HostLookup,
  host: string,
  { address, clock, timeoutMs, signal }: LookupLimits,
): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  const failed = (reason: string, cause?: unknown): ConnectionError =>
    new ConnectionError(address, `the host name ${host} ${reason}`, 'not_applied', { cause })
  const ask = async (): Promise<readonly string[]> => {
    try {
      return checkAnswer(await lookup(host))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw failed(`cannot be resolved: ${reason}`, error)
    }
  }
  const found = await runLimited(ask, {
    ...{ clock, timeoutMs, signal },
    timeoutError: () => failed(`was not resolved within ${timeoutMs} ms`),
    abortError: () => failed('is no longer needed'),
  })
  if (found.length === 0) throw failed('has no address')
  return [...new Set(found)].slice(0, addressCountMax)
}

/** @throws TypeError unless it is a list of IP addresses */
function checkAnswer(found: unknown): readonly string[] {
  if (!Array.isArray(found)) throw new TypeError('the lookup has returned no list')
  for (const one of found as readonly unknown[]) {
    if (typeof one === 'string' && isIP(one) !== 0) continue
    const what = typeof one === 'string' || typeof one === 'number' ? one : typeof one
    throw new TypeError(`the lookup has returned ${what}, which is no IP address`)
  }
  return found as readonly string[]
}
