import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy, FaultRule } from '../../src/testing.ts'
import type { Load } from './load.ts'
import { type ThreeNodes, until } from './three-nodes.ts'

/** Longer than Cassandra takes to find that a node is down, and than the heartbeat of sessions. */
const frozenMs = 12_000

/** Does something to one of three nodes that carry loads, and ends when it is as before. */
export type Fault = (nodes: ThreeNodes, index: number, loads: readonly Load[]) => Promise<void>

/** Waits until every session is connected to all nodes, and goes on sending. */
async function recovered(loads: readonly Load[]): Promise<void> {
  for (const { session } of loads) {
    await until('a session that is connected to three nodes', () => {
      const { nodes } = session.getClusterData()
      return nodes.filter(({ isAvailable }) => isAvailable).length === 3
    })
  }
  await progressed(loads, 200)
}

/** Waits until each load has sent so many more requests. */
export async function progressed(loads: readonly Load[], count: number): Promise<void> {
  const goals = loads.map((load) => load.requestCount + count)
  await until(`${count} more requests`, () =>
    loads.every((load, i) => load.requestCount >= goals[i]!),
  )
}

export const faults: Readonly<Record<string, Fault>> = {
  async 'killed and started again'(nodes, index, loads) {
    await nodes.kill(index)
    await progressed(loads, 200)
    await nodes.start(index)
    await recovered(loads)
  },
  async 'hangs and goes on'(nodes, index, loads) {
    nodes.freeze(index)
    try {
      await sleep(frozenMs)
      await progressed(loads, 50)
    } finally {
      nodes.thaw(index)
    }
    await recovered(loads)
  },
  async 'stopped and started again'(nodes, index, loads) {
    await nodes.stop(index)
    await progressed(loads, 200)
    await nodes.start(index)
    await recovered(loads)
  },
  async 'columns added and dropped'(_, index, loads) {
    for (const load of loads) {
      for (let round = 0; round < 5; round++) await load.alter(index * 5 + round)
    }
  },
}

/** Faults of the network between sessions and one node. */
export const networkFaults: Readonly<Record<string, readonly FaultRule[]>> = {
  'responses lost': [{ fault: 'loseResponse', probability: 0.02 }],
  'requests lost': [{ fault: 'loseRequest', probability: 0.02 }],
  'responses late': [{ fault: 'delay', delayMs: [5, 400], probability: 0.2 }],
  'connections reset': [
    { fault: 'reset', times: 3, probability: 0.1 },
    { fault: 'reset', on: 'request', times: 3, probability: 0.1 },
  ],
  'frames cut': [{ fault: 'cut', times: 3, probability: 0.1 }],
  'a connection silent': [{ fault: 'blackHole', times: 2, probability: 0.1 }],
}

/** Lets the network to a node be faulty for some requests, then heals it. */
export async function disturb(
  proxy: FaultProxy,
  rules: readonly FaultRule[],
  loads: readonly Load[],
): Promise<void> {
  for (const rule of rules) proxy.inject(rule)
  try {
    await progressed(loads, 300)
  } finally {
    proxy.heal()
  }
  await recovered(loads)
}
