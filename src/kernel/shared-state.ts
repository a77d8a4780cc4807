import type { Executor } from '../types/index.ts'

/**
 * One for the process: the ESM and the CJS build share it. The number changes with the methods of
 * what is shared.
 */
const registryKey: unique symbol = Symbol.for('tsylla.shared/1')
type Registry = WeakMap<Executor, Map<string, unknown>>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  holder[registryKey] ??= new WeakMap()
  return holder[registryKey]
}

/**
 * What patterns of one kind on one table know together, however many objects there are: it lives as
 * long as the executor.
 *
 * @param name kind of the pattern and table; callers of one name want the same `T`
 */
export function sharedState<T>(executor: Executor, name: string, create: () => T): T {
  const states = registry()
  let ofExecutor = states.get(executor)
  if (ofExecutor === undefined) {
    ofExecutor = new Map()
    states.set(executor, ofExecutor)
  }
  if (!ofExecutor.has(name)) ofExecutor.set(name, create())
  return ofExecutor.get(name) as T
}
