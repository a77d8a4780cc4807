import type { StatementFacts } from '../../cql/index.ts'
import { type Consistency, consistencyName } from '../../errors/index.ts'
import type { RequestTrace } from '../../observability/index.ts'
import type { ExecuteOptions, NodeInfo, Result } from '../../types/index.ts'
import type { SettledRequest } from './slow-requests.ts'
import { shownStatement } from './failures.ts'
import { parameterized, withoutLiterals } from './statement-text.ts'

/** A statement of a call. */
interface TracedStatement {
  readonly text: string
  readonly facts: StatementFacts
}

export interface CallDescription {
  readonly verb: RequestTrace['verb']
  readonly text: string | undefined
  readonly statementCount: number
  readonly keyspace: string | undefined
  readonly options: ExecuteOptions | undefined
  readonly system: RequestTrace['system']
  readonly server: string
}

/** The name of a statement is cut at this length, as OpenTelemetry asks for. */
const summaryCharsMax = 255

/** One call as subscribers see it. What costs time is computed when it is asked for. */
export class CallTrace implements RequestTrace {
  readonly verb: RequestTrace['verb']
  readonly text: string | undefined
  readonly statementCount: number
  readonly keyspace: string | undefined
  readonly options: ExecuteOptions | undefined
  readonly system: RequestTrace['system']
  readonly server: string
  declare durationMs?: number
  declare node?: NodeInfo | undefined
  declare attemptCount?: number
  declare speculativeExecutionCount?: number
  declare consistency?: Consistency
  declare pageSize?: number
  declare isIdempotent?: boolean
  declare result?: Result | undefined
  declare error?: unknown
  readonly #readStatements: () => readonly TracedStatement[]
  #statements: readonly TracedStatement[] | undefined

  constructor(description: CallDescription, readStatements: () => readonly TracedStatement[]) {
    this.verb = description.verb
    this.text = description.text
    this.statementCount = description.statementCount
    this.keyspace = description.keyspace
    this.options = description.options
    this.system = description.system
    this.server = description.server
    this.#readStatements = readStatements
  }

  get #parts(): readonly TracedStatement[] {
    this.#statements ??= this.#readStatements()
    return this.#statements
  }

  get operation(): string | undefined {
    const common = commonOf(this.#parts.map(({ text }) => operationOf(text)))
    if (this.verb !== 'batch') return common
    return common === undefined ? 'BATCH' : `BATCH ${common}`
  }

  get table(): string | undefined {
    return commonOf(this.#parts.map(({ facts }) => facts.table))
  }

  get summary(): string {
    const keyspace = commonOf(this.#parts.map(({ facts }) => facts.keyspace ?? this.keyspace))
    const { table } = this
    const target = table === undefined || keyspace === undefined ? table : `${keyspace}.${table}`
    const words = [this.verb === 'prepare' ? 'PREPARE' : undefined, this.operation, target]
    const summary = words.filter((word) => word !== undefined).join(' ')
    return summary.slice(0, summaryCharsMax)
  }

  get parameterizedText(): string {
    const texts = new Set(this.#parts.map(({ text }) => text))
    return shownStatement([...texts].map(parameterized).join('; '))
  }

  /** The request of the call has ended. A call may fail before it has one. */
  onSettled({ message, ...settled }: SettledRequest): void {
    // A subscriber may have frozen it, which must not keep the request from its end.
    if (!Object.isExtensible(this)) return
    this.node = settled.node
    this.attemptCount = settled.attemptCount
    this.speculativeExecutionCount = settled.speculativeExecutionCount
    this.consistency = consistencyName(message.consistency)!
    this.pageSize = message.profile.pageSize
    this.isIdempotent = message.isIdempotent
  }
}

/** Returns what all have in common, if they do. */
function commonOf(values: readonly (string | undefined)[]): string | undefined {
  const [first] = values
  return values.every((value) => value === first) ? first : undefined
}

const firstWords = /^\s*([a-z]+)(?:\s+(?:or\s+replace\s+|custom\s+|materialized\s+)?([a-z]+))?/i

/** Returns the first word of a statement, of a definition also what it defines. */
function operationOf(text: string): string | undefined {
  const [, verb, object] = firstWords.exec(withoutLiterals(text)) ?? []
  if (verb === undefined) return undefined
  const isDefinition = /^(?:create|alter|drop)$/i.test(verb) && object !== undefined
  if (/^begin$/i.test(verb)) return 'BATCH'
  return (isDefinition ? `${verb} ${object}` : verb).toUpperCase()
}
