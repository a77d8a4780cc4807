/** Writes rows with 64 writers until it is killed, and tells which ones were acknowledged. */
import { writeSync } from 'node:fs'
import { Session } from '../../../src/index.ts'

const path = process.argv[2]!
const first = Number(process.argv[3])
const session = await Session.connect([`embedded:${path}`], { keyspace: 'k', createKeyspace: true })
await session.execute('CREATE TABLE IF NOT EXISTS t (p int PRIMARY KEY, v text)')
const insert = await session.prepare('INSERT INTO t (p, v) VALUES (?, ?)')
writeSync(1, 'ready\n')

let next = first
const write = async (): Promise<void> => {
  for (;;) {
    const p = next++
    await session.executePrepared(insert, [p, `value ${p}`])
    // At once and whole: what stands in the pipe outlives the process.
    writeSync(1, `${p}\n`)
  }
}
await Promise.all(Array.from({ length: 64 }, write))
