import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')

/** A copy of an application of this folder, with what it depends on and the packed package. */
export class Application implements AsyncDisposable {
  readonly project: string
  readonly #folder: string
  #tarball = ''

  private constructor(folder: string) {
    this.#folder = folder
    this.project = join(folder, 'project')
  }

  /** @param name of its folder */
  static async install(name: string): Promise<Application> {
    const application = new Application(mkdtempSync(join(tmpdir(), `tsylla-${name}-`)))
    cpSync(join(here, name), application.project, { recursive: true })
    await application.#npm('ci')
    await execute('npm', ['pack', '--silent', '--pack-destination', application.#folder], {
      cwd: root,
    })
    const packed = readdirSync(application.#folder).find((file) => file.endsWith('.tgz')) ?? ''
    application.#tarball = join(application.#folder, packed)
    await application.add()
    return application
  }

  /** Installs packages besides the package itself. */
  async add(...packages: string[]): Promise<void> {
    await this.#npm('install', '--no-save', this.#tarball, ...packages)
  }

  /** A new folder for files. */
  makeFolder(): string {
    return mkdtempSync(join(this.#folder, 'data-'))
  }

  async run(command: string, parameters: readonly string[], env: object = {}): Promise<string> {
    const { stdout } = await execute(command, parameters, {
      cwd: this.project,
      maxBuffer: 1 << 26,
      env: { ...environment, ...env },
    })
    return stdout
  }

  /** Starts a Next.js application that was built, on a free port. */
  async startNext(env: object = {}): Promise<NextServer> {
    const next = join(this.project, 'node_modules/next/dist/bin/next')
    const server = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', '0'], {
      cwd: this.project,
      env: { ...environment, ...env },
    })
    const address = await new Promise<string>((resolve, reject) => {
      let output = ''
      const read = (chunk: Buffer): void => {
        output += chunk.toString()
        const [address] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(output) ?? []
        if (address !== undefined && output.includes('Ready')) resolve(address)
      }
      server.stdout.on('data', read)
      server.stderr.on('data', read)
      server.on('exit', () => reject(new Error(`Next.js did not start: ${output}`)))
    })
    return { address, stop: () => server.kill() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #npm(...parameters: string[]): Promise<void> {
    await this.run('npm', [...parameters, '--ignore-scripts', '--no-audit', '--no-fund'])
  }
}

export interface NextServer {
  readonly address: string
  stop(): void
}

/** Next.js takes the environment of a test runner for one of tests. */
const { NODE_ENV: _, VITEST: __, NODE_OPTIONS: ___, ...inherited } = process.env
const environment = { ...inherited, NEXT_TELEMETRY_DISABLED: '1' }
