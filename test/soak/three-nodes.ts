import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CassandraOptions,
  isAlive,
  restartNode,
  startCassandra,
  stopProcesses,
} from '../../scripts/cassandra/launcher.ts'

/** How long waiting for a node or a session may take; only a failure takes as long. */
const patienceMs = 180_000

/** Waits until a condition holds. @throws Error that names it */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${patienceMs} ms`)
    await sleep(100)
  }
}

/** Three nodes of Cassandra that are killed, stopped and started again. */
export class ThreeNodes implements AsyncDisposable {
  readonly contactPoints: readonly string[]
  readonly #options: CassandraOptions
  readonly #pids: number[]

  private constructor(options: CassandraOptions, contactPoints: readonly string[], pids: number[]) {
    this.#options = options
    this.contactPoints = contactPoints
    this.#pids = pids
  }

  static async start(): Promise<ThreeNodes> {
    const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
    const folder = mkdtempSync(join(parent, 'tsylla-soak-'))
    const net = `127.${160 + (process.pid % 32)}.${(process.pid >> 5) % 256}`
    const options: CassandraOptions = {
      ...{ folder, dataFolder: folder, port: 9042, heap: '384m', readyTimeoutMs: 240_000 },
      addresses: [1, 2, 3].map((host) => `${net}.${host}`),
      survivesKill: true,
    }
    const { contactPoints, pids } = await startCassandra(options)
    return new ThreeNodes(options, contactPoints, [...pids])
  }

  /** Kills a node without warning (SIGKILL). */
  async kill(index: number): Promise<void> {
    const pid = this.#pids[index]!
    process.kill(pid, 'SIGKILL')
    await until(`the end of node ${index}`, () => !isAlive(pid))
  }

  /** Stops a node as an operator does (SIGTERM): it closes its connections and flushes. */
  async stop(index: number): Promise<void> {
    await stopProcesses([this.#pids[index]!])
  }

  /** Starts a node again, with its data, and waits until it answers. */
  async start(index: number): Promise<void> {
    this.#pids[index] = await restartNode(this.#options, index)
  }

  /** Lets a node hang (SIGSTOP): its connections stay open, and nothing is answered. */
  freeze(index: number): void {
    process.kill(this.#pids[index]!, 'SIGSTOP')
  }

  thaw(index: number): void {
    process.kill(this.#pids[index]!, 'SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#pids) if (isAlive(pid)) process.kill(pid, 'SIGCONT')
    await stopProcesses(this.#pids)
    rmSync(this.#options.folder, { recursive: true, force: true })
  }
}
