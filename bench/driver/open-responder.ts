import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCertificates } from '../../scripts/cassandra/certificates.ts'
import type { ProtocolVersion } from '../../src/protocol/index.ts'
import { addressOf, writeAnswers } from './answers.ts'

const folder = dirname(fileURLToPath(import.meta.url))
/** What the benchmark builds and installs, outside of what the gates read. */
export const cacheFolder: string = join(folder, '../../node_modules/.cache/tsylla-bench')

/** Commands that run a process on one core, where that is possible. */
export function pinned(core: number, command: readonly string[]): string[] {
  const isPossible = process.platform === 'linux' && cpus().length > core
  return isPossible ? ['taskset', '-c', String(core), ...command] : [...command]
}

/** Builds the programs in Rust. @returns their folder; `undefined` where there is no cargo */
export function buildRust(): string | undefined {
  if (spawnSync('cargo', ['--version']).status !== 0) return undefined
  const target = join(cacheFolder, 'rust')
  const build = spawnSync('cargo', ['build', '--release', '--target-dir', target], {
    cwd: join(folder, 'rust'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return build.status === 0 ? join(target, 'release') : undefined
}

export interface Responder {
  readonly pid: number
  readonly addresses: readonly string[]
  /** The CA of its certificate; only the responder in Rust has one. */
  readonly caPath: string | undefined
  close(): void
}

/** Starts nodes that answer at once, on the second core. */
export async function openResponder(
  rust: string | undefined,
  nodeCount: number,
  version: ProtocolVersion,
): Promise<Responder> {
  if (rust === undefined) return await openInJavaScript(nodeCount)
  const files = mkdtempSync(join(tmpdir(), 'tsylla-bench-'))
  const caPath = makeCertificates(files, ['IP:127.0.0.1'])
  for (const name of ['server.crt', 'server.key']) toDer(files, name)
  const answers = join(files, 'answers')
  writeAnswers(answers, nodeCount, version)
  const command = pinned(1, [
    ...[join(rust, 'responder'), answers, String(nodeCount), String(version)],
    ...[join(files, 'server.crt.der'), join(files, 'server.key.der')],
  ])
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    pid: child.pid!,
    addresses: addressesOf(nodeCount, Number(line.toString())),
    caPath,
    close() {
      child.kill()
      rmSync(files, { recursive: true, force: true })
    },
  }
}

async function openInJavaScript(nodeCount: number): Promise<Responder> {
  const [execPath, ...execArgv] = pinned(1, [process.execPath, '--import', 'tsx'])
  const file = join(folder, 'responder.ts')
  const child = fork(file, [String(nodeCount)], { execPath: execPath!, execArgv })
  const [port] = (await once(child, 'message')) as [number]
  return {
    pid: child.pid!,
    addresses: addressesOf(nodeCount, port),
    caPath: undefined,
    close: () => child.kill(),
  }
}

function addressesOf(nodeCount: number, port: number): string[] {
  return Array.from({ length: nodeCount }, (_, node) => `${addressOf(node)}:${port}`)
}

/** Writes the bytes of a PEM file next to it. */
function toDer(files: string, name: string): void {
  const text = readFileSync(join(files, name), 'utf8')
  const base64 = text.replace(/-----[^-]+-----/g, '').replace(/\s/g, '')
  writeFileSync(join(files, `${name}.der`), Buffer.from(base64, 'base64'))
}
