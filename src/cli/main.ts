#!/usr/bin/env node
import { TsyllaError, version } from '../index.ts'
import { parseCommand, usage, UsageError } from './arguments.ts'
import { serve } from './serve.ts'

/** Resolves at the first SIGINT or SIGTERM; another one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      resolve()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}

async function run(argv: readonly string[]): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  try {
    const command = parseCommand(argv)
    switch (command.name) {
      case 'help':
        print(usage.trimEnd())
        return 0
      case 'version':
        print(version)
        return 0
      case 'serve':
        await serve({ ...command, print, stopped: stopSignal() })
        return 0
    }
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`tsylla: ${error.message}\n\n${usage}`)
      return 2
    }
    if (TsyllaError.is(error)) {
      process.stderr.write(`tsylla: ${error.message} (${error.code})\n`)
      return 1
    }
    throw error
  }
}

void run(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode
})
