import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ConfigError } from '../errors/index.ts'
import { createDeferred, type Deferred, machineUs } from '../util/index.ts'
import { SkewedClock } from './skewed-clock.ts'
import {
  reportDescriptor,
  setupFlag,
  type WorkerCommand,
  type WorkerMessage,
  type WorkerSetup,
} from './worker-messages.ts'

/** What a process started by `runProcesses` knows, and how it talks to its runner. */
export interface Worker<Report = unknown, Args = unknown> {
  /** From 0 to `count` − 1. */
  readonly index: number
  /** Processes of the run. */
  readonly count: number
  /** `args` of the run. */
  readonly args: Args
  /** The time of this process, which the runner may set wrong: to be the `clock` of patterns. */
  readonly clock: SkewedClock
  /** Aborts when the runner asks the processes to come to an end. */
  readonly stopped: AbortSignal
  /**
   * Gives something to the runner, as JSON. It is there when this returns, whatever happens to the
   * process afterwards.
   */
  report(report: Report): void
  /** Waits until every process that has not ended waits here too. */
  barrier(): Promise<void>
  /** Microseconds by a clock that all processes of the machine share. */
  machineUs(): number
}

/**
 * The worker that this process is.
 *
 * @throws ConfigError when it was not started by `runProcesses`
 */
export function worker<Report = unknown, Args = unknown>(): Worker<Report, Args> {
  current ??= start()
  return current as unknown as Worker<Report, Args>
}

let current: Worker | undefined

function start(): Worker {
  const parameter = process.argv.find((text) => text.startsWith(setupFlag))
  if (parameter === undefined) {
    throw new ConfigError('This process is no worker: start its module with runProcesses')
  }
  const setup = JSON.parse(parameter.slice(setupFlag.length)) as WorkerSetup
  const clock = new SkewedClock(setup.skewMs)
  const stop = new AbortController()
  let waiting: Deferred<void> | undefined
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const command = JSON.parse(line) as WorkerCommand
    if (command.kind === 'skew') clock.offsetMs = command.offsetMs
    else if (command.kind === 'stop') stop.abort()
    else waiting?.resolve()
  })
  // The runner is gone: what this process does is of use to nothing any more.
  lines.on('close', () => process.exit(1))
  // A worker ends when its work is done, although it could still be told something.
  ;(process.stdin as { unref?: () => void }).unref?.()
  return {
    ...{ index: setup.index, count: setup.count, args: setup.args, clock },
    ...{ stopped: stop.signal, machineUs },
    report: (report) => send({ kind: 'report', report }),
    async barrier() {
      waiting = createDeferred<void>()
      send({ kind: 'barrier' })
      // Keeps the process alive while it waits.
      const stdin = process.stdin as { ref?: () => void; unref?: () => void }
      stdin.ref?.()
      await waiting.promise
      stdin.unref?.()
    },
  }
}

function send(message: WorkerMessage): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(reportDescriptor, bytes, sent)
}
