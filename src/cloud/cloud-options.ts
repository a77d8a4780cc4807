import { ConfigError } from '../errors/index.ts'
import { isBytes } from '../util/index.ts'

/** A cluster that a connection bundle describes. */
export interface CloudOptions {
  /**
   * The secure connect bundle of DataStax Astra DB (a zip file), or the connection bundle of
   * ScyllaDB (YAML or JSON): the path of the file, its bytes, or what a bundle of ScyllaDB contains
   * as an object. YAML needs the package `yaml`.
   */
  readonly bundle: string | Uint8Array | ScyllaBundle
}

/** A connection bundle of ScyllaDB. Data is PEM in base64; a path is that of a PEM file. */
export interface ScyllaBundle {
  readonly kind?: string
  readonly apiVersion?: string
  readonly datacenters: { readonly [name: string]: ScyllaBundleDataCenter }
  readonly authInfos: { readonly [name: string]: ScyllaBundleLogin }
  readonly contexts: { readonly [name: string]: ScyllaBundleContext }
  readonly currentContext: string
  readonly parameters?: {
    readonly defaultConsistency?: string
    readonly defaultSerialConsistency?: string
  }
}

export interface ScyllaBundleDataCenter {
  /** `host:port` of the proxy. Default port 9142. */
  readonly server: string
  /** A node is reached by the server name `<host id>.<nodeDomain>`. */
  readonly nodeDomain: string
  /** Name that certificates carry. Default: the server name. */
  readonly tlsServerName?: string
  readonly certificateAuthorityData?: string
  readonly certificateAuthorityPath?: string
  /** Accept any certificate: see {@link TlsOptions.insecureSkipVerify}. */
  readonly insecureSkipTlsVerify?: boolean
}

export interface ScyllaBundleLogin {
  readonly clientCertificateData?: string
  readonly clientCertificatePath?: string
  readonly clientKeyData?: string
  readonly clientKeyPath?: string
  readonly username?: string
  readonly password?: string
}

export interface ScyllaBundleContext {
  readonly datacenterName: string
  readonly authInfoName: string
}

/** @throws ConfigError unless it has a bundle of a type that bundles have */
export function checkCloudOptions(cloud: CloudOptions): CloudOptions {
  if (typeof cloud !== 'object' || cloud === null || isBytes(cloud)) {
    throw new ConfigError('cloud must be an object: { bundle: path, bytes or object }')
  }
  const unknown = Object.keys(cloud).find((name) => name !== 'bundle')
  if (unknown !== undefined) {
    throw new ConfigError(
      `cloud has the unknown field ${JSON.stringify(unknown)}; its only field is bundle`,
    )
  }
  const bundle: unknown = cloud.bundle
  const isPath = typeof bundle === 'string' && bundle !== ''
  const isObject = typeof bundle === 'object' && bundle !== null && !Array.isArray(bundle)
  if (isPath || isObject) return cloud
  throw new ConfigError('cloud.bundle must be a path, bytes, or the object of a ScyllaDB bundle')
}
