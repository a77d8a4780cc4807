import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The program that runs the tests; `test/runtimes` runs them on each. */
export const isBun: boolean = 'bun' in process.versions
export const isDeno: boolean = 'deno' in process.versions

/** Whether stacks contain the functions that await: those of V8 do. */
export const hasAsyncStacks: boolean = !isBun

/** Collects what is not used any more, as far as the runtime does that on demand. */
export function collectGarbage(): void {
  collect ??= collector()
  collect()
}

let collect: (() => void) | undefined

function collector(): () => void {
  if (isBun) {
    const { Bun } = globalThis as unknown as { Bun: { gc(isSynchronous: boolean): void } }
    return () => Bun.gc(true)
  }
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** Sets what makes the stacks of errors, as some applications do. Returns what undoes it. */
export function formatStacks(
  formatter: (error: Error, sites: readonly unknown[]) => unknown,
): () => void {
  const own = Object.hasOwn(Error, 'prepareStackTrace')
  const before: unknown = Reflect.get(Error, 'prepareStackTrace')
  Reflect.set(Error, 'prepareStackTrace', formatter)
  return () => {
    // Bun takes it only by an assignment.
    if (own) Reflect.set(Error, 'prepareStackTrace', before)
    else Reflect.deleteProperty(Error, 'prepareStackTrace')
  }
}
