import { type Session, SessionBuilder, TsyllaError } from '../../src/index.ts'
import { SimulatedCluster } from '../support/simulated-cluster.ts'
import { type Faults, SimulatedNetwork } from '../support/simulated-network.ts'
import { SimulatedRuntime } from '../support/simulated-runtime.ts'

export interface Simulation {
  readonly seed: number
  /** What was promised and not kept, each in a sentence. */
  readonly violations: readonly string[]
  /** Everything that happened in the network, in order. */
  readonly trace: readonly string[]
  /** Calls that failed, by code. */
  readonly failures: ReadonlyMap<string, number>
  readonly callCount: number
}

const nodeCount = 3
const callCount = 80
const requestTimeoutMs = 2_000
/** Deadlines are checked forty times a second. */
const deadlineSlackMs = 50
/** Rows that are there before anything goes wrong. */
const fixedRowCount = 40
/** How long a session may take until it reaches all nodes again: the longest pause, and a probe. */
const recoveryMs = 60_000

/** What calls may fail with while the network and nodes do. */
const allowedCodes: ReadonlySet<string> = new Set([
  'TSYLLA_CONNECTION',
  'TSYLLA_NO_NODE_AVAILABLE',
  'TSYLLA_REQUEST_TIMEOUT',
  // The conditional write of a caller that has waited for an answer is refused while another runs.
  'TSYLLA_SERVER_WRITE_TIMEOUT',
  'TSYLLA_SCHEMA_AGREEMENT',
])

const kinds = ['write', 'conditional write', 'increment', 'read', 'scan', 'alter'] as const
type Kind = (typeof kinds)[number]

/** Calls of one session, and what has become of them. */
class Workload {
  readonly violations: string[] = []
  readonly failures = new Map<string, number>()
  readonly #session: Session
  readonly #runtime: SimulatedRuntime
  readonly #acknowledged: number[] = []
  /** Conditional writes by key: how many callers were told that theirs was applied. */
  readonly #winners = new Map<number, number>()
  /** Counters that were incremented once: whether that was acknowledged. */
  readonly #increments = new Map<number, boolean>()
  #alteredCount = 0

  constructor(session: Session, runtime: SimulatedRuntime) {
    this.#session = session
    this.#runtime = runtime
  }

  async prepare(): Promise<void> {
    const session = this.#session
    await session.execute(
      "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )
    await session.useKeyspace('k')
    await session.execute('CREATE TABLE t (p int PRIMARY KEY, v int)')
    await session.execute('CREATE TABLE fixed (p int, c int, v int, PRIMARY KEY (p, c))')
    await session.execute('CREATE TABLE counters (p int PRIMARY KEY, n counter)')
    for (let c = 0; c < fixedRowCount; c++) {
      await session.execute('INSERT INTO fixed (p, c, v) VALUES (1, ?, ?)', [c, c * 7])
    }
  }

  /** One call; it is checked as far as it can be at once. */
  async call(i: number): Promise<void> {
    const startedMs = this.#runtime.clock.monotonicMs()
    const kind = kinds[Math.floor(this.#runtime.random() ** 1.5 * kinds.length)]!
    let calls = 1
    try {
      calls = await this.#run(kind, i)
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      const { code } = error
      this.failures.set(code, (this.failures.get(code) ?? 0) + 1)
      if (!allowedCodes.has(code)) {
        this.violations.push(`call ${i}, ${kind}, failed with ${code}: ${error.message}`)
      }
      // A stream is many calls, and so is DDL with its wait for agreement.
      calls = kind === 'scan' || kind === 'alter' ? Number.POSITIVE_INFINITY : 1
    }
    const tookMs = this.#runtime.clock.monotonicMs() - startedMs
    if (tookMs > calls * (requestTimeoutMs + deadlineSlackMs)) {
      this.violations.push(`call ${i}, ${kind}, took ${tookMs} ms`)
    }
  }

  /** @returns how many requests one after another it may have been */
  #run(kind: Kind, i: number): Promise<number> {
    switch (kind) {
      case 'write':
        return this.#write(i)
      case 'conditional write':
        return this.#writeIf(i)
      case 'increment':
        return this.#increment(i)
      case 'read':
        return this.#read(i)
      case 'scan':
        return this.#scan(i)
      case 'alter':
        return this.#alter()
    }
  }

  async #write(i: number): Promise<number> {
    await this.#session.execute('INSERT INTO t (p, v) VALUES (?, ?)', [i, i])
    this.#acknowledged.push(i)
    return 1
  }

  /** Of two writers of one row only one can meet the condition. */
  async #writeIf(i: number): Promise<number> {
    const key = 1_000 + (i >> 1)
    const text = 'INSERT INTO t (p, v) VALUES (?, ?) IF NOT EXISTS'
    const { applied } = await this.#session.execute(text, [key, key])
    if (applied === true) {
      this.#winners.set(key, (this.#winners.get(key) ?? 0) + 1)
      this.#acknowledged.push(key)
    }
    return 1
  }

  async #increment(i: number): Promise<number> {
    this.#increments.set(i, false)
    await this.#session.execute('UPDATE counters SET n = n + 1 WHERE p = ?', [i])
    this.#increments.set(i, true)
    return 1
  }

  /** The answer is that of this request, not one of another: its row says which it is. */
  async #read(i: number): Promise<number> {
    const c = i % fixedRowCount
    const result = await this.#session.execute<{ c: number; v: number }>(
      'SELECT * FROM fixed WHERE p = 1 AND c = ?',
      [c],
    )
    const rows = result.rows().map((row) => [row.c, row.v])
    if (JSON.stringify(rows) !== JSON.stringify([[c, c * 7]])) {
      this.violations.push(`call ${i} asked for row ${c} and received ${JSON.stringify(rows)}`)
    }
    return 1
  }

  /** Every row once, however many pages fail in between. */
  async #scan(i: number): Promise<number> {
    const pageSize = 1 + (i % 9)
    const seen: number[] = []
    const stream = this.#session.stream<{ c: number }>('SELECT c FROM fixed WHERE p = 1', [], {
      pageSize,
    })
    for await (const { c } of stream) seen.push(c)
    if (seen.length !== fixedRowCount || seen.some((c, at) => c !== at)) {
      this.violations.push(`call ${i} read ${JSON.stringify(seen)} in pages of ${pageSize}`)
    }
    return Number.POSITIVE_INFINITY
  }

  /** What is prepared for the tables is stale afterwards. */
  async #alter(): Promise<number> {
    if (this.#alteredCount >= 3) return 1
    const name = `x${this.#alteredCount++}`
    const table = this.#alteredCount % 2 === 0 ? 't' : 'fixed'
    await this.#session.execute(`ALTER TABLE ${table} ADD ${name} int`)
    return Number.POSITIVE_INFINITY
  }

  /** Compares what was acknowledged with what is stored, once nothing goes wrong any more. */
  async check(reader: Session): Promise<void> {
    const rows = await reader.execute<{ p: number; v: number }>('SELECT p, v FROM k.t')
    const stored = new Map([...rows].map(({ p, v }) => [p, v]))
    for (const key of this.#acknowledged) {
      if (stored.get(key) !== key) this.violations.push(`the acknowledged row ${key} is lost`)
    }
    for (const [key, count] of this.#winners) {
      if (count > 1) this.violations.push(`the condition of row ${key} was met ${count} times`)
    }
    const counters = await reader.execute<{ p: number; n: bigint }>('SELECT p, n FROM k.counters')
    const sums = new Map([...counters].map(({ p, n }) => [p, Number(n)]))
    for (const [key, isAcknowledged] of this.#increments) {
      const sum = sums.get(key) ?? 0
      if (sum > 1 || (isAcknowledged && sum !== 1)) {
        this.violations.push(
          `counter ${key} is ${sum} after one increment, ${isAcknowledged ? '' : 'not '}acknowledged`,
        )
      }
    }
  }
}

/** What goes wrong in one simulation, as its seed says. */
class Chaos {
  readonly #cluster: SimulatedCluster
  readonly #network: SimulatedNetwork
  readonly #runtime: SimulatedRuntime
  readonly #cutOff = new Set<string>()

  constructor(cluster: SimulatedCluster, network: SimulatedNetwork, runtime: SimulatedRuntime) {
    this.#cluster = cluster
    this.#network = network
    this.#runtime = runtime
  }

  begin(): void {
    const { random } = this.#runtime
    const level = random()
    const faults: Faults = {
      lost: 0.03 * level * random(),
      cut: 0.02 * level * random(),
      silent: 0.005 * level * random(),
      refused: 0.3 * level * random(),
      delayMsMax: 1 + 40 * random(),
    }
    this.#network.faults = faults
  }

  /** One more thing, of one node at a time: the others can be reached. */
  step(): void {
    const { random, clock } = this.#runtime
    const i = Math.floor(random() * nodeCount)
    switch (Math.floor(random() * 14)) {
      case 0:
        if (this.#cluster.downCount === 0 && this.#cutOff.size === 0) this.#cluster.kill(i)
        return
      case 1:
        for (let node = 0; node < nodeCount; node++) this.#cluster.start(node)
        return
      case 2:
        if (this.#cluster.downCount === 0 && this.#cutOff.size === 0) {
          this.#cluster.swap(i, (i + 1) % nodeCount)
        }
        return
      case 3:
        if (this.#cluster.downCount === 0 && this.#cutOff.size === 0) {
          const host = this.#cluster.hosts[i]!
          this.#cutOff.add(host)
          this.#network.partition(host, true)
        }
        return
      case 4:
        this.#heal()
        return
      case 5:
        clock.jump((random() - 0.5) * 7_200_000)
        return
    }
  }

  #heal(): void {
    for (const host of this.#cutOff) this.#network.partition(host, false)
    this.#cutOff.clear()
  }

  end(): void {
    this.#network.faults = undefined
    this.#heal()
    for (let node = 0; node < nodeCount; node++) this.#cluster.start(node)
  }
}

/**
 * Waits until a session sends requests to the nodes that own the rows. A connection that became
 * silent is passed over until a heartbeat finds that out.
 */
async function checkRecovery(
  session: Session,
  cluster: SimulatedCluster,
  runtime: SimulatedRuntime,
): Promise<string[]> {
  const { clock } = runtime
  const endMs = clock.monotonicMs() + recoveryMs
  for (;;) {
    const detours = await detoursOf(session, cluster)
    if (detours.length === 0) return []
    if (clock.monotonicMs() > endMs) {
      const nodes = session.getClusterData().nodes.map(({ address, connectionCount }) => {
        return `${address} with ${connectionCount} connections`
      })
      return [`${recoveryMs} ms after the end: ${detours.join(', ')}; nodes: ${nodes.join(', ')}`]
    }
    await new Promise<void>((resolve) => void clock.schedule(250, resolve))
  }
}

/** Requests that do not go to the owner of their row. */
async function detoursOf(session: Session, cluster: SimulatedCluster): Promise<string[]> {
  const detours: string[] = []
  for (let p = 0; p < 12; p++) {
    const key = Buffer.alloc(4)
    key.writeInt32BE(p)
    const owner = cluster.ownerOf(key)
    try {
      const { coordinator } = await session.execute('SELECT v FROM k.t WHERE p = ?', [p])
      if (coordinator !== owner) detours.push(`a row of ${owner} was read from ${coordinator}`)
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      // All connections to all nodes may have become silent.
      detours.push(`a row of ${owner} was not read: ${error.code}`)
    }
  }
  return detours
}

/** Runs a session, three nodes and their network in one process, as a seed says. */
export async function simulateDriver(seed: number): Promise<Simulation> {
  const runtime = new SimulatedRuntime(seed)
  const network = new SimulatedNetwork(runtime)
  const cluster = new SimulatedCluster(runtime, network, nodeCount)
  const rejections: unknown[] = []
  const onRejection = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', onRejection)
  try {
    return await runtime.run(scenario(seed, runtime, network, cluster, rejections), 900_000)
  } finally {
    cluster.close()
    process.off('unhandledRejection', onRejection)
  }
}

async function scenario(
  seed: number,
  runtime: SimulatedRuntime,
  network: SimulatedNetwork,
  cluster: SimulatedCluster,
  rejections: readonly unknown[],
): Promise<Simulation> {
  const { clock, random } = runtime
  const poolSize = 1 + Math.floor(random() * 2)
  const builder = new SessionBuilder({ runtime, requestTimeoutMs, poolSize })
  const session = await builder.knownNode(network.contactPoint(cluster.hosts[0]!)).build()
  const workload = new Workload(session, runtime)
  await workload.prepare()
  const chaos = new Chaos(cluster, network, runtime)
  chaos.begin()
  const calls: Promise<void>[] = []
  for (let i = 0; i < callCount; i++) {
    calls.push(workload.call(i))
    chaos.step()
    await new Promise<void>((resolve) => void clock.schedule(random() * 200, resolve))
  }
  await Promise.all(calls)
  chaos.end()
  const violations = await checkRecovery(session, cluster, runtime)
  const reader = await builder.knownNode(network.contactPoint(cluster.hosts[1]!)).build()
  await workload.check(reader)
  await reader.close()
  await session.close()
  await new Promise<void>((resolve) => void clock.schedule(recoveryMs, resolve))
  if (network.openCount > 0) violations.push(`${network.openCount} connections are left open`)
  if (clock.pendingCount > 0) violations.push(`${clock.pendingCount} timers are left`)
  for (const reason of rejections) violations.push(`nobody handles ${String(reason)}`)
  return {
    ...{ seed, trace: network.trace, failures: workload.failures, callCount },
    violations: [...workload.violations, ...violations],
  }
}
