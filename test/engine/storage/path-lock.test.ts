import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { lockPath } from '../../../src/engine/storage/path-lock.ts'

const paths: string[] = []
afterEach(async () => {
  for (const path of paths.splice(0)) await rm(path, { recursive: true, force: true })
})

async function temporaryPath(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tsylla-lock-'))
  paths.push(path)
  return path
}

/** A process that answers on a socket as the owner of a path does, until it is killed. */
async function spawnOwner(path: string): Promise<{ child: ChildProcess; socket: string }> {
  const socket = join(path, 'owner.sock')
  const script = `require('net').createServer((s) => s.destroy())
    .listen(${JSON.stringify(socket)}, () => process.stdout.write('up'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await writeFile(join(path, 'tsylla.lock'), JSON.stringify({ pid: child.pid, socket }))
  return { child, socket }
}

describe('the lock of a path', () => {
  test('refuses a second owner, naming the first, until it is released', async () => {
    const path = await temporaryPath()
    const first = await lockPath(path)
    await expect(lockPath(path)).rejects.toMatchObject({
      code: 'TSYLLA_ENGINE_LOCKED',
      ownerPid: process.pid,
    })
    await first.release()
    expect(await readdir(path)).toEqual([])
    const second = await lockPath(path)
    await second.release()
  })

  test('of another process holds while it lives and is gone when it was killed', async () => {
    const path = await temporaryPath()
    const { child } = await spawnOwner(path)
    await expect(lockPath(path)).rejects.toMatchObject({ ownerPid: child.pid })
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    const lock = await lockPath(path)
    await lock.release()
    expect(await readdir(path)).toEqual([])
  })

  test('a deep directory does not make the socket name too long', async () => {
    const path = join(await temporaryPath(), 'd'.repeat(100), 'e'.repeat(100))
    const lock = await lockPath(path)
    await expect(lockPath(path)).rejects.toMatchObject({ code: 'TSYLLA_ENGINE_LOCKED' })
    await lock.release()
  })

  test('whose socket was tidied away from a folder for temporary files holds while its process lives', async () => {
    const path = await mkdtemp(join(await temporaryPath(), 'x'.repeat(120)))
    const first = await lockPath(path)
    const { socket } = JSON.parse(await readFile(join(path, 'tsylla.lock'), 'utf8')) as {
      socket: string
    }
    expect(socket.startsWith(path)).toBe(false)
    await rm(socket)
    await expect(lockPath(path)).rejects.toMatchObject({ code: 'TSYLLA_ENGINE_LOCKED' })
    await first.release()
    const second = await lockPath(path)
    await second.release()
  })

  test('exactly one of many processes that find a dead owner at once gets the path', async () => {
    const path = await temporaryPath()
    const server = createServer()
    const socket = join(path, 'dead.sock')
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    await new Promise((resolve) => server.close(resolve))
    await writeFile(join(path, 'tsylla.lock'), JSON.stringify({ pid: 1, socket }))
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockPath(path)))
    const won = tries.filter((result) => result.status === 'fulfilled')
    expect(won.length).toBe(1)
    for (const result of won) await result.value.release()
  })

  test.each(['', 'null', '{"pid":1}', '{"pid":1,"socket":7}', '[]', 'PID 5'])(
    'that says %j is stale when nobody answers in the directory',
    async (text) => {
      const path = await temporaryPath()
      await writeFile(join(path, 'tsylla.lock'), text)
      const lock = await lockPath(path)
      await lock.release()
      expect(await readdir(path)).toEqual([])
    },
  )

  test('that says nothing holds while somebody answers in the directory', async () => {
    const path = await temporaryPath()
    const lock = await lockPath(path)
    const file = join(path, 'tsylla.lock')
    const text = await readFile(file, 'utf8')
    await writeFile(file, '')
    await expect(lockPath(path)).rejects.toMatchObject({ code: 'TSYLLA_ENGINE_LOCKED' })
    await writeFile(file, text)
    await lock.release()
  })

  test('that says nothing names the remedy where its socket may be anywhere', async () => {
    const path = join(await temporaryPath(), 'd'.repeat(100))
    await (await lockPath(path)).release()
    const file = join(path, 'tsylla.lock')
    await writeFile(file, '')
    await expect(lockPath(path)).rejects.toMatchObject({
      code: 'TSYLLA_ENGINE_STORAGE',
      message: expect.stringContaining(`${file} does not say who owns`),
    })
  })

  test('of an owner that cannot be asked holds', async () => {
    const path = await temporaryPath()
    const loop = join(path, 'loop')
    await symlink(loop, loop)
    const socket = join(loop, 'owner.sock')
    await writeFile(join(path, 'tsylla.lock'), JSON.stringify({ pid: 77, socket }))
    await expect(lockPath(path)).rejects.toMatchObject({
      code: 'TSYLLA_ENGINE_LOCKED',
      ownerPid: 77,
    })
  })

  test('whose taker died while he took it over is taken over from him', async () => {
    const path = await temporaryPath()
    const nobody = (name: string): string =>
      JSON.stringify({ pid: 1, socket: join(path, `tsylla-${name}.sock`) })
    const lock = join(path, 'tsylla.lock')
    const claimOf = (file: string, text: string): string =>
      `${file}.${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
    const claim = claimOf(lock, nobody('a'))
    await writeFile(lock, nobody('a'))
    await writeFile(claim, nobody('b'))
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockPath(path)))
    const won = tries.filter((result) => result.status === 'fulfilled')
    expect(won.length).toBe(1)
    for (const result of tries) {
      if (result.status === 'rejected') expect(result.reason.code).toBe('TSYLLA_ENGINE_LOCKED')
    }
    for (const result of won) await result.value.release()
    expect(await readdir(path)).toEqual([])
  })
})
