import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CassandraCluster,
  type CassandraOptions,
  startCassandra,
  stopProcesses,
} from '../../scripts/cassandra/launcher.ts'

export interface OwnCassandra extends CassandraCluster {
  stop(): Promise<void>
}

/** A Cassandra of one test file's own, for what the shared one cannot show. */
export async function startOwnCassandra(
  options: Pick<CassandraOptions, 'auth' | 'tls' | 'heap'> & { readonly nodeCount: number },
): Promise<OwnCassandra> {
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(parent, 'tsylla-own-'))
  const net = `127.${128 + (process.pid % 64)}.${(process.pid >> 6) % 256}`
  const addresses = Array.from({ length: options.nodeCount }, (_, i) => `${net}.${i + 1}`)
  const { nodeCount: _, ...rest } = options
  const cluster = await startCassandra({
    ...rest,
    folder,
    dataFolder: folder,
    addresses,
    port: 9042,
  })
  return {
    ...cluster,
    async stop() {
      await stopProcesses(cluster.pids)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
