import { type ChildProcess, spawn } from 'node:child_process'
import { bundle } from '../../support/bundle.ts'

const bundles = new Map<string, string>()

/** Starts a TypeScript file of this folder in a process of its own. */
export function startProcess(file: string, argv: readonly string[]): ChildProcess {
  const script = bundles.get(file) ?? bundle(new URL(file, import.meta.url))
  bundles.set(file, script)
  return spawn(process.execPath, [script, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Lines the process writes, as they come. */
export async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of child.stdout!) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', (code) => resolve(code))
  })
}
