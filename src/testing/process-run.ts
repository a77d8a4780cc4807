import { fileURLToPath } from 'node:url'
import { ConfigError } from '../errors/index.ts'
import {
  checkInteger,
  checkOptions,
  type TimeSpan,
  timeSpanText,
  toMilliseconds,
} from '../kernel/index.ts'
import { systemClock, type Timer } from '../util/index.ts'
import { WorkerProcess } from './worker-process.ts'

export interface RunProcessesOptions<Report = unknown> {
  /** Path or file URL of the module that every process runs; it calls `worker()`. */
  readonly module: string | { readonly href: string }
  /** Processes, from 1 to 64. */
  readonly count: number
  /** What every process is given as `args`, as JSON. */
  readonly args?: unknown
  /** Milliseconds by which the date of each process is wrong. Default 0. */
  readonly skewMs?: ((index: number) => number) | undefined
  /** Parameters for Node, for example `['--import', 'tsx']`. Default: none. */
  readonly execArgv?: readonly string[] | undefined
  /** After this time the processes are killed and the run fails. Default `'60s'`. */
  readonly timeout?: TimeSpan | undefined
  /** Called with every report as it comes. */
  readonly onReport?: ((report: Report, process: WorkerProcess<Report>) => void) | undefined
}

/** A process of a run has failed, or the run has taken too long. */
export class ProcessRunError extends Error {
  override readonly name = 'ProcessRunError'
}

const countMax = 64
const timeoutMsMin = 100
const timeoutMsMax = 86_400_000
const timeoutDefault = '60s'

/**
 * Starts processes that run the same module, and waits until all have called `barrier`, which lets
 * them begin together. They end with this process.
 *
 * @throws ConfigError for a wrong option
 * @throws ProcessRunError when a process ends before all have begun
 */
export async function runProcesses<Report = unknown>(
  options: RunProcessesOptions<Report>,
): Promise<ProcessRun<Report>> {
  const run = new ProcessRun<Report>(options)
  await run.begun
  return run
}

/** Several processes at work. */
export class ProcessRun<Report = unknown> implements AsyncDisposable {
  readonly processes: readonly WorkerProcess<Report>[]
  /** @internal Resolves when the processes have passed their first barrier. */
  readonly begun: Promise<void>
  readonly #reports: Report[] = []
  readonly #timeoutMs: number
  readonly #timer: Timer
  readonly #onExit = (): void => this.#killAll()
  readonly #result: Promise<readonly Report[]>
  #barrierCount = 0
  #onBegun: () => void = () => {}
  #error: ProcessRunError | undefined

  /** @internal */
  constructor(options: RunProcessesOptions<Report>) {
    checkOptions('runProcesses', options, {
      ...{ module: true, count: true, args: true, skewMs: true, execArgv: true },
      ...{ timeout: true, onReport: true },
    })
    if ('deno' in process.versions) {
      throw new ConfigError('runProcesses does not work in Deno: run this test with Node or Bun')
    }
    const { module, count, args = null, skewMs = () => 0, execArgv = [], onReport } = options
    checkInteger('count', count, 1, countMax)
    if (typeof skewMs !== 'function') throw new ConfigError('skewMs must be a function of an index')
    if (!Array.isArray(execArgv)) throw new ConfigError('execArgv must be a list of parameters')
    if (onReport !== undefined && typeof onReport !== 'function') {
      throw new ConfigError('onReport must be a function of a report')
    }
    const { timeout = timeoutDefault } = options
    this.#timeoutMs = toMilliseconds('timeout', timeout, timeoutMsMin, timeoutMsMax)
    const host = {
      file: fileOf(module),
      execArgv,
      onReport: (report: Report, process: WorkerProcess<Report>): void => {
        this.#reports.push(report)
        onReport?.(report, process)
      },
      onChange: () => this.#onChange(),
    }
    const processes: WorkerProcess<Report>[] = []
    this.processes = processes
    for (let index = 0; index < count; index++) {
      const setup = { index, count, skewMs: skewMs(index), args }
      processes.push(new WorkerProcess<Report>(setup, host))
    }
    process.on('exit', this.#onExit)
    this.#timer = systemClock.schedule(this.#timeoutMs, () => this.#onTimeout())
    this.#result = this.#finish()
    // Who does not wait for the result learns of its failure by what is missing.
    this.#result.catch(() => {})
    const begun = new Promise<void>((resolve) => (this.#onBegun = resolve))
    this.begun = Promise.race([begun, this.#result.then(() => {})])
  }

  /** Everything that was reported so far, in the order in which it arrived. */
  get reports(): readonly Report[] {
    return this.#reports
  }

  /** How often all processes have waited for each other. */
  get barrierCount(): number {
    return this.#barrierCount
  }

  /** Asks the processes to come to an end: aborts `stopped` in each of them. */
  stop(): void {
    for (const process of this.processes) process.send({ kind: 'stop' })
  }

  /**
   * Waits until all processes have ended.
   *
   * @returns everything that was reported
   * @throws ProcessRunError when a process failed without having been killed by `kill`, and when
   *   the run took longer than `timeout`; all processes have ended then
   */
  async finished(): Promise<readonly Report[]> {
    return await this.#result
  }

  /** Kills the processes that have not ended, and waits for that. */
  async close(): Promise<void> {
    this.#killAll()
    await this.#result.catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #finish(): Promise<readonly Report[]> {
    await Promise.all(this.processes.map(({ ended }) => ended))
    this.#timer.cancel()
    process.off('exit', this.#onExit)
    if (this.#error !== undefined) throw this.#error
    return this.#reports
  }

  #onChange(): void {
    this.#failIfOneFailed()
    const living = this.processes.filter(({ exit }) => exit === undefined)
    if (living.length === 0 || !living.every(({ isWaiting }) => isWaiting)) return
    this.#barrierCount++
    for (const process of living) process.send({ kind: 'go' })
    this.#onBegun()
  }

  #failIfOneFailed(): void {
    if (this.#error !== undefined) return
    const failed = this.processes.find(
      ({ exit, isKilled }) => exit !== undefined && !isKilled && exit.code !== 0,
    )
    if (failed === undefined) return
    const { index, exit, errorText } = failed
    const how = exit?.signal ?? `code ${exit?.code ?? 'none'}`
    this.#error = new ProcessRunError(
      `Process ${index} has ended with ${how} before its work was done: ${errorText.trim()}`,
    )
    this.#killAll()
  }

  #onTimeout(): void {
    const living = this.processes.filter(({ exit }) => exit === undefined)
    const states = living.map(({ index, isPaused, isWaiting }) => {
      return `${index} ${isPaused ? 'is paused' : isWaiting ? 'waits for others' : 'is at work'}`
    })
    this.#error ??= new ProcessRunError(
      `The processes have not ended within ${timeSpanText(this.#timeoutMs)} (${states.join(', ')}): raise timeout, or reduce their work`,
    )
    this.#killAll()
  }

  #killAll(): void {
    for (const process of this.processes) process.kill()
  }
}

function fileOf(module: string | { readonly href: string }): string {
  const text = typeof module === 'string' ? module : module.href
  if (typeof text !== 'string' || text === '') {
    throw new ConfigError('module must be the path or the file URL of a module')
  }
  return text.startsWith('file:') ? fileURLToPath(text) : text
}
