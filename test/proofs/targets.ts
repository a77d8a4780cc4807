import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type CassandraOptions,
  restartNode,
  startCassandra,
  stopProcesses,
} from '../../scripts/cassandra/launcher.ts'

/** A database on which guarantees are proved. */
export interface ProofTarget {
  readonly name: string
  readonly nodes: readonly string[]
  /** Copies of each row. */
  readonly replicationFactor: number
  /** By what times for answers are multiplied. */
  readonly timeScale: number
  /** Kills one node; `restoreNode` starts it again with its data. */
  killNode?(): Promise<void>
  restoreNode?(): Promise<void>
  close(): Promise<void>
}

export const targetNames = ['engine', 'cassandra', 'cassandra × 3'] as const
export type TargetName = (typeof targetNames)[number]

/** The embedded engine, in a process of its own, over TCP. */
export async function openEngine(): Promise<ProofTarget> {
  const file = fileURLToPath(new URL('served-engine-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  return {
    ...{ name: 'engine', nodes: [String(line.value)], replicationFactor: 1, timeScale: 1 },
    async close() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

/** A Cassandra that runs already. */
export function runningCassandra(address: string): ProofTarget {
  return {
    ...{ name: 'cassandra', nodes: [address], replicationFactor: 1, timeScale: 1 },
    close: async () => {},
  }
}

/** Three nodes of Cassandra with three copies of each row, started for this. */
export async function openCluster(): Promise<ProofTarget> {
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(parent, 'tsylla-proof-'))
  const net = `127.${192 + (process.pid % 32)}.${(process.pid >> 5) % 256}`
  const options: CassandraOptions = {
    ...{ folder, dataFolder: folder, port: 9042, heap: '512m', readyTimeoutMs: 240_000 },
    addresses: [1, 2, 3].map((host) => `${net}.${host}`),
    survivesKill: true,
  }
  const cluster = await startCassandra(options)
  const pids = [...cluster.pids]
  // Not the seed, so that it finds the others when it comes back.
  const victim = 2
  return {
    ...{ name: 'cassandra × 3', nodes: cluster.contactPoints, replicationFactor: 3, timeScale: 5 },
    async killNode() {
      process.kill(pids[victim]!, 'SIGKILL')
    },
    async restoreNode() {
      pids[victim] = await restartNode(options, victim)
    },
    async close() {
      await stopProcesses(pids)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
