import { dirname, resolve } from 'node:path'
import {
  ConfigError,
  type Consistency,
  ConsistencyCode,
  DependencyMissingError,
} from '../errors/index.ts'
import { parseAddress } from '../transport/index.ts'
import { importPackage } from '../util/index.ts'
import { parseJson } from './astra-bundle.ts'
import { checkCertificate, checkIdentity, type TlsIdentity } from './certificates.ts'
import { Fields } from './fields.ts'
import { readSmallFile } from './read-file.ts'

/** A connection bundle of ScyllaDB, checked. */
export interface ScyllaCluster {
  /** By name; that of the context is the first. */
  readonly dataCenters: ReadonlyMap<string, ScyllaProxy>
  readonly identity: TlsIdentity | undefined
  readonly login: { readonly user: string; readonly password: string } | undefined
  readonly localDataCenter: string
  readonly consistency: Consistency | undefined
  readonly serialConsistency: 'SERIAL' | 'LOCAL_SERIAL' | undefined
}

/** How nodes of one data center are reached. */
export interface ScyllaProxy {
  readonly host: string
  readonly port: number
  readonly nodeDomain: string
  readonly certificateName: string | undefined
  readonly ca: Buffer | undefined
  readonly insecureSkipVerify: boolean
}

const defaultPort = 9142
const kind = 'CQLConnectionConfig'
const source = 'The bundle'

/**
 * Parses the text of a bundle, which is YAML or JSON.
 *
 * @param load imports the package that reads YAML
 * @throws ConfigError, DependencyMissingError
 */
export async function parseScyllaBundle(
  bytes: Buffer,
  load: typeof importPackage = importPackage,
): Promise<unknown> {
  const text = bytes.toString()
  if (text.trimStart().startsWith('{')) return parseJson(bytes, source)
  let yaml: { readonly parse?: (text: string, options: object) => unknown }
  try {
    yaml = await load('yaml')
  } catch (error) {
    throw new DependencyMissingError('yaml', 'A bundle in YAML', { cause: error })
  }
  try {
    // Aliases could make a small text a large object.
    return yaml.parse!(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch (error) {
    // The message quotes lines of the text, which has a key in it.
    const { code, linePos } = error as { code?: string; linePos?: readonly { line: number }[] }
    const line = linePos?.[0]?.line
    const where = line === undefined ? '' : ` in line ${line}`
    throw new ConfigError(
      `${source} is neither a zip archive nor valid YAML or JSON: ${code ?? 'it cannot be parsed'}${where}`,
    )
  }
}

/**
 * Checks a bundle, and reads the files that it names.
 *
 * @param path of the bundle; relative paths in it begin in its folder
 * @throws ConfigError that names the field
 */
export async function readScyllaBundle(value: unknown, path?: string): Promise<ScyllaCluster> {
  const bundle = new Fields(source, value)
  const ownKind = bundle.optionalText('kind')
  if (ownKind !== undefined && ownKind !== kind) {
    throw bundle.fault('kind', `is ${JSON.stringify(ownKind)} instead of ${JSON.stringify(kind)}`)
  }
  const current = bundle.text('currentContext')
  const contexts = bundle.fields('contexts')
  const context = named(bundle, 'currentContext', current, contexts)
  const localDataCenter = context.text('datacenterName')
  const logins = bundle.fields('authInfos')
  const login = named(context, 'authInfoName', context.text('authInfoName'), logins)
  const dataCenters = bundle.fields('datacenters')
  named(context, 'datacenterName', localDataCenter, dataCenters)
  const folder = path === undefined ? process.cwd() : dirname(path)
  const names = [...new Set([localDataCenter, ...dataCenters.names])]
  const proxies = new Map<string, ScyllaProxy>()
  for (const name of names) {
    proxies.set(name, await readProxy(dataCenters.fields(name), folder))
  }
  return {
    dataCenters: proxies,
    identity: await readIdentity(login, folder),
    login: readLogin(login),
    localDataCenter,
    ...readParameters(bundle),
  }
}

/** Returns what a field of the bundle refers to. */
function named(owner: Fields, field: string, name: string, all: Fields): Fields {
  if (all.names.includes(name)) return all.fields(name)
  const known = all.names.map((one) => JSON.stringify(one)).join(', ') || 'none'
  throw owner.fault(field, `names ${JSON.stringify(name)}, which is not there; there are: ${known}`)
}

async function readProxy(fields: Fields, folder: string): Promise<ScyllaProxy> {
  if (fields.optionalText('proxyURL') !== undefined) {
    throw fields.fault('proxyURL', 'is not supported')
  }
  const ca = await readPem(fields, 'certificateAuthority', folder)
  if (ca !== undefined) checkCertificate(ca.pem, ca.fault)
  return {
    ...readServer(fields),
    nodeDomain: readDomain(fields, 'nodeDomain', fields.text('nodeDomain')),
    certificateName: fields.optionalText('tlsServerName'),
    ca: ca?.pem,
    insecureSkipVerify: fields.flag('insecureSkipTlsVerify'),
  }
}

function readServer(fields: Fields): { readonly host: string; readonly port: number } {
  const server = fields.text('server')
  try {
    return parseAddress(server, defaultPort)
  } catch (error) {
    throw fields.fault('server', 'is not host or host:port', error)
  }
}

function readDomain(fields: Fields, name: string, domain: string): string {
  // Together with a host id and a dot it is a name of at most 253 characters.
  if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(domain) && domain.length <= 216) return domain
  throw fields.fault(name, 'is no domain name')
}

async function readIdentity(login: Fields, folder: string): Promise<TlsIdentity | undefined> {
  const cert = await readPem(login, 'clientCertificate', folder)
  const key = await readPem(login, 'clientKey', folder)
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined) throw login.fault('clientCertificateData', 'is missing')
  if (key === undefined) throw login.fault('clientKeyData', 'is missing')
  checkCertificate(cert.pem, cert.fault)
  return checkIdentity({ cert: cert.pem, key: key.pem }, key.fault)
}

interface Pem {
  readonly pem: Buffer
  readonly fault: (reason: string, cause?: unknown) => ConfigError
}

/** Reads PEM from `<name>Data`, in base64, or else from the file `<name>Path`. */
async function readPem(fields: Fields, name: string, folder: string): Promise<Pem | undefined> {
  const dataName = `${name}Data`
  const data = fields.optionalText(dataName)
  const faultOf =
    (field: string) =>
    (reason: string, cause?: unknown): ConfigError =>
      fields.fault(field, reason, cause)
  if (data !== undefined) {
    // Base64 in YAML may be folded.
    const text = data.replaceAll(/\s/g, '')
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw fields.fault(dataName, 'is no base64')
    return { pem: Buffer.from(text, 'base64'), fault: faultOf(dataName) }
  }
  const pathName = `${name}Path`
  const path = fields.optionalText(pathName)
  if (path === undefined) return undefined
  const what = `${source}: ${fields.pathOf(pathName)}`
  return { pem: await readSmallFile(resolve(folder, path), what), fault: faultOf(pathName) }
}

function readLogin(login: Fields): ScyllaCluster['login'] {
  const user = login.optionalText('username')
  const password = login.optionalText('password')
  if (user === undefined && password === undefined) return undefined
  if (user === undefined) throw login.fault('username', 'is missing')
  if (password === undefined) throw login.fault('password', 'is missing')
  return { user, password }
}

function readParameters(bundle: Fields): Pick<ScyllaCluster, 'consistency' | 'serialConsistency'> {
  const value = bundle.value('parameters') ?? undefined
  if (value === undefined) return { consistency: undefined, serialConsistency: undefined }
  const parameters = bundle.fields('parameters')
  const level = (name: string, known: readonly string[]): string | undefined => {
    const text = parameters.optionalText(name)?.toUpperCase()
    if (text === undefined || known.includes(text)) return text
    throw parameters.fault(name, `is none of ${known.join(', ')}`)
  }
  const serial = ['SERIAL', 'LOCAL_SERIAL']
  return {
    consistency: level('defaultConsistency', Object.keys(ConsistencyCode)) as
      | Consistency
      | undefined,
    serialConsistency: level(
      'defaultSerialConsistency',
      serial,
    ) as ScyllaCluster['serialConsistency'],
  }
}
