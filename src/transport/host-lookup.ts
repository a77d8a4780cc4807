import { lookup as lookupHost } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ConnectionError } from '../errors/index.ts'
import type { Clock } from '../util/index.ts'

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
  return await new Promise((resolve, reject) => {
    const timer = clock.schedule(timeoutMs, () => {
      reject(failed(`was not resolved within ${timeoutMs} ms`))
    })
    const giveUp = (): void => reject(failed('is no longer needed'))
    signal?.addEventListener('abort', giveUp)
    const run = async (): Promise<void> => {
      try {
        const found: unknown = await lookup(host)
        if (!Array.isArray(found)) throw new TypeError('the lookup has returned no list')
        const wrong = found.find((one) => typeof one !== 'string' || isIP(one) === 0)
        if (wrong !== undefined) {
          throw new TypeError(`the lookup has returned ${String(wrong)}, which is no IP address`)
        }
        if (found.length === 0) reject(failed('has no address'))
        else resolve([...new Set(found as readonly string[])].slice(0, addressCountMax))
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        reject(failed(`cannot be resolved: ${reason}`, error))
      } finally {
        timer.cancel()
        signal?.removeEventListener('abort', giveUp)
      }
    }
    void run()
  })
}
