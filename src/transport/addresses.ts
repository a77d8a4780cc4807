import { isIP } from 'node:net'
import { ConfigError } from '../errors/index.ts'

/** `host:port`, or `[v6]:port`. */
export function addressText(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Reads `host`, `host:port`, `[v6]`, `[v6]:port`.
 *
 * @param what begins the message of an error
 * @throws ConfigError
 */
export function parseAddress(
  text: string,
  defaultPort: number,
  what = 'Contact point',
): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2] ?? (isIP(text) === 6 ? text : undefined)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (host === undefined || host === '' || /\s/.test(host)) {
    throw new ConfigError(`${what} ${JSON.stringify(text)} is not host, host:port or [v6]:port`)
  }
  if (port < 1 || port > 65_535) {
    throw new ConfigError(`${what} ${JSON.stringify(text)} has a port outside 1 … 65535`)
  }
  return { host, port }
}
