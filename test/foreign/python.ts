import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * A Python with a driver, made once and kept in the user's cache.
 *
 * @param requirement the driver with its version, as pip takes it
 * @returns the interpreter, or why there is none
 */
export async function pythonWithDriver(
  requirement: string,
): Promise<{ python: string } | { missing: string }> {
  let version: string
  try {
    const { stdout } = await run('python3', [
      '-c',
      'import sys; print("%d.%d" % sys.version_info[:2])',
    ])
    version = stdout.trim()
  } catch {
    return { missing: 'python3 is not installed' }
  }
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const home = join(cache, 'tsylla', `python-${version}-${requirement.replace('==', '-')}`)
  const marker = join(home, requirement)
  const python = join(home, 'bin', 'python')
  if (existsSync(marker)) return { python }
  await mkdir(dirname(home), { recursive: true })
  const draft = await mkdtemp(`${home}-`)
  try {
    await run('python3', ['-m', 'venv', draft])
    const pip = [join(draft, 'bin', 'pip'), ['install', '-q', requirement]] as const
    await run(pip[0], pip[1], { timeout: 150_000 })
    await mkdir(join(draft, requirement))
    await rm(home, { recursive: true, force: true })
    await rename(draft, home)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (existsSync(marker)) return { python }
    return { missing: `the driver cannot be installed: ${String(error).split('\n')[0]}` }
  }
  return { python }
}
