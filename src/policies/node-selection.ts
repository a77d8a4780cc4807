import { ConfigError } from '../errors/index.ts'
import type {
  ClusterInfo,
  LoadBalancingPolicy,
  NodeInfo,
  PlanEntry,
  RoutedRequest,
} from '../types/index.ts'
import { TokenAwarePolicy } from './token-aware.ts'

/** Whether a node has this host id, this `host:port`, or this host at any port. */
function isNamed({ hostId, address }: NodeInfo, name: string): boolean {
  return hostId === name || address === name || hostOf(address) === bare(name)
}

function hostOf(address: string): string {
  return bare(address.replace(/:\d+$/, ''))
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

function checkNames(what: string, names: readonly string[]): ReadonlySet<string> {
  const isList = Array.isArray(names) && names.length > 0
  if (isList && names.every((name) => typeof name === 'string' && name !== '')) {
    return new Set(names)
  }
  throw new ConfigError(
    `${what} takes a list of host ids or addresses, such as ['10.0.0.1', '10.0.0.2:9042']`,
  )
}

/**
 * Sends requests to some nodes only, in the order of another policy. The session still connects to
 * the others: `hostFilter` keeps it from that.
 *
 * @param names host ids, `host:port`, or hosts
 * @param base orders the nodes. Default `tokenAwareLoadBalancing()`
 * @throws ConfigError
 */
export function allowListLoadBalancing(
  names: readonly string[],
  base: LoadBalancingPolicy = new TokenAwarePolicy(),
): LoadBalancingPolicy {
  const allowed = [...checkNames('allowListLoadBalancing', names)]
  if (typeof base?.plan !== 'function') {
    throw new ConfigError('The second argument of allowListLoadBalancing must be a policy')
  }
  const isAllowed = (entry: PlanEntry): boolean => {
    const node = 'node' in entry ? entry.node : entry
    return allowed.some((name) => isNamed(node, name))
  }
  return Object.freeze({
    *plan(request: RoutedRequest, cluster: ClusterInfo) {
      for (const entry of base.plan(request, cluster)) if (isAllowed(entry)) yield entry
    },
  })
}

/** Options of {@link singleTargetLoadBalancing}. */
export interface SingleTargetOptions {
  /** Host id, `host:port` or host. */
  readonly node: string
  /**
   * Shard of the node, on ScyllaDB. While it has no connection with room, another shard of the node
   * serves the request. Default: that of the partition.
   */
  readonly shard?: number | undefined
}

/**
 * Sends requests to one node. While it is down or not known they fail, also when others are up.
 *
 * @throws ConfigError
 */
export function singleTargetLoadBalancing(options: SingleTargetOptions): LoadBalancingPolicy {
  const isObject = typeof options === 'object' && options !== null
  if (!isObject || typeof options.node !== 'string' || options.node === '') {
    throw new ConfigError(
      "singleTargetLoadBalancing takes a node, such as { node: '10.0.0.1:9042' }",
    )
  }
  const { node: name, shard } = options
  if (shard !== undefined && (!Number.isInteger(shard) || shard < 0)) {
    throw new ConfigError('shard of singleTargetLoadBalancing must be an integer of at least 0')
  }
  return Object.freeze({
    plan(_request: RoutedRequest, { nodes }: ClusterInfo): readonly PlanEntry[] {
      const named = nodes.filter((node) => isNamed(node, name))
      return shard === undefined ? named : named.map((node) => ({ node, shard }))
    },
  })
}
