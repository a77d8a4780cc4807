import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { createInterface } from 'node:readline'
import {
  setupFlag,
  type WorkerCommand,
  type WorkerMessage,
  type WorkerSetup,
} from './worker-messages.ts'

/** What a process needs of its run. */
export interface WorkerHost<Report> {
  readonly file: string
  readonly execArgv: readonly string[]
  readonly onReport: (report: Report, process: WorkerProcess<Report>) => void
  /** Called when the process waits for the others, and when it has ended. */
  readonly onChange: () => void
}

/** How a process has ended. */
export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | null
}

/** The end of the error output that is kept for the message of a failure. */
const errorTextLengthMax = 4_000

/** One process of a {@link ProcessRun}. */
export class WorkerProcess<Report = unknown> {
  readonly index: number
  readonly #host: WorkerHost<Report>
  readonly #child: ChildProcess
  readonly #reports: Report[] = []
  #errorText = ''
  #exit: WorkerExit | undefined
  #isPaused = false
  #isWaiting = false
  #isKilled = false
  /** Resolves when the process has ended and everything that it reported is there. */
  readonly ended: Promise<WorkerExit>

  /** @internal */
  constructor(setup: WorkerSetup, host: WorkerHost<Report>) {
    this.index = setup.index
    this.#host = host
    const parameters = [...host.execArgv, host.file, `${setupFlag}${JSON.stringify(setup)}`]
    const child = spawn(process.execPath, parameters, {
      stdio: ['pipe', 'inherit', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stdin!.on('error', () => {
      // The process has ended: that is reported by `ended`.
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = (this.#errorText + text).slice(-errorTextLengthMax)
    })
    const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })
    lines.on('line', (line) => this.#onLine(line))
    this.ended = new Promise((resolve) => {
      const onEnd = (exit: WorkerExit): void => {
        this.#exit ??= exit
        resolve(this.#exit)
        host.onChange()
      }
      child.on('error', ({ message }) => {
        this.#errorText += message
        onEnd({ code: null, signal: null })
      })
      child.on('close', (code, signal) => onEnd({ code, signal }))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What the process has reported so far. */
  get reports(): readonly Report[] {
    return this.#reports
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** How it has ended; `undefined` while it has not. */
  get exit(): WorkerExit | undefined {
    return this.#exit
  }

  /** Whether it was killed by the runner. */
  get isKilled(): boolean {
    return this.#isKilled
  }

  /** @internal Whether it waits for the others. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** @internal The end of what it has written to its standard error. */
  get errorText(): string {
    return this.#errorText
  }

  /** Ends the process at once (SIGKILL), whatever it does, also while it is paused. */
  kill(): void {
    if (this.#exit !== undefined) return
    this.#isKilled = true
    this.#child.kill('SIGKILL')
  }

  /** Stops the process where it is (SIGSTOP): to others it seems to hang. */
  pause(): void {
    this.#isPaused = this.#child.kill('SIGSTOP')
  }

  /** Lets a paused process go on (SIGCONT). */
  resume(): void {
    this.#child.kill('SIGCONT')
    this.#isPaused = false
  }

  /** Makes the date of the process's `clock` wrong by `offsetMs` from now on. */
  setSkew(offsetMs: number): void {
    this.send({ kind: 'skew', offsetMs })
  }

  /** @internal */
  send(command: WorkerCommand): void {
    if (command.kind === 'go') this.#isWaiting = false
    const stdin = this.#child.stdin as Writable
    if (this.#exit === undefined) stdin.write(`${JSON.stringify(command)}\n`)
  }

  #onLine(line: string): void {
    const message = parse(line)
    if (message === undefined) return
    if (message.kind === 'barrier') {
      this.#isWaiting = true
      this.#host.onChange()
      return
    }
    const report = message.report as Report
    this.#reports.push(report)
    this.#host.onReport(report, this)
  }
}

/** The last line of a process that was killed may be incomplete. */
function parse(line: string): WorkerMessage | undefined {
  try {
    return JSON.parse(line) as WorkerMessage
  } catch {
    return undefined
  }
}
