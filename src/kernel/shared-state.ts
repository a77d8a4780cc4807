import { type Executor, rootOf } from '../types/index.ts'

/**
 * One registry per process, which the ESM and the CJS build share. The number in the key changes
 * whenever the methods of a shared state do.
 */
const registryKey: unique symbol = Symbol.for('tsylla.shared/2')
type Registry = WeakMap<Executor, Map<string, unknown>>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  holder[registryKey] ??= new WeakMap()
  return holder[registryKey]
}

/**
 * State that all patterns of one kind on one table share, however many objects there are. It
 * belongs to the innermost executor, see `Executor.root`, and lives as long as that.
 *
 * @param name kind of the pattern and table; callers of one name want the same `T`
 */
export function sharedState<T>(executor: Executor, name: string, create: () => T): T {
  const states = registry()
  const root = rootOf(executor)
  let ofExecutor = states.get(root)
  if (ofExecutor === undefined) {
    ofExecutor = new Map()
    states.set(root, ofExecutor)
  }
  if (!ofExecutor.has(name)) ofExecutor.set(name, create())
  return ofExecutor.get(name) as T
}
