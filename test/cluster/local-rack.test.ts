import { expect, onTestFinished, test } from 'vitest'
import { type SessionOptions, tokenAwareLoadBalancing } from '../../src/index.ts'
import { membersOf } from '../support/member-node.ts'
import { connect } from '../support/scripted-session.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectWarnings } from '../support/warnings.ts'

const preferring = (localRack: string, localDataCenter?: string): Partial<SessionOptions> => ({
  loadBalancingPolicy: tokenAwareLoadBalancing({ localRack, localDataCenter }),
})
const misspelt =
  'localRack is "rack1", but no node of the data center "dc1" is in that rack: its racks are "r1", "r2"'

test.each<[string, Partial<SessionOptions>, readonly string[]]>([
  ['is there', preferring('r2'), []],
  ['is misspelt', preferring('rack1'), [misspelt]],
  ['is misspelt in a profile', { executionProfiles: { near: preferring('rack1') } }, [misspelt]],
  [
    'is misspelt in the policy and in a profile',
    { ...preferring('rack1'), executionProfiles: { near: preferring('rack1') } },
    [misspelt],
  ],
  [
    'is a rack of another data center',
    preferring('r1', 'dc2'),
    [misspelt.replace('rack1', 'r1').replace('dc1', 'dc2').replace('"r1", "r2"', '"r9"')],
  ],
])('a preferred rack that %s: warned of once', async (_, options, expected) => {
  const warnings = collectWarnings()
  const clock = new VirtualClock()
  const nodes = membersOf(4, clock)
  nodes[1]!.rack = 'r2'
  Object.assign(nodes[2]!, { dataCenter: 'dc2', rack: 'r9' })
  const connecting = connect(nodes[0]!, {
    localDataCenter: 'dc1',
    heartbeatIntervalMs: 1 << 30,
    ...options,
  })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(() => session.close({ graceMs: 0 }))
  nodes[0]!.announce(nodes[0]!.connections[0]!)
  await pass(clock, 2_000)
  expect(warnings.filter((message) => message.includes('localRack'))).toEqual(expected)
})
