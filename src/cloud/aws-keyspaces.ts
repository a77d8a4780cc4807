import { ConfigError } from '../errors/index.ts'
import type { AuthProvider, TlsOptions } from '../transport/index.ts'
import type { ConsistencyRules } from './consistency-rules.ts'
import { checkRegion, sigV4AuthProvider, type SigV4Options } from './sigv4-auth-provider.ts'

export interface AwsKeyspacesOptions {
  /** Region of the keyspaces, such as `eu-central-1`. */
  readonly region: string
  /**
   * Keys of AWS: see {@link SigV4Options.credentials}. Left out with the user and the password of
   * service-specific credentials, which are options of the session.
   */
  readonly credentials?: SigV4Options['credentials'] | undefined
  /** Host of the endpoint. Default: the public one of the region. */
  readonly host?: string | undefined
  /** Certificate authorities to trust. Default: those of Node, which know Amazon's. */
  readonly ca?: TlsOptions['ca'] | undefined
}

/** Options of a session on Amazon Keyspaces. */
export interface AwsKeyspacesSession {
  readonly contactPoints: readonly string[]
  readonly tls: TlsOptions
  readonly localDataCenter: string
  /** The one level that writes may have. */
  readonly consistency: 'LOCAL_QUORUM'
  /** Other levels fail before anything is sent. */
  readonly consistencyRules: ConsistencyRules
  readonly authProvider?: AuthProvider
}

/**
 * Levels that the service takes, by "Supported Apache Cassandra consistency levels" of its
 * developer guide. Batches and conditional statements are writes.
 */
const consistencyRules: ConsistencyRules = Object.freeze({
  service: 'Amazon Keyspaces',
  reads: ['LOCAL_QUORUM', 'LOCAL_ONE', 'ONE'] as const,
  writes: ['LOCAL_QUORUM'] as const,
})

/** Port of all endpoints; it speaks TLS only. */
const keyspacesPort = 9142

/**
 * Returns options for a session on Amazon Keyspaces: its endpoint in a region, TLS, the data
 * center, the consistency, and the login.
 *
 * @throws ConfigError
 */
export function awsKeyspaces(options: AwsKeyspacesOptions): AwsKeyspacesSession {
  const { region, credentials, ca, host = hostOf(region) } = options
  checkRegion(region)
  if (typeof host !== 'string' || !/^[a-z0-9][a-z0-9.-]*$/i.test(host)) {
    throw new ConfigError('host must be the name of a host, without a port')
  }
  return {
    contactPoints: [`${host}:${keyspacesPort}`],
    // Nodes are known by addresses, which their certificate does not carry.
    tls: { servername: host, ...(ca === undefined ? {} : { ca }) },
    localDataCenter: region,
    consistency: 'LOCAL_QUORUM',
    consistencyRules,
    ...(credentials === undefined
      ? {}
      : { authProvider: sigV4AuthProvider({ region, credentials }) }),
  }
}

function hostOf(region: string): string {
  const suffix = typeof region === 'string' && region.startsWith('cn-') ? '.cn' : ''
  return `cassandra.${region}.amazonaws.com${suffix}`
}
