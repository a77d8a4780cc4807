import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Session } from '../../src/index.ts'
import { exitOf, linesOf, startProcess } from './support/processes.ts'

const killCount = 20
/** Rows a process has to acknowledge before it is killed: another number every time. */
const rowsBeforeKill = (round: number): number => 200 + round * 37

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test(`a process killed ${killCount} times keeps what it acknowledged and what was read of it`, async () => {
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
  expect(acknowledged.size).toBeGreaterThan(10_000)
}, 120_000)

test('a second process on a path is refused while the first lives, however it dies', async () => {
  const owner = startProcess('open-process.ts', [folder])
  const said = async (child: typeof owner): Promise<unknown> => {
    for await (const line of linesOf(child)) return JSON.parse(line)
    return undefined
  }
  expect(await said(owner)).toEqual({ opened: true })
  const second = startProcess('open-process.ts', [folder])
  expect(await said(second)).toMatchObject({
    code: 'TSYLLA_ENGINE_LOCKED',
    ownerPid: owner.pid,
    message: expect.stringContaining(`process ${owner.pid}`) as string,
  })
  await exitOf(second)
  await expect(Session.connect([`embedded:${folder}`])).rejects.toMatchObject({
    code: 'TSYLLA_ENGINE_LOCKED',
    ownerPid: owner.pid,
  })
  owner.kill('SIGKILL')
  await exitOf(owner)
  const session = await Session.connect([`embedded:${folder}`])
  await session.close()
}, 60_000)
