import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'
import { answersOptions, isAlive } from '../../scripts/cassandra/launcher.ts'

/** Waits for the Cassandra that this run started, in front of each test file that may use it. */
const server = inject('cassandraProcess')
if (server !== undefined) {
  const [host = '', port] = inject('cassandra')!.split(':')
  while (!(await answersOptions(host, Number(port)))) {
    const { pid, folder, deadlineMs } = server
    if (!isAlive(pid)) throw new Error(`Cassandra ended before it answered, see ${folder}`)
    if (Date.now() > deadlineMs) throw new Error(`Cassandra did not answer in time, see ${folder}`)
    await sleep(100)
  }
}
