import { expect } from 'vitest'
import { Session } from '../../../src/index.ts'
import { exitOf, linesOf, startProcess } from './processes.ts'

/** Rows a process has to acknowledge before it is killed: another number every time. */
const rowsBeforeKill = (round: number): number => 200 + round * 37

/**
 * Kills a process that writes and reads, again and again, and expects that nothing is lost that it
 * acknowledged or had read.
 */
export async function killWriters(folder: string, killCount: number): Promise<void> {
  const acknowledged = new Set<number>()
  for (let round = 0; round < killCount; round++) {
    const child = startProcess('writer-process.ts', [folder, String(round * 1_000_000)])
    let count = 0
    let seen = 0
    for await (const line of linesOf(child)) {
      if (line === 'ready') continue
      if (line.startsWith('saw ')) {
        seen = Math.max(seen, Number(line.slice(4)))
        continue
      }
      acknowledged.add(Number(line))
      if (++count === rowsBeforeKill(round)) child.kill('SIGKILL')
    }
    await exitOf(child)
    expect(count).toBeGreaterThanOrEqual(rowsBeforeKill(round))
    const session = await Session.connect([`embedded:${folder}`], { keyspace: 'k' })
    const { v } = (await session.execute<{ v: string }>('SELECT v FROM t WHERE p = -1')).singleRow()
    await session.close()
    expect(seen).toBeGreaterThan(0)
    expect(Number(v)).toBeGreaterThanOrEqual(seen)
  }
  const session = await Session.connect([`embedded:${folder}`], { keyspace: 'k' })
  const stored = new Map<number, string>()
  for await (const row of session.stream<{ p: number; v: string }>('SELECT p, v FROM t')) {
    stored.set(row.p, row.v)
  }
  await session.close()
  const lost = [...acknowledged].filter((p) => stored.get(p) !== `value ${p}`)
  expect(lost).toEqual([])
  expect(acknowledged.size).toBeGreaterThanOrEqual(killCount * 200)
}
