import { posix } from 'node:path'
import { ConfigError } from '../errors/index.ts'
import { parseAddress } from '../transport/index.ts'
import { checkCertificate, checkIdentity, type TlsIdentity } from './certificates.ts'
import { Fields } from './fields.ts'
import { ZipArchive } from './zip-archive.ts'

/** A secure connect bundle of Astra DB. */
export interface AstraBundle extends TlsIdentity {
  /** The metadata service, which knows the proxy and the nodes. */
  readonly host: string
  readonly port: number
  readonly ca: Buffer
  /** Bundles of older versions have a login. */
  readonly login: { readonly user: string; readonly password: string } | undefined
}

const configName = 'config.json'

/** @throws ConfigError that names the part of the bundle that is wrong */
export function readAstraBundle(bytes: Buffer): AstraBundle {
  const zip = new ZipArchive(bytes)
  const source = `${configName} of the bundle`
  const config = new Fields(source, parseJson(zip.read(configName), source))
  const { host, port } = readAddress(config)
  const partOf = (field: string, fallback: string): [Buffer, (reason: string) => ConfigError] => {
    const name = posix.normalize(config.optionalText(field) ?? fallback)
    const fault = (reason: string, cause?: unknown): ConfigError =>
      new ConfigError(`${JSON.stringify(name)} of the bundle ${reason}`, undefined, { cause })
    return [zip.read(name), fault]
  }
  const [ca, caFault] = partOf('caCertLocation', 'ca.crt')
  const [cert, certFault] = partOf('certLocation', 'cert')
  const [key, keyFault] = partOf('keyLocation', 'key')
  checkCertificate(ca, caFault)
  checkCertificate(cert, certFault)
  checkIdentity({ cert, key }, keyFault)
  return { host, port, ca, cert, key, login: readLogin(config) }
}

function readAddress(config: Fields): { readonly host: string; readonly port: number } {
  const host = config.text('host')
  const value = config.value('port')
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw config.fault('port', value === undefined ? 'is missing' : 'is no port, 1 … 65535')
  }
  try {
    const parsed = parseAddress(host, port)
    if (parsed.port === port) return parsed
  } catch (error) {
    throw config.fault('host', 'is no host', error)
  }
  throw config.fault('host', 'has a port of its own')
}

function readLogin(config: Fields): AstraBundle['login'] {
  const user = config.optionalText('username')
  const password = config.optionalText('password')
  return user === undefined || password === undefined ? undefined : { user, password }
}

/** @param source begins the message of an error */
export function parseJson(bytes: Buffer, source: string): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown
  } catch {
    // The error of JSON.parse quotes the text, which may hold a password.
    throw new ConfigError(`${source} is no JSON`)
  }
}
