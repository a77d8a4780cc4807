import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineLockedError, StorageError } from '../../errors/index.ts'

const lockName = 'tsylla.lock'
/** Most bytes a unix socket's path can have everywhere (macOS has the least). */
const socketPathMax = 103
const triesMax = 20

interface Owner {
  readonly pid: number
  /** Socket that answers for as long as the owner lives, however it dies. */
  readonly socket: string
}

/**
 * A directory that belongs to this process until it is released or the process dies. The lock is a
 * file that names a unix socket; whoever can connect to the socket has found a living owner.
 */
export interface PathLock {
  release(): Promise<void>
}

/** @throws EngineLockedError when a living process has the directory, this one included */
export async function lockPath(directory: string): Promise<PathLock> {
  await mkdir(directory, { recursive: true })
  const path = await realpath(directory)
  const file = join(path, lockName)
  const owner: Owner = { pid: process.pid, socket: socketPath(path) }
  const server = await listen(owner.socket)
  try {
    for (let tries = 0; tries < triesMax; tries++) {
      if (await create(file, owner)) return { release: () => release(file, server, owner) }
      const other = await readOwner(file)
      if (other === undefined) continue
      if (await isAlive(other.socket)) throw new EngineLockedError(directory, other.pid)
      await removeStale(file, other)
    }
    throw new StorageError(`Cannot lock ${directory}: ${lockName} keeps changing`, 'not_applied')
  } catch (error) {
    await closeServer(server, owner.socket)
    throw error
  }
}

function socketPath(path: string): string {
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16)
  const name = `tsylla-${hash}-${randomBytes(6).toString('hex')}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const inside = join(path, `${name}.sock`)
  return Buffer.byteLength(inside) <= socketPathMax ? inside : join(tmpdir(), `${name}.sock`)
}

function listen(socket: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy())
    server.once('error', (cause) => {
      reject(new StorageError(`Cannot listen on ${socket}`, 'not_applied', { cause }))
    })
    server.listen(socket, () => {
      server.unref()
      resolve(server)
    })
  })
}

/** Makes the lock file, whole at once; false when there is one. */
async function create(file: string, owner: Owner): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, JSON.stringify(owner))
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw new StorageError(`Cannot lock ${file}`, 'not_applied', { cause: error })
  } finally {
    await rm(draft, { force: true })
  }
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw new StorageError(`${file} is not a lock of tsylla`, 'not_applied', { cause: error })
  }
}

function isAlive(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}

/**
 * Takes a dead owner's lock away. Another process may do so at the same time and already have its
 * own lock in place: what was taken is looked at, and put back if it is not the dead owner's.
 */
async function removeStale(file: string, dead: Owner): Promise<void> {
  const taken = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await rename(file, taken)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw error
  }
  const owner = await readOwner(taken)
  if (owner?.socket === dead.socket) await rm(dead.socket, { force: true })
  else await link(taken, file)
  await rm(taken, { force: true })
}

async function release(file: string, server: Server, owner: Owner): Promise<void> {
  const current = await readOwner(file)
  if (current?.socket === owner.socket) await rm(file, { force: true })
  await closeServer(server, owner.socket)
}

async function closeServer(server: Server, socket: string): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (process.platform !== 'win32') await rm(socket, { force: true })
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
