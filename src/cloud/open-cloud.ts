import { ConfigError, type Consistency, ConnectionError } from '../errors/index.ts'
import type { Endpoint, Link, PeerNode } from '../transport/index.ts'
import { asBuffer, isBytes } from '../util/index.ts'
import { type AstraBundle, readAstraBundle } from './astra-bundle.ts'
import type { CloudOptions } from './cloud-options.ts'
import { type ContactInfo, readContactInfo } from './metadata-service.ts'
import { type LinkOptions, ProxiedEndpoint } from './proxied-endpoint.ts'
import { bundleBytesMax, readSmallFile } from './read-file.ts'
import { parseScyllaBundle, readScyllaBundle, type ScyllaCluster } from './scylla-bundle.ts'

/** What a bundle says about a session; its own options come first. */
export interface CloudDefaults {
  readonly localDataCenter: string
  readonly user?: string
  readonly password?: string
  readonly consistency?: Consistency
  readonly serialConsistency?: 'SERIAL' | 'LOCAL_SERIAL'
}

export interface CloudCluster {
  /** Contact points. Each of them knows the way to all other nodes. */
  readonly endpoints: readonly Endpoint[]
  readonly defaults: CloudDefaults
}

/**
 * Reads a bundle, and asks the metadata service where the nodes are if the bundle names one.
 *
 * @throws ConfigError for the bundle, ConnectionError and TlsError of the metadata service
 */
export async function openBundle(
  { bundle }: CloudOptions,
  links: LinkOptions,
  signal: AbortSignal | undefined,
): Promise<CloudCluster> {
  if (typeof bundle !== 'string' && !isBytes(bundle)) {
    return scyllaCluster(await readScyllaBundle(bundle), links)
  }
  const path = typeof bundle === 'string' ? bundle : undefined
  const bytes =
    typeof bundle === 'string' ? await readSmallFile(bundle, 'cloud.bundle') : asBuffer(bundle)
  if (bytes.length > bundleBytesMax) {
    throw new ConfigError(`cloud.bundle has more than ${bundleBytesMax} bytes`)
  }
  if (bytes.length === 0) throw new ConfigError('cloud.bundle is empty')
  if (!bytes.subarray(0, 2).equals(Buffer.from('PK'))) {
    return scyllaCluster(await readScyllaBundle(await parseScyllaBundle(bytes), path), links)
  }
  const astra = readAstraBundle(bytes)
  const { clock, connectTimeoutMs: timeoutMs } = links
  return astraCluster(astra, await readContactInfo(astra, { clock, timeoutMs, signal }), links)
}

/** Nodes of Astra DB: the server name is the host id, the certificate is that of the proxy. */
function astraCluster(
  { ca, cert, key, login }: AstraBundle,
  { proxy, localDataCenter, hostIds }: ContactInfo,
  links: LinkOptions,
): CloudCluster {
  const endpointOf = (hostId: string): Endpoint =>
    new ProxiedEndpoint(
      {
        ...proxy,
        tls: { ca, cert, key },
        ...{ hostId, serverName: hostId, certificateName: proxy.host },
      },
      links,
      (peer) => endpointOf(peer.hostId),
    )
  return { endpoints: hostIds.map(endpointOf), defaults: { localDataCenter, ...login } }
}

/** Nodes of ScyllaDB: each has a name of its own below the domain of its data center. */
function scyllaCluster(cluster: ScyllaCluster, links: LinkOptions): CloudCluster {
  const { dataCenters, identity, login, localDataCenter } = cluster
  const { consistency, serialConsistency } = cluster
  const endpointOf = (dataCenter: string, hostId: string | undefined): Endpoint => {
    const proxy = dataCenters.get(dataCenter)
    if (proxy === undefined) return new MissingRoute(hostId ?? '', dataCenter)
    const { host, port, nodeDomain, ca, insecureSkipVerify } = proxy
    const serverName = hostId === undefined ? nodeDomain : `${hostId}.${nodeDomain}`
    const tls = { ...(ca === undefined ? {} : { ca }), ...identity, insecureSkipVerify }
    const certificateName = proxy.certificateName ?? serverName
    return new ProxiedEndpoint(
      { host, port, tls, hostId, serverName, certificateName },
      links,
      routeToPeer,
    )
  }
  const routeToPeer = ({ hostId, dataCenter }: PeerNode): Endpoint => endpointOf(dataCenter, hostId)
  return {
    endpoints: [...dataCenters.keys()].map((name) => endpointOf(name, undefined)),
    defaults: {
      localDataCenter,
      ...login,
      ...(consistency === undefined ? {} : { consistency }),
      ...(serialConsistency === undefined ? {} : { serialConsistency }),
    },
  }
}

/** A node in a data center that the bundle does not know. */
class MissingRoute implements Endpoint {
  readonly address: string
  readonly hostId: string
  readonly network: Endpoint['network']
  readonly clock = undefined
  readonly #dataCenter: string

  constructor(hostId: string, dataCenter: string) {
    this.address = hostId
    this.hostId = hostId
    this.network = { host: hostId, port: 0 }
    this.#dataCenter = dataCenter
  }

  open(): Promise<Link> {
    const name = JSON.stringify(this.#dataCenter)
    const reason = `the bundle has no data center ${name}, in which the node is`
    return Promise.reject(new ConnectionError(this.address, reason, 'not_applied'))
  }

  async release(): Promise<void> {}
}
