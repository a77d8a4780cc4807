/**
 * The packages that the patterns are compared with. They are installed into a folder of their own
 * when the benchmark runs: nothing else needs them.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openPostgres } from './postgres.ts'

const packages = {
  'rate-limiter-flexible': '11.4.0',
  bentocache: '1.6.1',
  keyv: '5.5.5',
  '@keyv/redis': '5.1.5',
  ioredis: '5.9.0',
  pg: '8.23.1',
}

export interface Peers {
  readonly redisPort: number
  /** `undefined` where there is no PostgreSQL. */
  readonly postgresPort: number | undefined
  readonly folder: string
  /** Loads one of the packages, or a path in it. */
  readonly load: <T>(name: string) => Promise<T>
  readonly close: () => void
}

/** Installs the packages and starts a Redis server. @returns `undefined` where there is no Redis */
export async function openPeers(): Promise<Peers | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'tsylla-peers-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: packages }))
  const install = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (install.status !== 0) throw new Error(`npm install failed:\n${install.stderr}`)
  const redisPort = 16_379
  const options = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--dir', folder]
  const redis = spawn('redis-server', ['--port', String(redisPort), ...options], {
    stdio: 'ignore',
  })
  const postgres = openPostgres(15_432)
  await untilOpen(redisPort)
  if (postgres !== undefined) await untilOpen(postgres.port)
  return {
    redisPort,
    postgresPort: postgres?.port,
    folder,
    load: (name) => loadFrom(folder, name),
    close: () => {
      redis.kill()
      postgres?.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function loadFrom<T>(folder: string, name: string): Promise<T> {
  const resolved = createRequire(join(folder, 'package.json')).resolve(name)
  return (await import(pathToFileURL(resolved).href)) as T
}

async function untilOpen(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`No server answers on port ${port}`)
}
