/**
 * Writes rows with 64 writers until it is killed, and reports which ones were acknowledged. Others
 * read a row that is written all the time, and have conditional writes refused by it: they report
 * the version they saw.
 */
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

const hot = -1
const setVersion = await session.prepare('INSERT INTO t (p, v) VALUES (?, ?)')
const readVersion = await session.prepare('SELECT v FROM t WHERE p = ?')
const refused = await session.prepare('INSERT INTO t (p, v) VALUES (?, ?) IF NOT EXISTS')
const stored = (await session.executePrepared<{ v: string }>(readVersion, [hot])).firstRow()
let version = Number(stored?.v ?? 0)
await session.executePrepared(setVersion, [hot, String(version)])

/** Acknowledges nothing: what others see of it may not be lost nevertheless. */
const raise = async (): Promise<void> => {
  for (;;) await session.executePrepared(setVersion, [hot, String(++version)])
}
const see = async (read: () => Promise<string>): Promise<void> => {
  for (;;) writeSync(1, `saw ${await read()}\n`)
}
const seeRow = async (): Promise<string> =>
  (await session.executePrepared<{ v: string }>(readVersion, [hot])).singleRow().v
const seeRefusal = async (): Promise<string> =>
  (await session.executePrepared<{ v: string }>(refused, [hot, ''])).singleRow().v
await Promise.all([
  ...Array.from({ length: 64 }, write),
  ...Array.from({ length: 4 }, raise),
  ...Array.from({ length: 4 }, () => see(seeRow)),
  ...Array.from({ length: 4 }, () => see(seeRefusal)),
])
