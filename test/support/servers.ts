import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { missingTools } from '../../scripts/cassandra/jars.ts'
import { startCassandra, stopProcesses } from '../../scripts/cassandra/launcher.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of a running Cassandra 5, or `undefined` where there can be none. */
    cassandra: string | undefined
  }
}

/**
 * Gives all test files one Cassandra. `TSYLLA_CASSANDRA` may be `host:port` of one that runs
 * already, `required` to fail where none can run, or `off`.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env['TSYLLA_CASSANDRA'] ?? ''
  if (wanted.includes(':')) {
    project.provide('cassandra', wanted)
    return async () => {}
  }
  const missing = wanted === 'off' ? 'switched off' : missingTools()
  if (missing !== undefined) {
    if (wanted === 'required') throw new Error(`Cassandra is required, but ${missing}`)
    console.warn(`Tests on Cassandra are skipped: ${missing}`)
    project.provide('cassandra', undefined)
    return async () => {}
  }
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(parent, 'tsylla-cassandra-'))
  // An address of its own per run: runs on one machine never share a port.
  const address = `127.${64 + (process.pid % 64)}.${(process.pid >> 6) % 256}.1`
  const cluster = await startCassandra({
    folder,
    dataFolder: folder,
    addresses: [address],
    port: 9042,
  })
  project.provide('cassandra', cluster.contactPoints[0])
  return async () => {
    await stopProcesses(cluster.pids)
    rmSync(folder, { recursive: true, force: true })
  }
}
