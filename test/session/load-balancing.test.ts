import { describe, expect, onTestFinished, test } from 'vitest'
import {
  allowListLoadBalancing,
  type LoadBalancingPolicy,
  type NodeInfo,
  type PlanEntry,
  type RoutedRequest,
  type Session,
  type SessionOptions,
  singleTargetLoadBalancing,
  Statement,
  tokenAwareLoadBalancing,
} from '../../src/index.ts'
import { hostId, type MemberNode, membersOf } from '../support/member-node.ts'
import { connect, holdExecutes, settle } from '../support/scripted-session.ts'
import { answered, connectTwo, executeCount, hang, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectWarnings } from '../support/warnings.ts'

const select = 'SELECT c FROM t WHERE k = ?'
const appending = 'UPDATE t SET l = l + ? WHERE k = ?'

interface Opened {
  readonly clock: VirtualClock
  readonly nodes: readonly MemberNode[]
  readonly session: Session
}

/** A session of nodes in these data centers. */
async function open(
  dataCenters: readonly string[],
  options: Partial<SessionOptions> = {},
): Promise<Opened> {
  const clock = new VirtualClock()
  const nodes = membersOf(dataCenters.length, clock)
  for (const [i, node] of nodes.entries()) node.dataCenter = dataCenters[i]!
  const connecting = connect(nodes[0]!, { random: () => 0, ...options })
  await Promise.all([connecting.catch(() => {}), pass(clock, 500)])
  const session = await connecting
  onTestFinished(() => session.close())
  await settle()
  return { clock, nodes, session }
}

const counts = (nodes: readonly MemberNode[]): number[] => nodes.map(executeCount)

/** Loses a node: its connections, and all that it is asked for. */
function stop(node: MemberNode): void {
  node.open = () => Promise.reject(new Error('refused'))
  for (const connection of node.connections) connection.destroy()
}

/** Always the nodes with these numbers. */
const only = (...numbers: readonly number[]): LoadBalancingPolicy => ({
  plan: (_, { nodes }) => nodes.filter((node) => numbers.some((n) => node.hostId === hostId(n))),
})

describe('a load-balancing policy', () => {
  test('of the session, of a profile, of a statement or of a call decides, the latter first', async () => {
    const { session, nodes } = await open(['dc1', 'dc1', 'dc1', 'dc1'], {
      loadBalancingPolicy: only(1),
      executionProfiles: { second: { loadBalancingPolicy: only(2) } },
    })
    const profile = { executionProfile: 'second' }
    const statement = new Statement(select, [1]).withLoadBalancingPolicy(only(3))
    await session.execute(select, [1])
    expect(counts(nodes)).toEqual([1, 0, 0, 0])
    await session.execute(select, [1], profile)
    expect(counts(nodes)).toEqual([1, 1, 0, 0])
    await session.execute(statement, undefined, profile)
    expect(counts(nodes)).toEqual([1, 1, 1, 0])
    await session.execute(statement, undefined, { loadBalancingPolicy: only(4) })
    expect(counts(nodes)).toEqual([1, 1, 1, 1])
  })

  test('is told what the request is and how the nodes are', async () => {
    const asked: RoutedRequest[] = []
    const seen: NodeInfo[] = []
    const loadBalancingPolicy: LoadBalancingPolicy = {
      plan(request, { nodes, localDataCenter }) {
        asked.push(request)
        seen.push(...nodes)
        expect(localDataCenter).toBe('dc1')
        return nodes
      },
    }
    const { session, nodes } = await open(['dc1', 'dc2'], { loadBalancingPolicy })
    const held = holdExecutes(nodes[0]!)
    const pending = session.execute(select, [1], { consistency: 'ONE' })
    await settle()
    expect(asked.at(-1)).toMatchObject({
      ...{ keyspace: 'ks', table: 't', isConditional: false, consistency: 'ONE' },
      ...{ serialConsistency: 'LOCAL_SERIAL', token: undefined, replicas: [] },
    })
    const [first, second] = seen
    expect(first).toMatchObject({
      ...{ hostId: hostId(1), address: nodes[0]!.address },
      ...{ dataCenter: 'dc1', rack: 'r1', isUp: true, inFlightCount: 1, shardCount: undefined },
    })
    expect(second).toMatchObject({ dataCenter: 'dc2', isUp: true, inFlightCount: 0 })
    stop(nodes[1]!)
    await settle()
    expect(second!.isUp).toBe(false)
    answered(held[0]!)
    await pending
    await session.execute('SELECT now() FROM system.local')
    expect(asked.at(-1)).toMatchObject({ keyspace: undefined, table: undefined })
  })

  test.each<[string, () => unknown, string, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      'TSYLLA_CONFIG',
      /loadBalancingPolicy has failed: no idea/,
    ],
    ['returns nothing', () => undefined, 'TSYLLA_CONFIG', /is no iterable of nodes/],
    ['names no node', () => [], 'TSYLLA_NO_NODE_AVAILABLE', /has named no node/],
    ['names a foreign node', () => [{}], 'TSYLLA_CONFIG', /none of the nodes it was given/],
  ])('that %s fails its request, which was not applied', async (_, plan, code, message) => {
    const { session, nodes } = await open(['dc1', 'dc1'])
    const loadBalancingPolicy = { plan: plan as LoadBalancingPolicy['plan'] }
    for (const text of [select, 'SELECT now() FROM system.local']) {
      const failing = session.execute(text, text === select ? [1] : [], { loadBalancingPolicy })
      await expect(failing).rejects.toMatchObject({
        ...{ code, outcome: 'not_applied', message: expect.stringMatching(message) as string },
      })
    }
    expect(counts(nodes)).toEqual([0, 0])
    await session.execute(select, [1])
  })

  test('is asked once for an attempt while there is room, and a bounded number of times while requests wait', async () => {
    const two = await connectTwo()
    const { session, nodes } = two
    const statement = await session.prepare(select)
    let [callCount, entryCount] = [0, 0]
    const loadBalancingPolicy: LoadBalancingPolicy = {
      *plan(_, cluster): Generator<PlanEntry> {
        callCount++
        for (const node of cluster.nodes) {
          entryCount++
          yield node
        }
      },
    }
    for (let i = 0; i < 3; i++) {
      await session.executePrepared(statement, [i], { loadBalancingPolicy })
    }
    expect([callCount, entryCount]).toEqual([3, 3])
    const { outcomes } = await hang(two, statement)
    holdExecutes(nodes[1])
    const filling = Array.from({ length: 1_100 }, () => session.executePrepared(statement, [1]))
    await settle()
    callCount = 0
    const waiting = session.executePrepared(statement, [1], { loadBalancingPolicy })
    expect(callCount).toBeGreaterThan(1)
    expect(callCount).toBeLessThanOrEqual(4)
    const ended = Promise.allSettled([waiting, outcomes, ...filling])
    const closing = session.close({ graceMs: 0 })
    await pass(two.clock, 500)
    await Promise.all([closing, ended])
  })

  test('that never ends is given up when no node has room', async () => {
    const two = await connectTwo()
    const { session, nodes } = two
    const statement = await session.prepare(select)
    const { outcomes, held } = await hang(two, statement)
    const loadBalancingPolicy: LoadBalancingPolicy = {
      *plan(_, cluster): Generator<PlanEntry> {
        for (;;) yield cluster.nodes[0]!
      },
    }
    const failing = session.executePrepared(statement, [1], { loadBalancingPolicy })
    await expect(failing).rejects.toThrow(/more than 10000 entries/)
    nodes[0].script = () => 'default'
    for (const exchange of held) answered(exchange)
    await outcomes
    // With room the first entry is all that is read.
    await session.executePrepared(statement, [1], { loadBalancingPolicy })
    await session.close()
  })

  test('may abort the request that it decides about, whenever it is asked', async () => {
    const two = await connectTwo()
    const { session, nodes } = two
    const statement = await session.prepare(select)
    const { outcomes, held } = await hang(two, statement)
    for (let turn = 1; turn <= 4; turn++) {
      const controller = new AbortController()
      let askedCount = 0
      const loadBalancingPolicy: LoadBalancingPolicy = {
        plan: (_, cluster) => {
          if (++askedCount === turn) controller.abort()
          return cluster.nodes.slice(0, 1)
        },
      }
      const { signal } = controller
      const failing = session.executePrepared(statement, [1], { loadBalancingPolicy, signal })
      const aborted = expect(failing).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
      await settle()
      controller.abort()
      await aborted
    }
    nodes[0].script = () => 'default'
    for (const exchange of held) answered(exchange)
    await outcomes
    await expect(session.close()).resolves.toBeUndefined()
  })

  test.each([[3], ['roundRobin'], [{ pick() {} }]])('cannot be %j', async (loadBalancingPolicy) => {
    const options = { loadBalancingPolicy } as never
    await expect(open(['dc1'], options)).rejects.toThrow(/must be an object with the method plan/)
  })
})

describe('requests that may go to one node', () => {
  test('wait for it without holding up those that may go to others, and in their order', async () => {
    const two = await connectTwo()
    const { session, nodes } = two
    const statement = await session.prepare(select)
    const { outcomes, held } = await hang(two, statement)
    const pinned = singleTargetLoadBalancing({ node: hostId(1) })
    const waiting: number[] = []
    const pending = [1, 2, 3].map(async (value) => {
      await session.executePrepared(statement, [value], { loadBalancingPolicy: pinned })
      waiting.push(value)
    })
    await settle()
    const before = executeCount(nodes[1])
    const other = singleTargetLoadBalancing({ node: hostId(2) })
    await session.executePrepared(statement, [1], { loadBalancingPolicy: other })
    await session.executePrepared(statement, [1])
    expect(executeCount(nodes[1])).toBe(before + 2)
    expect(waiting).toEqual([])
    nodes[0].script = () => 'default'
    for (const exchange of held) answered(exchange)
    await Promise.all(pending)
    expect(waiting).toEqual([1, 2, 3])
    await outcomes
    await session.close()
  })

  test('fail while it is down, unless they may be repeated: then they wait for it', async () => {
    const { session, nodes, clock } = await open(['dc1', 'dc1'])
    const loadBalancingPolicy = allowListLoadBalancing([hostId(2)])
    const opens = nodes[1]!.open.bind(nodes[1]!)
    stop(nodes[1]!)
    await settle()
    const update = await session.prepare(appending)
    const failing = session.executePrepared(update, [1, 1], { loadBalancingPolicy })
    await expect(failing).rejects.toMatchObject({
      ...{ code: 'TSYLLA_NO_NODE_AVAILABLE', outcome: 'not_applied' },
      message: expect.stringContaining('No node that loadBalancingPolicy allows') as string,
    })
    const waiting = session.execute(select, [1], { loadBalancingPolicy })
    const late = session.execute(select, [1], { loadBalancingPolicy, timeout: 100 })
    const lateFailure = expect(late).rejects.toMatchObject({ code: 'TSYLLA_NO_NODE_AVAILABLE' })
    await pass(clock, 200)
    await lateFailure
    nodes[1]!.open = opens
    await pass(clock, 2_000)
    await waiting
    expect(counts(nodes)).toEqual([0, 1])
  })
})

describe('other data centers', () => {
  const dataCenters = ['dc1', 'dc1', 'dc2']

  test('take no requests while the local one is down, and the error says why', async () => {
    const warnings = collectWarnings()
    const { session, nodes, clock } = await open(dataCenters)
    expect(warnings).toEqual([
      'The cluster has the data centers "dc1", "dc2". Requests go to "dc1", that of the node that was reached first: set localDataCenter to choose one',
    ])
    const update = await session.prepare(appending)
    stop(nodes[0]!)
    stop(nodes[1]!)
    await settle()
    const failing = session.executePrepared(update, [1, 1], { consistency: 'QUORUM' })
    await expect(failing).rejects.toMatchObject({
      code: 'TSYLLA_NO_NODE_AVAILABLE',
      message: expect.stringMatching(/data center "dc1": see dataCenterFailover/) as string,
    })
    await pass(clock, 2_000)
    expect(executeCount(nodes[2]!)).toBe(0)
    expect(warnings).toHaveLength(1)
  })

  test('take them with failover, but those with local levels only where that is said', async () => {
    const { session, nodes } = await open(dataCenters, {
      localDataCenter: 'dc1',
      loadBalancingPolicy: tokenAwareLoadBalancing({ dataCenterFailover: true }),
    })
    const update = await session.prepare(appending)
    const run = (consistency: 'QUORUM' | 'LOCAL_QUORUM', policy?: LoadBalancingPolicy) =>
      session.executePrepared(update, [1, 1], {
        ...{ consistency, ...(policy === undefined ? {} : { loadBalancingPolicy: policy }) },
      })
    for (let i = 0; i < 10; i++) await run('QUORUM')
    expect(executeCount(nodes[2]!)).toBe(0)
    stop(nodes[0]!)
    stop(nodes[1]!)
    await settle()
    await run('QUORUM')
    await expect(run('LOCAL_QUORUM')).rejects.toMatchObject({ code: 'TSYLLA_NO_NODE_AVAILABLE' })
    const always = tokenAwareLoadBalancing({ dataCenterFailover: 'even_with_local_consistency' })
    await run('LOCAL_QUORUM', always)
    expect(executeCount(nodes[2]!)).toBe(2)
  })

  test('are preferred by a policy that names them, and no warning is needed then', async () => {
    const warnings = collectWarnings()
    const loadBalancingPolicy = tokenAwareLoadBalancing({ localDataCenter: 'dc2' })
    const { session, nodes } = await open(dataCenters, { loadBalancingPolicy })
    for (let i = 0; i < 5; i++) await session.execute(select, [1])
    expect(counts(nodes)).toEqual([0, 0, 5])
    expect(warnings).toEqual([])
    expect(session.getClusterData().localDataCenter).toBe('dc2')
    const wrong = tokenAwareLoadBalancing({ localDataCenter: 'dc9' })
    await expect(open(dataCenters, { loadBalancingPolicy: wrong })).rejects.toThrow(/"dc9"/)
  })
})
