import { describe, expect, test } from 'vitest'
import { Engine, EngineNode, MemoryStore, type NodePeer } from '../../src/engine/index.ts'
import { type Session, SessionBuilder, TsyllaError } from '../../src/index.ts'
import { Inet } from '../../src/types/index.ts'
import { type Faults, SimulatedNetwork } from '../support/simulated-network.ts'
import { SimulatedRuntime } from '../support/simulated-runtime.ts'

const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3']
const hostIdOf = (i: number): string => `00000000-0000-4000-8000-00000000000${i}`

/** Three nodes over one engine agree at once, so that what was acknowledged can be looked up. */
function startNodes(runtime: SimulatedRuntime, network: SimulatedNetwork): void {
  const engine = new Engine({ storage: new MemoryStore(), runtime })
  const nodes: EngineNode[] = []
  for (const [i, host] of hosts.entries()) {
    const node: EngineNode = new EngineNode(engine, {
      identity: {
        hostId: hostIdOf(i),
        rack: `rack${i}`,
        token: String((BigInt(i) - 1n) * 6_000_000_000_000_000_000n),
      },
      peers: (): NodePeer[] => nodes.filter((other) => other !== node).map(({ system }) => system),
    })
    node.system.announce({ address: Inet.parse(host), port: 9042 })
    nodes.push(node)
    network.listen(host, (toClient) => {
      const connection = node.connect(toClient, { address: Inet.parse('10.0.0.9'), port: 1 })
      return {
        onBytes: (bytes, start, end) => connection.push(bytes, start, end),
        onClosed: () => connection.close(),
      }
    })
  }
}

const faults: Faults = { lost: 0.02, cut: 0.01, silent: 0.003, refused: 0.2, delayMsMax: 20 }
const callCount = 60
const requestTimeoutMs = 2_000

interface Outcome {
  /** Keys of the writes that were acknowledged. */
  readonly acknowledged: number[]
  /** Conditional writes by key: how many callers were told that theirs was applied. */
  readonly winners: Map<number, number>
  /** How many calls failed, by code. */
  readonly failures: Map<string, number>
  /** Longest time that a call took. */
  slowestMs: number
}

/** Writes rows, some of them on a condition that only one of two writers can meet. */
async function write(session: Session, runtime: SimulatedRuntime): Promise<Outcome> {
  const outcome: Outcome = {
    acknowledged: [],
    winners: new Map(),
    failures: new Map(),
    slowestMs: 0,
  }
  const writeOne = async (i: number): Promise<void> => {
    const isConditional = i % 6 === 0
    const key = isConditional ? i - (i % 12) : i
    const suffix = isConditional ? ' IF NOT EXISTS' : ''
    const startedMs = runtime.clock.monotonicMs()
    try {
      const text = `INSERT INTO t (p, v) VALUES (?, ?)${suffix}`
      const { applied } = await session.execute(text, [key, i])
      if (!isConditional || applied === true) outcome.acknowledged.push(key)
      if (applied === true) outcome.winners.set(key, (outcome.winners.get(key) ?? 0) + 1)
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      outcome.failures.set(error.code, (outcome.failures.get(error.code) ?? 0) + 1)
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, runtime.clock.monotonicMs() - startedMs)
  }
  const calls: Promise<void>[] = []
  for (let i = 0; i < callCount; i++) {
    calls.push(writeOne(i))
    await new Promise<void>((resolve) => {
      runtime.clock.schedule(runtime.random() * 100, resolve)
    })
  }
  await Promise.all(calls)
  return outcome
}

interface Run {
  readonly trace: readonly string[]
  readonly outcome: Outcome
  readonly stored: Map<number, number>
}

async function simulate(seed: number): Promise<Run> {
  const runtime = new SimulatedRuntime(seed)
  const network = new SimulatedNetwork(runtime)
  startNodes(runtime, network)
  const scenario = async (): Promise<Run> => {
    const session = await new SessionBuilder({ runtime, requestTimeoutMs, poolSize: 2 })
      .knownNode(network.contactPoint(hosts[0]!))
      .build()
    await session.execute(
      "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )
    await session.useKeyspace('k')
    await session.execute('CREATE TABLE t (p int PRIMARY KEY, v int)')
    network.faults = faults
    const outcome = await write(session, runtime)
    network.faults = undefined
    await session.close()
    // The rows that one of the nodes has after all faults.
    const reader = await new SessionBuilder({ runtime })
      .knownNode(network.contactPoint(hosts[1]!))
      .build()
    const { rows } = {
      rows: await reader.execute<{ p: number; v: number }>('SELECT p, v FROM k.t'),
    }
    await reader.close()
    const stored = new Map([...rows].map(({ p, v }) => [p, v]))
    return { trace: network.trace, outcome, stored }
  }
  return await runtime.run(scenario(), 600_000)
}

describe('a session on three nodes whose network delays and loses bytes and cuts connections', () => {
  test('loses no acknowledged write, applies a condition once and answers every call', async () => {
    const failureCodes = new Set<string>()
    for (let seed = 1; seed <= 50; seed++) {
      const { outcome, stored } = await simulate(seed)
      const lost = outcome.acknowledged.filter((key) => !stored.has(key))
      expect({ seed, lost }).toEqual({ seed, lost: [] })
      const applied = [...outcome.winners.values()].filter((count) => count > 1)
      expect({ seed, applied }).toEqual({ seed, applied: [] })
      // Deadlines are checked forty times a second.
      expect(outcome.slowestMs).toBeLessThan(requestTimeoutMs + 50)
      for (const code of outcome.failures.keys()) failureCodes.add(code)
    }
    // Most calls survive, and those that fail have met a fault.
    expect([...failureCodes].sort()).toEqual(['TSYLLA_CONNECTION', 'TSYLLA_REQUEST_TIMEOUT'])
  }, 60_000)

  test('behaves the same for the same seed, and differently for another', async () => {
    const first = await simulate(7)
    const again = await simulate(7)
    const other = await simulate(8)
    expect(first.trace.length).toBeGreaterThan(200)
    expect(again.trace).toEqual(first.trace)
    expect(again.outcome).toEqual(first.outcome)
    expect(other.trace).not.toEqual(first.trace)
  })
})
