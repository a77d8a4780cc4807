import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session, TsyllaError } from '../../src/index.ts'
import { FaultProxy, type ProcessRun, runProcesses } from '../../src/testing.ts'
import { createRandom } from '../../src/util/index.ts'
import { nameOfProof, type Proof, type ProofFaults, type RecordedOperation } from './proof.ts'
import { bundledProver } from './prover-bundle.ts'
import type { ProverArgs, ProverReport } from './prover-process.ts'
import type { ProofTarget } from './targets.ts'

/** What a run has found. */
export interface ProofResult {
  readonly histories: number
  readonly operations: number
  /** Operations whose outcome is not known. */
  readonly openOperations: number
  readonly violations: readonly string[]
  /** What the proxies have done. */
  readonly faults: { readonly lostResponses: number; readonly resets: number }
}

export interface ProveOptions {
  readonly seed: number
  /** Default 4. */
  readonly processCount?: number
  /** Default: that of the proof. */
  readonly roundCount?: number
  /** Histories of a round at most. Default: those of the proof. */
  readonly keyCountMax?: number
  /** Callers per process and key at most. Default: those of the proof. */
  readonly callerCountMax?: number
}

/** Runs several processes once, with the faults of a proof, and checks every history. */
export async function prove(
  proof: Proof,
  target: ProofTarget,
  options: ProveOptions,
): Promise<ProofResult> {
  const { seed, processCount = 4, roundCount = proof.roundCount, callerCountMax = 64 } = options
  const keyspace = `proof_${randomBytes(6).toString('hex')}`
  const open = (): Promise<Session> =>
    Session.connect(target.nodes, {
      keyspace,
      createKeyspace: { replicationFactor: target.replicationFactor },
      ...{ requestTimeoutMs: 30_000, connectionTimeoutMs: 10_000 },
    })
  await whenAble(open, (session) => proof.createTables(session))
  const proxies = await FaultProxy.openAll(target.nodes, { seed })
  try {
    for (const proxy of proxies) injectFaults(proxy, proof.faults)
    const keyCount = Math.min(proof.keyCount, options.keyCountMax ?? proof.keyCount)
    const keys = Array.from({ length: roundCount }, (_, round) =>
      Array.from({ length: keyCount }, (_, i) => `key-${seed}-${round}-${i}`),
    )
    await whenAble(open, async (session) => await proof.prepare?.(session, keys.flat()))
    const args: ProverArgs = {
      ...{ proof: nameOfProof(proof), keyspace, seed, keys },
      timeScale: target.timeScale,
      callerCount: Math.min(proof.callerCount ?? 64, callerCountMax),
      contactPoints: proxies.map(({ address }) => address),
    }
    const histories = await runProvers(proof, target, args, processCount)
    return await judge(proof, open, args, histories, proxies)
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await whenAble(open, async (session) => {
      await session.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`).catch(() => {})
    })
  }
}

function injectFaults(proxy: FaultProxy, faults: ProofFaults): void {
  const request = ['EXECUTE', 'BATCH'] as const
  const { lostResponses = 0, delays = 0, delayMsMax = 20, resets = 0 } = faults
  if (resets > 0) {
    proxy.inject({ fault: 'reset', request, probability: resets / 2 })
    proxy.inject({ fault: 'reset', on: 'request', request, probability: resets / 2 })
  }
  if (lostResponses > 0)
    proxy.inject({ fault: 'loseResponse', request, probability: lostResponses })
  if (delays > 0) {
    const delayMs = [0, delayMsMax] as const
    proxy.inject({ fault: 'delay', request, probability: delays, delayMs })
    proxy.inject({ fault: 'delay', on: 'request', request, probability: delays, delayMs })
  }
}

/** Runs the processes and does to them what the faults say. */
async function runProvers(
  { faults }: Proof,
  target: ProofTarget,
  args: ProverArgs,
  count: number,
): Promise<ReadonlyMap<string, RecordedOperation>> {
  const random = createRandom(args.seed)
  const { skewMs = 0 } = faults
  const skewOf = (): number => Math.round((random() * 2 - 1) * skewMs)
  const operations = new Map<string, RecordedOperation>()
  const module = await bundledProver()
  await using run: ProcessRun<ProverReport> = await runProcesses<ProverReport>({
    ...{ module, count, args, execArgv: ['--enable-source-maps'], timeout: '5m' },
    skewMs: skewOf,
    onReport: (report, { index }) => addReport(operations, report, index),
  })
  const end = new AbortController()
  const disturbing = disturb(run, target, faults, random, end.signal)
  try {
    await run.finished()
  } finally {
    end.abort()
    await disturbing
  }
  return operations
}

function addReport(
  operations: Map<string, RecordedOperation>,
  report: ProverReport,
  process: number,
): void {
  if ('call' in report) {
    const { id, key, input, call } = report
    operations.set(id, { key, input, call, process })
    return
  }
  const { id, return: end, output, error } = report
  operations.set(id, { ...operations.get(id)!, return: end, output, error })
}

/** Kills, stops and misleads processes, and kills a node, while they are at work. */
async function disturb(
  run: ProcessRun<ProverReport>,
  target: ProofTarget,
  faults: ProofFaults,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  const { processes } = run
  const pick = (): (typeof processes)[number] => processes[Math.floor(random() * processes.length)]!
  const pause = async (ms: number): Promise<void> =>
    await sleep(ms, undefined, { signal }).catch(() => {})
  const { kill = false, pauseMs, skewMs = 0, jumps = false, killNode = false } = faults
  const isNodeKilled = killNode && target.killNode !== undefined
  await pause(100 + random() * 400)
  if (isNodeKilled && !signal.aborted) await target.killNode?.()
  if (pauseMs !== undefined && !signal.aborted) {
    const paused = pick()
    paused.pause()
    await pause(pauseMs * (0.5 + random()))
    paused.resume()
  }
  if (jumps && !signal.aborted) pick().setSkew(Math.round((random() * 2 - 1) * skewMs))
  if (kill && !signal.aborted) {
    await pause(random() * 500)
    pick().kill()
  }
  // It comes back while the others are at work, or is there again for the next proof.
  if (isNodeKilled) await target.restoreNode?.()
}

/** A node that was killed refuses what it is asked until the others have heard that it is back. */
const attemptsMax = 60

/** Works with a session of its own: one that saw a node come back may be in no keyspace there. */
async function whenAble<T>(
  open: () => Promise<Session>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await workOnce(open, work)
    } catch (error) {
      if (!TsyllaError.is(error) || attempt === attemptsMax) throw error
      await sleep(1_000)
    }
  }
}

/** Apart from the loop: esbuild would throw the first error of `await using` in every turn. */
async function workOnce<T>(
  open: () => Promise<Session>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using session = await open()
  return await work(session)
}

async function judge(
  proof: Proof,
  open: () => Promise<Session>,
  { keys, timeScale }: ProverArgs,
  operations: ReadonlyMap<string, RecordedOperation>,
  proxies: readonly FaultProxy[],
): Promise<ProofResult> {
  const byKey = new Map<string, RecordedOperation[]>(keys.flat().map((key) => [key, []]))
  for (const operation of operations.values()) byKey.get(operation.key)?.push(operation)
  const violations: string[] = []
  let histories = 0
  for (const [key, history] of byKey) {
    if (history.length === 0) continue
    const check = (session: Session) => proof.check(key, history, session, timeScale)
    const found = await whenAble(open, check)
    if (found === undefined) continue
    histories++
    violations.push(...found.map((text) => `${nameOfProof(proof)} ${key}: ${text}`))
  }
  const all = [...operations.values()]
  const sum = (name: 'lostResponses' | 'reset'): number =>
    proxies.reduce((total, { counters }) => total + counters[name], 0)
  return {
    ...{ histories, violations, operations: all.length },
    openOperations: all.filter(({ output, error }) => {
      return output === undefined && error?.outcome !== 'not_applied'
    }).length,
    faults: { lostResponses: sum('lostResponses'), resets: sum('reset') },
  }
}
