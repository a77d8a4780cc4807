import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Session } from '../../src/index.ts'
import { killWriters } from './support/kill-writers.ts'
import { exitOf, linesOf, startProcess } from './support/processes.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('a process killed three times keeps what it acknowledged and what was read of it', async () => {
  await killWriters(folder, 3)
}, 60_000)

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
