import { createHash, randomBytes } from 'node:crypto'
import {
  access,
  constants,
  link,
  lstat,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
} from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { EngineLockedError, StorageError } from '../../errors/index.ts'
import { makeDirectory } from './make-directory.ts'

const lockName = 'tsylla.lock'
/** Most bytes a unix socket's path can have everywhere (macOS has the least). */
const socketPathMax = 103
const triesMax = 20
/**
 * Number of processes that may have died, one after another, while they took over the same lock.
 */
const takeoversMax = 8

interface Owner {
  readonly pid: number
  /** Socket that answers for as long as the owner lives, however it dies. */
  readonly socket: string
}

/** What a lock file says. Without `owner` it is not ours, or a crash left it without content. */
interface LockContent {
  readonly text: string
  readonly owner: Owner | undefined
}

/**
 * A directory that belongs to this process until it is released or the process dies. The lock is a
 * file that names a unix socket; a process that can connect to the socket knows that
 * the owner is alive.
 */
export interface PathLock {
  release(): Promise<void>
}

/** @throws EngineLockedError when a living process has the directory, this one included */
export async function lockPath(directory: string): Promise<PathLock> {
  const path = await directoryOf(directory)
  const file = join(path, lockName)
  const owner: Owner = { pid: process.pid, socket: socketPath(path) }
  const server = await listen(owner.socket)
  try {
    for (let tries = 0; tries < triesMax; tries++) {
      if (await acquire(file, owner, 0)) {
        return { release: () => release(file, server, owner) }
      }
    }
    throw new StorageError(`Cannot lock ${directory}: ${lockName} keeps changing`, 'not_applied')
  } catch (error) {
    await closeServer(server, owner.socket)
    throw error
  }
}

async function directoryOf(path: string): Promise<string> {
  try {
    await makeDirectory(path)
    return await realpath(path)
  } catch (cause) {
    throw new StorageError(`Cannot use ${path} as a directory`, 'not_applied', { cause })
  }
}

/**
 * Makes the file name `owner`, unless it names another one that lives; false when it changed
 * meanwhile.
 *
 * A dead owner's file is replaced by whoever has the *claim* on it, a file of the same kind whose
 * name derives from the content of the stale lock, so that no other process replaces it meanwhile.
 * A claim whose owner died is taken over in the same way.
 * @throws EngineLockedError, StorageError
 */
async function acquire(file: string, owner: Owner, depth: number): Promise<boolean> {
  if (await create(file, owner)) return true
  const dead = await readLock(file)
  if (dead === undefined) return false
  if (depth === takeoversMax) throw unknownOwner(file)
  if (await isOwned(file, dead, owner)) {
    throw new EngineLockedError(dirname(file), dead.owner?.pid ?? 0)
  }
  const claim = `${file}.${hashOf(dead.text).slice(0, 12)}`
  if (!(await acquire(claim, owner, depth + 1))) return false
  try {
    const current = await readLock(file)
    if (current?.text !== dead.text) return false
    await replace(file, owner)
    await removeSocket(dead.owner?.socket, dirname(file))
    return true
  } finally {
    await rm(claim, { force: true })
  }
}

/** Whether the owner of the lock seems to be alive. */
async function isOwned(file: string, { owner }: LockContent, self: Owner): Promise<boolean> {
  const path = dirname(file)
  if (owner !== undefined) {
    const state = await stateOf(owner.socket)
    // Folders for temporary files are tidied up, and other processes may have one of their own: a
    // socket that is missing there says nothing of its owner.
    return state === 'missing' && dirname(owner.socket) !== path
      ? isProcess(owner.pid)
      : state === 'alive'
  }
  // Somebody's socket may lie in a folder for temporary files that this process does not know.
  if (dirname(self.socket) !== path) throw unknownOwner(file)
  for (const name of await readdir(path)) {
    const socket = join(path, name)
    if (!name.endsWith('.sock') || socket === self.socket) continue
    if ((await stateOf(socket)) === 'alive') return true
  }
  return false
}

function unknownOwner(file: string): StorageError {
  return new StorageError(
    `${file} does not say who owns the directory: when no process uses it, delete that file`,
    'not_applied',
  )
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function socketPath(path: string): string {
  const hash = hashOf(path).slice(0, 16)
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

/** Makes the file, whole at once; false when there is one. */
async function create(file: string, owner: Owner): Promise<boolean> {
  const draft = await writeDraft(file, owner)
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw lockFailed(file, error)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Puts the file in place of the one that is there. */
async function replace(file: string, owner: Owner): Promise<void> {
  const draft = await writeDraft(file, owner)
  try {
    await rename(draft, file)
  } catch (cause) {
    await rm(draft, { force: true })
    throw lockFailed(file, cause)
  }
}

/** Writes a lock file under a name of its own. @throws StorageError, and leaves no file behind */
async function writeDraft(file: string, owner: Owner): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.draft`
  try {
    const handle = await open(draft, 'wx')
    try {
      await handle.writeFile(JSON.stringify(owner))
      // After a power loss the name must not be there without the content.
      await handle.datasync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    await rm(draft, { force: true })
    throw lockFailed(file, cause)
  }
  return draft
}

function lockFailed(file: string, cause: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StorageError(`Cannot write the lock file ${file}: ${why}`, 'not_applied', { cause })
}

async function readLock(file: string): Promise<LockContent | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw new StorageError(`Cannot read ${file}`, 'not_applied', { cause: error })
  }
  return { text, owner: ownerOf(text) }
}

function ownerOf(text: string): Owner | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (!('pid' in value) || !('socket' in value)) return undefined
  const { pid, socket } = value
  if (typeof pid !== 'number' || typeof socket !== 'string' || socket === '') return undefined
  return { pid, socket }
}

/** An owner that cannot be asked, for lack of permission or because it is busy, counts as alive. */
function stateOf(socket: string): Promise<'alive' | 'dead' | 'missing'> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve('alive')
    })
    connection.once('error', (error) => {
      if (hasCode(error, 'ENOENT')) resolve('missing')
      else resolve(hasCode(error, 'ECONNREFUSED') ? stateOfRefusing(socket) : 'alive')
    })
  })
}

/** Bun reports a missing permission as a refused connection. */
async function stateOfRefusing(socket: string): Promise<'alive' | 'dead' | 'missing'> {
  try {
    await access(socket, constants.W_OK)
    return 'dead'
  } catch (error) {
    return hasCode(error, 'ENOENT') ? 'missing' : 'alive'
  }
}

/** Whether a process with that id exists, of any user. */
function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !hasCode(error, 'ESRCH')
  }
}

/** Removes only sockets, and only in the directory of the locks. */
async function removeSocket(socket: string | undefined, path: string): Promise<void> {
  if (socket === undefined || process.platform === 'win32') return
  if (dirname(socket) !== path && !basename(socket).startsWith('tsylla-')) return
  const stats = await lstat(socket).catch(() => undefined)
  if (stats?.isSocket() === true) await rm(socket, { force: true })
}

async function release(file: string, server: Server, owner: Owner): Promise<void> {
  const current = await readLock(file)
  if (current?.owner?.socket === owner.socket) await rm(file, { force: true })
  await closeServer(server, owner.socket)
}

async function closeServer(server: Server, socket: string): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (process.platform !== 'win32') await rm(socket, { force: true })
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
