import { type ChildProcess, spawn } from 'node:child_process'
import { bundle } from '../../support/bundle.ts'

const bundles = new Map<string, string>()

/** Ends of processes. In Deno a process has a `signalCode` as soon as a signal is sent to it. */
const exits = new WeakMap<ChildProcess, Promise<number | null>>()

/** Starts a TypeScript file of this folder in a process of its own. */
export function startProcess(file: string, argv: readonly string[]): ChildProcess {
  const script = bundles.get(file) ?? bundle(new URL(file, import.meta.url))
  bundles.set(file, script)
  const child = spawn(process.execPath, [script, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] })
  exits.set(child, new Promise((resolve) => child.once('exit', (code) => resolve(code))))
  return child
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

/** @param child started by {@link startProcess} */
export async function exitOf(child: ChildProcess): Promise<number | null> {
  return await exits.get(child)!
}
