import { ConfigError } from '../errors/index.ts'
import type { TlsOptions } from '../transport/index.ts'
import { didYouMean } from '../util/index.ts'
import type { ContactPoint, SessionOptions } from './options.ts'

type OptionName = Exclude<keyof SessionOptions, 'contactPoints'>

/** How the text of a parameter becomes the value of an option. */
const readers = {
  text: String,
  number: readNumber,
  flag: readFlag,
  servername: readServername,
} as const

/** Parameters that a connection string may have: options whose values are texts or numbers. */
const parameters = new Map<string, readonly [option: OptionName, reader: keyof typeof readers]>([
  ['dc', ['localDataCenter', 'text']],
  // Where nodes are known by addresses that their certificates do not carry.
  ['servername', ['tls', 'servername']],
  ...of('text', 'localDataCenter', 'compression', 'consistency', 'serialConsistency', 'timestamps'),
  ...of('text', 'int64', 'timestampValues', 'applicationName'),
  ...of('number', 'connectionTimeoutMs', 'requestTimeoutMs', 'tcpKeepAliveMs', 'pageSize'),
  ...of('number', 'heartbeatIntervalMs', 'preparedCountMax', 'inFlightBytesMax', 'poolSize'),
  ...of('number', 'queueCountMax', 'queueBytesMax', 'resultBytesMax', 'protocolVersionMax'),
  ...of('number', 'schemaAgreementTimeoutMs'),
  ...of(
    'flag',
    'tls',
    'tcpNoDelay',
    'shardAwarePort',
    'createKeyspace',
    'keyspaceCaseSensitive',
    'codeGeneration',
  ),
])

function of(
  reader: keyof typeof readers,
  ...names: readonly OptionName[]
): [string, [OptionName, keyof typeof readers]][] {
  return names.map((name) => [name, [name, reader]])
}

/** Environment variable with the connection string of sessions that are given no contact point. */
export const urlVariable = 'TSYLLA_URL'

/** `scheme://`, login before the last `@`, hosts, keyspace, parameters. */
const pattern = /^(cqls?):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#@]*))?$/

/** Whether a contact point is a connection string: `cql://…`, or `cqls://…` for TLS. */
export function isConnectionString(contactPoint: ContactPoint | undefined): contactPoint is string {
  return typeof contactPoint === 'string' && /^cqls?:\/\//.test(contactPoint)
}

/**
 * Returns options whose contact points are all hosts: a connection string is replaced by what it
 * says, which the other options override. Without contact points, the environment variable
 * `TSYLLA_URL` has them.
 *
 * @throws ConfigError
 */
export function expandConnectionString(options: SessionOptions): SessionOptions {
  const { contactPoints } = options
  const fromEnvironment = process.env[urlVariable]
  const isOpen =
    Array.isArray(contactPoints) && contactPoints.length === 0 && options.cloud === undefined
  const given = isOpen && fromEnvironment ? [fromEnvironment] : contactPoints
  if (!Array.isArray(given) || !given.some(isConnectionString)) {
    return given === contactPoints ? options : { ...options, contactPoints: given }
  }
  const [url] = given as readonly ContactPoint[]
  if (given.length > 1 || !isConnectionString(url)) {
    throw new ConfigError(
      'A connection string names all contact points: it must be the only one, as in cql://node1,node2/keyspace',
    )
  }
  const ofUrl = readConnectionString(url)
  const own = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...ofUrl, ...Object.fromEntries(own), contactPoints: ofUrl.contactPoints }
}

/**
 * Reads `cql://user:password@host:port,host/keyspace?name=value`. Login, keyspace and values are
 * percent-decoded.
 *
 * @throws ConfigError, which never contains the password
 */
export function readConnectionString(url: string): SessionOptions {
  const match = pattern.exec(url)
  if (match === null) throw malformed(url)
  const [, scheme, login, hosts = '', keyspace = '', query = ''] = match
  const contactPoints = hosts.split(',').filter((host) => host !== '')
  if (contactPoints.length === 0) throw malformed(url)
  const options = readParameters(url, query)
  const hasTls = typeof options.tls === 'object' || scheme !== 'cqls'
  return {
    contactPoints,
    ...(login === undefined ? {} : readLogin(url, login)),
    ...(keyspace === '' ? {} : { keyspace: decode(url, keyspace) }),
    ...options,
    ...(hasTls ? {} : { tls: true }),
  }
}

function readLogin(url: string, login: string): Pick<SessionOptions, 'user' | 'password'> {
  const colon = login.indexOf(':')
  if (colon <= 0) {
    throw new ConfigError(
      `The login of ${withoutPassword(url)} must be user:password, percent-encoded`,
    )
  }
  const user = decode(url, login.slice(0, colon))
  return { user, password: decode(url, login.slice(colon + 1)) }
}

function readParameters(url: string, query: string): Partial<SessionOptions> {
  const options: { [name: string]: unknown } = {}
  for (const part of query.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decode(url, equals === -1 ? part : part.slice(0, equals))
    const parameter = parameters.get(name)
    if (parameter === undefined) {
      const known = [...parameters.keys()]
      throw new ConfigError(
        `Unknown parameter ${JSON.stringify(name)} of ${withoutPassword(url)}.${didYouMean(name, known)} The parameters are ${known.join(', ')}`,
      )
    }
    const [option, reader] = parameter
    if (option in options) {
      throw new ConfigError(`${withoutPassword(url)} has the parameter ${name} twice`)
    }
    const text = equals === -1 ? '' : decode(url, part.slice(equals + 1))
    options[option] = readers[reader](text, name)
  }
  return options
}

function readNumber(text: string, name: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new ConfigError(`The parameter ${name} is a number, not ${JSON.stringify(text)}`)
}

function readServername(text: string, name: string): TlsOptions {
  if (text !== '') return { servername: text }
  throw new ConfigError(`The parameter ${name} is a host name`)
}

function readFlag(text: string, name: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new ConfigError(`The parameter ${name} is true or false, not ${JSON.stringify(text)}`)
}

function decode(url: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new ConfigError(
      `${withoutPassword(url)} is not percent-encoded: write % as %25, @ as %40, : as %3A, / as %2F`,
    )
  }
}

/** The string with the login replaced, for messages. */
function withoutPassword(url: string): string {
  return JSON.stringify(url.replace(/^([^:]+:\/\/)[^]*@/, '$1…@'))
}

function malformed(url: string): ConfigError {
  return new ConfigError(
    `${withoutPassword(url)} is no connection string: cql://user:password@host:port,host/keyspace?dc=name, or cqls:// for TLS; : / ? # @ in texts are percent-encoded`,
  )
}
