import {
  ConfigError,
  type Consistency,
  consistencyName,
  isSerialCode,
  NoNodeAvailableError,
  type SerialConsistency,
} from '../errors/index.ts'
import type { Target } from '../routing/index.ts'
import type { LoadBalancingPolicy, NodeInfo, PlanEntry, RoutedRequest } from '../types/index.ts'
import type {
  BalancedNode,
  BalancingState,
  RequestFacts,
  RoutingInfo,
  TargetPolicy,
} from './target-policy.ts'
import { ignoreRejection } from '../util/index.ts'
import { TokenAwarePolicy } from './token-aware.ts'

/** Entries of a plan that are read; a policy that yields more will never end. */
const planEntryCountMax = 10_000

/** Asks the policy of a user, and checks what it says. */
class PlanPolicy implements TargetPolicy {
  readonly #policy: LoadBalancingPolicy

  constructor(policy: LoadBalancingPolicy) {
    this.#policy = policy
  }

  pick(): undefined {
    return undefined
  }

  *nodesFor<Node extends BalancedNode>(
    facts: RequestFacts,
    state: BalancingState<Node>,
  ): Iterable<Node> {
    for (const { node } of this.fallback(facts, facts.routing(), state)) yield node
  }

  scopeOf<Node extends BalancedNode>(facts: RequestFacts, state: BalancingState<Node>): string {
    const hostIds = new Set<string>()
    for (const node of this.nodesFor(facts, state)) hostIds.add(node.info.hostId)
    return [...hostIds].sort().join()
  }

  *fallback<Node extends BalancedNode>(
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Iterable<Target<Node>> {
    const replicas = routing === undefined ? [] : state.locator.replicasFor(routing)
    let count = 0
    const entries = this.#entries(describeRequest(facts, routing, replicas), state)
    let isDone = false
    try {
      for (;;) {
        const next = stepOf(entries)
        isDone = next === undefined
        if (next === undefined) break
        if (++count > planEntryCountMax) {
          throw failed(`its plan has more than ${planEntryCountMax} entries`)
        }
        yield targetOf(next.value, replicas, state)
      }
    } finally {
      if (!isDone) endOf(entries)
    }
    if (count === 0) {
      throw new NoNodeAvailableError(
        new Map(),
        'loadBalancingPolicy has named no node for the request',
      )
    }
  }

  #entries(request: RoutedRequest, { cluster }: BalancingState<BalancedNode>): Iterator<PlanEntry> {
    let plan: unknown
    try {
      plan = this.#policy.plan(request, cluster)
      const iterable = plan as Iterable<PlanEntry>
      if (typeof plan === 'object' && typeof iterable?.[Symbol.iterator] === 'function') {
        return iterable[Symbol.iterator]()
      }
    } catch (cause) {
      throw failed(messageOf(cause), cause)
    }
    ignoreRejection(plan)
    throw failed(`plan() returned ${describe(plan)}, which is no iterable of nodes`)
  }
}

/** The rest of a plan is not needed, so what its end throws does not matter. */
function endOf(entries: Iterator<PlanEntry>): void {
  try {
    entries.return?.()
  } catch {}
}

/** @returns the next entry, or `undefined` at the end @throws ConfigError */
function stepOf(entries: Iterator<PlanEntry>): IteratorYieldResult<PlanEntry> | undefined {
  try {
    const result = entries.next()
    return result.done === true ? undefined : result
  } catch (cause) {
    throw failed(messageOf(cause), cause)
  }
}

/** @throws ConfigError for what is no node of the cluster */
function targetOf<Node extends BalancedNode>(
  entry: PlanEntry,
  replicas: readonly Target<Node>[],
  { targets }: BalancingState<Node>,
): Target<Node> {
  const isObject = typeof entry === 'object' && entry !== null
  const target = targets.get(entry as NodeInfo)
  // The tablet of a partition says which shard of its replicas has it.
  if (target !== undefined) return replicas.find(({ node }) => node === target.node) ?? target
  if (!isObject || !('node' in entry)) throw foreign(entry)
  const { node, shard } = entry
  const own = targets.get(node)
  if (own === undefined) throw foreign(node)
  if (!Number.isInteger(shard) || shard < 0) {
    throw failed(`it has named the shard ${describe(shard)} of ${node.address}`)
  }
  return { node: own.node, shard, isLeader: false }
}

function foreign(entry: unknown): ConfigError {
  const address = (entry as Partial<NodeInfo> | null | undefined)?.address
  const what = typeof address === 'string' ? `the node ${address}` : describe(entry)
  return failed(`its plan has ${what}, which is none of the nodes it was given`)
}

function failed(reason: string, cause?: unknown): ConfigError {
  return new ConfigError(`loadBalancingPolicy has failed: ${reason}`, 'not_applied', { cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** Copies what is known of a request: the routing is valid for one request only. */
function describeRequest<Node extends BalancedNode>(
  { consistency, kind, profile, routedTable }: RequestFacts,
  routing: RoutingInfo | undefined,
  replicas: readonly Target<Node>[],
): RoutedRequest {
  const token =
    routing === undefined
      ? undefined
      : (BigInt(routing.tokenHigh | 0) << 32n) | BigInt(routing.tokenLow >>> 0)
  return Object.freeze({
    keyspace: routedTable?.keyspace,
    table: routedTable?.table,
    isConditional: kind === 'lwt' || isSerialCode(consistency),
    consistency: consistencyName(consistency) as Consistency,
    serialConsistency: consistencyName(profile.serialConsistency) as SerialConsistency,
    token,
    replicas: Object.freeze(replicas.map(({ node }) => node.info)),
  })
}

const adapters = new WeakMap<LoadBalancingPolicy, TargetPolicy>()

/**
 * Returns what chooses targets as a policy says; the default policy does so itself.
 *
 * @throws ConfigError for what is no policy
 */
export function targetPolicyOf(policy: LoadBalancingPolicy): TargetPolicy {
  if (policy instanceof TokenAwarePolicy) return policy
  const isObject = typeof policy === 'object' && policy !== null
  if (!isObject || typeof policy.plan !== 'function') {
    throw new ConfigError(
      'loadBalancingPolicy must be an object with the method plan, for example tokenAwareLoadBalancing()',
    )
  }
  let adapter = adapters.get(policy)
  if (adapter === undefined) {
    adapter = new PlanPolicy(policy)
    adapters.set(policy, adapter)
  }
  return adapter
}
