import { describe, expect, onTestFinished, test } from 'vitest'
import type { DiscoveredNode, HostFilter, Session, SessionOptions } from '../../src/index.ts'
import { VnodeLocator } from '../../src/routing/index.ts'
import { hostId, MemberNode, membersOf } from '../support/member-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { executeCount, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectWarnings } from '../support/warnings.ts'

interface Opened {
  readonly clock: VirtualClock
  readonly nodes: readonly MemberNode[]
  readonly session: Session
}

/** A session of two good nodes, whose system tables also have a third one at another address. */
async function open(
  hostFilter: HostFilter | undefined,
  options: Partial<SessionOptions> = {},
): Promise<Opened> {
  const clock = new VirtualClock()
  const good = membersOf(2, clock)
  const evil = new MemberNode(clock, 3, '169.254.169.254')
  const nodes = [...good, evil]
  for (const node of nodes) node.peers = nodes.filter((other) => other !== node)
  const connecting = connect(good[0]!, { random: () => 0, hostFilter, ...options })
  await Promise.all([connecting.catch(() => {}), pass(clock, 2_000)])
  const session = await connecting
  onTestFinished(() => session.close())
  await settle()
  return { clock, nodes, session }
}

const isPrivate: HostFilter = ({ host }) => host.startsWith('10.')

describe('a host filter', () => {
  test('keeps the session from nodes that are advertised, as long as they are', async () => {
    const asked: DiscoveredNode[] = []
    const { session, nodes, clock } = await open((node) => {
      asked.push(node)
      return isPrivate(node)
    })
    expect(asked).toEqual(
      nodes.map(({ number, network: { host, port } }) => ({
        ...{ hostId: hostId(number), address: `${host}:9042`, host, port },
        ...{ dataCenter: 'dc1', rack: 'r1' },
      })),
    )
    // The control connection is lost again and again, and reconnects with what it knows.
    for (let round = 0; round < 3; round++) {
      for (const { connections } of nodes) for (const one of connections) one.destroy()
      await pass(clock, 11_000)
    }
    const shown = session.getClusterData().nodes.map(({ hostId: id }) => id)
    expect(shown).toEqual([hostId(1), hostId(2)])
    for (let i = 0; i < 10; i++) await session.execute('SELECT c FROM t WHERE k = ?', [i])
    expect(nodes[2]!.connections).toEqual([])
    expect(executeCount(nodes[0]!) + executeCount(nodes[1]!)).toBe(10)
  })

  test('is the only thing that keeps it from them', async () => {
    const { nodes } = await open(undefined)
    expect(nodes[2]!.connections.length).toBeGreaterThan(0)
  })

  test('may refuse the contact point, which then only describes the cluster', async () => {
    const { session, nodes } = await open(({ host }) => host === '10.0.0.2')
    for (let i = 0; i < 4; i++) await session.execute('SELECT c FROM t WHERE k = ?', [i])
    expect(nodes.map(executeCount)).toEqual([0, 4, 0])
    expect(nodes.map(({ connections }) => connections.length)).toEqual([1, 1, 0])
  })

  test('that accepts no node, or fails, fails the connecting', async () => {
    const cases: [unknown, RegExp][] = [
      [() => false, /hostFilter accepts none of the nodes 10.0.0.1, 10.0.0.2, 169.254.169.254/],
      [async () => true, /hostFilter must return true or false, but for 10.0.0.1:9042 it was an/],
      [() => undefined, /must return true or false, but for 10.0.0.1:9042 it was undefined/],
      [
        () => {
          throw new Error('no list')
        },
        /hostFilter has failed for 10.0.0.1:9042: no list/,
      ],
      ['10.0.0.1', /hostFilter must be a function of a node/],
    ]
    for (const [filter, message] of cases) {
      const failing = open(filter as HostFilter)
      await expect(failing).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: expect.stringMatching(message) as string,
      })
    }
  })

  test('that fails later keeps what it has accepted, connects to nothing new, and warns', async () => {
    const warnings = collectWarnings()
    let isBroken = false
    const { session, nodes, clock } = await open((node) => {
      if (isBroken) throw new Error('no list')
      return isPrivate(node)
    })
    isBroken = true
    nodes[0]!.connections[0]!.destroy()
    await pass(clock, 2_000)
    expect(session.getClusterData().nodes.map(({ isAvailable }) => isAvailable)).toEqual([
      true,
      true,
    ])
    expect(nodes[2]!.connections).toEqual([])
    expect(warnings.length).toBeGreaterThan(0)
    expect(new Set(warnings.map((text) => text.replace(/\d+\.\d+\.\d+\.\d+/, 'IP')))).toEqual(
      new Set(['hostFilter has failed for IP:9042: no list']),
    )
    await session.execute('SELECT c FROM t WHERE k = ?', [1])
  })

  test('that changes its mind lets go of nodes', async () => {
    let allowed = '10.'
    const { session, nodes, clock } = await open(({ host }) => host.startsWith(allowed))
    allowed = '10.0.0.2'
    nodes[0]!.announce(nodes[0]!.connections[0]!)
    await pass(clock, 2_000)
    expect(session.getClusterData().nodes.map(({ hostId: id }) => id)).toEqual([hostId(2)])
  })
})

test('nodes that are refused own data all the same', () => {
  const nodes = [0, 1, 2, 3].map((i) => ({
    ...{ name: i, dataCenter: 'dc1', rack: 'r1', tokens: [String(i * 100)] },
  }))
  const replication = new Map([
    ['class', 'SimpleStrategy'],
    ['replication_factor', '2'],
  ])
  const [first, second, third, fourth] = nodes
  const locator = new VnodeLocator([first!, third!, fourth!], new Map([['ks', replication]]), [
    second!,
  ])
  const namesAt = (token: number): number[] =>
    locator
      .replicasFor({ keyspace: 'ks', tokenHigh: 0, tokenLow: token })
      .map(({ node }) => node.name)
  // Token 50 belongs to the refused node and to the next one, and to no other instead.
  expect([namesAt(0), namesAt(50), namesAt(150), namesAt(250)]).toEqual([[0], [2], [2, 3], [3, 0]])
})
