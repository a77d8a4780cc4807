import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { missingTools } from '../../scripts/cassandra/jars.ts'
import { launchCassandra, stopProcesses } from '../../scripts/cassandra/launcher.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Latest version of the protocol that sessions speak with Cassandra; default that of users. */
    protocolVersionMax: 4 | undefined
    /** `host:port` of a running Cassandra 5, or `undefined` where there can be none. */
    cassandra: string | undefined
    /** The process behind it, if this run started it. It may not answer yet. */
    cassandraProcess: CassandraProcess | undefined
  }
}

export interface CassandraProcess {
  readonly pid: number
  readonly folder: string
  /** Milliseconds since 1970 at which waiting for its first answer ends. */
  readonly deadlineMs: number
}

/** How long Cassandra may take until it answers. */
const startTimeoutMs = 180_000

/**
 * Starts one Cassandra for all test files and does not wait for it: the tests that need none run
 * first, and `test/support/cassandra-ready.ts` waits in front of the others.
 * `TSYLLA_CASSANDRA` may be `host:port` of one that runs already, `required` to fail where none can
 * run, or `off`.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env['TSYLLA_CASSANDRA'] ?? ''
  if (wanted.includes(':')) {
    project.provide('cassandra', wanted)
    project.provide('cassandraProcess', undefined)
    return async () => {}
  }
  const missing = wanted === 'off' ? 'switched off' : missingTools()
  if (missing !== undefined) {
    if (wanted === 'required') throw new Error(`Cassandra is required, but ${missing}`)
    console.warn(`Tests on Cassandra are skipped: ${missing}`)
    project.provide('cassandra', undefined)
    project.provide('cassandraProcess', undefined)
    return async () => {}
  }
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(parent, 'tsylla-cassandra-'))
  // An address of its own per run: runs on one machine never share a port.
  const address = `127.${64 + (process.pid % 64)}.${(process.pid >> 6) % 256}.1`
  const cluster = await launchCassandra({
    folder,
    dataFolder: folder,
    addresses: [address],
    port: 9042,
  })
  project.provide('cassandra', cluster.contactPoints[0])
  const deadlineMs = Date.now() + startTimeoutMs
  project.provide('cassandraProcess', { pid: cluster.pids[0]!, folder, deadlineMs })
  return async () => {
    await stopProcesses(cluster.pids)
    rmSync(folder, { recursive: true, force: true })
  }
}
