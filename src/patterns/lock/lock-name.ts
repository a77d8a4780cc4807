import { ConfigError } from '../../errors/index.ts'

const nameBytesMax = 8_192

/** @param what has the name, for the error @throws ConfigError unless `name` can be one */
export function checkLockName(what: string, name: string): void {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= nameBytesMax) return
  throw new ConfigError(`The name of a ${what} must be a text of 1 to ${nameBytesMax} bytes`)
}
