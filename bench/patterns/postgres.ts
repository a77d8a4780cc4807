import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface PostgresServer {
  readonly port: number
  close(): void
}

/** Where Debian installs it, by version. */
const debianFolder = '/usr/lib/postgresql'

/** Starts a PostgreSQL server with an empty database. @returns `undefined` where there is none */
export function openPostgres(port: number): PostgresServer | undefined {
  const version = existsSync(debianFolder) ? readdirSync(debianFolder).sort().at(-1) : undefined
  const bin = version === undefined ? '' : join(debianFolder, version, 'bin')
  const identity = unprivileged()
  if (spawnSync(join(bin, 'initdb'), ['--version']).status !== 0 || identity === undefined)
    return undefined
  const folder = mkdtempSync(join(tmpdir(), 'tsylla-postgres-'))
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid)
  const data = join(folder, 'data')
  const access = ['--auth=trust', '--username=bench']
  const made = spawnSync(join(bin, 'initdb'), [...access, data], { ...identity, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stderr}`)
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder],
    { ...identity, stdio: 'ignore' },
  )
  return {
    port,
    close() {
      // A fast shutdown: sessions end at once.
      server.kill('SIGINT')
      server.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    },
  }
}

/** The server refuses to run as root: Debian's own user runs it then. */
function unprivileged():
  | { readonly uid: number; readonly gid: number }
  | { readonly uid?: undefined; readonly gid?: undefined }
  | undefined {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string): number =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  const [uid, gid] = [idOf('-u'), idOf('-g')]
  return uid > 0 ? { uid, gid } : undefined
}
