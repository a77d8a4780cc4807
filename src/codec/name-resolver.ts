import { BindError } from '../errors/index.ts'
import type { ColumnSpec } from '../types/index.ts'
import { describeKeys, type MarkerKeys } from './marker-keys.ts'

type NamedValues = { readonly [name: string]: unknown }

/** Keys named in one message at most. */
const keysShownMax = 20

/**
 * Turns an object of values into an array in marker order. The keys that fitted the last object are
 * tried first, since a call site passes objects of one shape. The rules are applied only when they
 * do not fit.
 */
export class NameResolver {
  readonly #markers: readonly ColumnSpec[]
  readonly #keys: readonly MarkerKeys[]
  /** Keys by marker that fitted last. */
  #fitting: readonly string[]
  /** How many different keys those are. */
  #fittingCount: number
  /** Whether a key might be found on `Object.prototype`. */
  readonly #hasInheritedName: boolean

  constructor(markers: readonly ColumnSpec[], keys: readonly MarkerKeys[]) {
    this.#markers = markers
    this.#keys = keys
    this.#fitting = keys.map((key) => key.own[0] ?? key.shared[0] ?? key.serverName)
    this.#hasInheritedName = keys.some((key) =>
      [...key.own, ...key.shared].some((name) => name in Object.prototype),
    )
    // Not what the rules give where keys are shared, so such a plan starts with the slow way.
    const isPlain = keys.every((key) => key.group === -1 && key.own.length > 0)
    this.#fittingCount = isPlain ? new Set(this.#fitting).size : -1
  }

  resolve(values: NamedValues): unknown[] {
    return this.#resolveFitting(values) ?? this.#resolveByRules(values)
  }

  #resolveFitting(values: NamedValues): unknown[] | undefined {
    const names = this.#fitting
    // Only of a plain object is every property but those of Object.prototype its own.
    const isPlain = !this.#hasInheritedName && Object.getPrototypeOf(values) === Object.prototype
    const ordered: unknown[] = []
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const value = values[name]
      if ((value === undefined || !isPlain) && !Object.hasOwn(values, name)) return undefined
      ordered.push(value)
    }
    let count = 0
    for (const _ in values) count++
    return count === this.#fittingCount ? ordered : undefined
  }

  #resolveByRules(values: NamedValues): unknown[] {
    const given = new Set(Object.keys(values))
    const chosen = this.#keys.map((key, i) => this.#chooseOwn(key, i, given))
    this.#chooseShared(chosen, given)
    const used = new Set(chosen)
    const missing = chosen.findIndex((key) => key === undefined)
    const extra = [...given].filter((key) => !used.has(key))
    if (missing >= 0) throw this.#missing(missing, extra)
    if (extra.length > 0) throw this.#fault('TSYLLA_BIND_EXTRA', `No marker takes ${show(extra)}`)
    const names = chosen as string[]
    this.#fitting = names
    this.#fittingCount = used.size
    return names.map((name) => values[name])
  }

  #chooseOwn(key: MarkerKeys, index: number, given: ReadonlySet<string>): string | undefined {
    const present = key.own.filter((name) => given.has(name))
    if (present.length > 1) {
      throw this.#fault(
        'TSYLLA_BIND_AMBIGUOUS',
        `Marker ${index + 1} (${key.serverName}) is given more than once: ${show(present)}`,
      )
    }
    return present[0]
  }

  /** A key that several `?` share goes to the only one of them that has no key of its own. */
  #chooseShared(chosen: (string | undefined)[], given: ReadonlySet<string>): void {
    const groupCount = 1 + Math.max(-1, ...this.#keys.map((key) => key.group))
    for (let group = 0; group < groupCount; group++) {
      const members = [...this.#keys.keys()].filter((i) => this.#keys[i]!.group === group)
      const present = this.#keys[members[0]!]!.shared.filter((name) => given.has(name))
      if (present.length === 0) continue
      const open = members.filter((i) => chosen[i] === undefined)
      if (present.length > 1 || open.length > 1) {
        const places = open.map((i) => i + 1).join(', ')
        throw this.#fault(
          'TSYLLA_BIND_AMBIGUOUS',
          `${show(present)} could be the value of markers ${places}`,
        )
      }
      if (open.length === 1) chosen[open[0]!] = present[0]!
    }
  }

  #missing(index: number, extra: readonly string[]): BindError {
    const key = this.#keys[index]!
    const unknown = extra.length > 0 ? `, and no marker takes ${show(extra)}` : ''
    const message = `No value for marker ${index + 1} (${key.serverName})${unknown}`
    return this.#fault('TSYLLA_BIND_MISSING', message, key.serverName)
  }

  #fault(
    code: 'TSYLLA_BIND_MISSING' | 'TSYLLA_BIND_EXTRA' | 'TSYLLA_BIND_AMBIGUOUS',
    message: string,
    column?: string,
  ): BindError {
    const text = `${message}. ${describeKeys(this.#markers, this.#keys)}`
    return new BindError(code, text, column === undefined ? {} : { column })
  }
}

function show(keys: readonly string[]): string {
  const shown = keys.slice(0, keysShownMax).map((key) => JSON.stringify(key))
  const more = keys.length > shown.length ? ` and ${keys.length - shown.length} more` : ''
  return shown.join(', ') + more
}
