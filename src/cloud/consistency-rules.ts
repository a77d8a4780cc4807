import { ConfigError, type Consistency, consistencyName, ConsistencyCode } from '../errors/index.ts'

/** The consistency levels that a managed service takes. */
export interface ConsistencyRules {
  /** Name of the service, for errors. */
  readonly service: string
  readonly reads: readonly Consistency[]
  /** Levels of all other requests, batches and conditional statements included. */
  readonly writes: readonly Consistency[]
}

/** Refuses requests that a service would refuse, before anything is sent. */
export class ConsistencyCheck {
  readonly #rules: ConsistencyRules
  readonly #reads: ReadonlySet<number>
  readonly #writes: ReadonlySet<number>

  /** @throws ConfigError for rules that are none */
  constructor(rules: ConsistencyRules) {
    const isObject = typeof rules === 'object' && rules !== null
    if (!isObject || typeof rules.service !== 'string') throw wrongRules()
    this.#rules = rules
    this.#reads = codesOf(rules.reads)
    this.#writes = codesOf(rules.writes)
  }

  /** @throws ConfigError for a level that neither reads nor writes may have */
  checkDefault(consistency: Consistency): void {
    const code = ConsistencyCode[consistency]
    if (!this.#reads.has(code) && !this.#writes.has(code)) throw this.#refusal('requests', code)
  }

  /** @throws ConfigError */
  check(isRead: boolean, code: number): void {
    if (isRead ? this.#reads.has(code) : this.#writes.has(code)) return
    throw this.#refusal(isRead ? 'reads' : 'writes', code)
  }

  #refusal(what: 'reads' | 'writes' | 'requests', code: number): ConfigError {
    const { service, reads, writes } = this.#rules
    const allowed =
      what === 'requests'
        ? `reads with ${reads.join(', ')}, and writes with ${writes.join(', ')}`
        : `${what} with ${(what === 'reads' ? reads : writes).join(', ')}`
    return new ConfigError(
      `${service} takes ${allowed} only: the consistency ${consistencyName(code)} would be refused`,
    )
  }
}

/** @throws ConfigError for wrong rules, or a default level that they allow for nothing */
export function consistencyCheckOf({
  consistencyRules,
  consistency = 'LOCAL_QUORUM',
}: {
  readonly consistencyRules?: ConsistencyRules | undefined
  readonly consistency?: Consistency | undefined
}): ConsistencyCheck | undefined {
  if (consistencyRules === undefined) return undefined
  const check = new ConsistencyCheck(consistencyRules)
  check.checkDefault(consistency)
  return check
}

function codesOf(levels: readonly Consistency[]): ReadonlySet<number> {
  if (!Array.isArray(levels) || levels.length === 0) throw wrongRules()
  const codes = (levels as readonly Consistency[]).map((level) => ConsistencyCode[level])
  if (codes.includes(undefined as never)) throw wrongRules()
  return new Set(codes)
}

function wrongRules(): ConfigError {
  return new ConfigError(
    "consistencyRules must be an object, such as { service: 'name', reads: ['LOCAL_ONE'], writes: ['LOCAL_QUORUM'] }",
  )
}
