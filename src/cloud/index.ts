import type { CloudOptions } from './cloud-options.ts'
import type { CloudCluster } from './open-cloud.ts'
import type { LinkOptions } from './proxied-endpoint.ts'

export {
  type AwsKeyspacesOptions,
  type AwsKeyspacesSession,
  awsKeyspaces,
} from './aws-keyspaces.ts'
export {
  type ConsistencyCheck,
  consistencyCheckOf,
  type ConsistencyRules,
} from './consistency-rules.ts'
export type { CloudCluster, CloudDefaults } from './open-cloud.ts'
export {
  checkCloudOptions,
  type CloudOptions,
  type ScyllaBundle,
  type ScyllaBundleContext,
  type ScyllaBundleDataCenter,
  type ScyllaBundleLogin,
} from './cloud-options.ts'
export { type AwsCredentials, type SigV4Options, sigV4AuthProvider } from './sigv4-auth-provider.ts'

/**
 * Opens the cluster that a bundle describes. What reads bundles is loaded only then.
 *
 * @throws ConfigError, ConnectionError, TlsError
 */
export async function openCloud(
  cloud: CloudOptions,
  links: LinkOptions,
  signal: AbortSignal | undefined,
): Promise<CloudCluster> {
  const { openBundle } = await import('./open-cloud.ts')
  return await openBundle(cloud, links, signal)
}
