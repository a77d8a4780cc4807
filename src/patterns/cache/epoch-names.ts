/** Between a namespace and what is in it: no key has it. */
export const separator = '\u001f'
const scopePrefix = 'scope:'

/** The epoch of a namespace, by the names on the way to it; of all keys when there are none. */
export function scopeEpoch(path: readonly string[]): string {
  return scopePrefix + path.join(separator)
}

export function tagEpoch(tag: string): string {
  return `tag:${tag}`
}

/**
 * How the keys of a namespace begin.
 *
 * @returns `undefined` when the epoch is not that of a namespace
 */
export function keyPrefixOf(epoch: string): string | undefined {
  if (!epoch.startsWith(scopePrefix)) return undefined
  const path = epoch.slice(scopePrefix.length)
  return path === '' ? '' : path + separator
}

/** What leaves the memory of processes: keys, and what depends on the epochs. */
export interface Invalidation {
  readonly keys: readonly string[]
  readonly epochs: readonly string[]
}
