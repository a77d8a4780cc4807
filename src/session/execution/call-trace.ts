import { type Consistency, consistencyName } from '../../errors/index.ts'
import type { RequestTrace } from '../../observability/index.ts'
import type { ExecuteOptions, NodeInfo, Result } from '../../types/index.ts'
import type { SettledRequest } from './slow-requests.ts'
import { shownStatement } from './failures.ts'
import type { ShownStatement } from './shown-statement.ts'

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
  readonly #readStatements: () => readonly ShownStatement[]
  #statements: readonly ShownStatement[] | undefined
  #summary: string | undefined

  constructor(description: CallDescription, readStatements: () => readonly ShownStatement[]) {
    this.verb = description.verb
    this.text = description.text
    this.statementCount = description.statementCount
    this.keyspace = description.keyspace
    this.options = description.options
    this.system = description.system
    this.server = description.server
    this.#readStatements = readStatements
  }

  get #parts(): readonly ShownStatement[] {
    this.#statements ??= this.#readStatements()
    return this.#statements
  }

  get operation(): string | undefined {
    const common = commonOf(this.#parts.map(({ operation }) => operation))
    if (this.verb !== 'batch') return common
    return common === undefined ? 'BATCH' : `BATCH ${common}`
  }

  get table(): string | undefined {
    return commonOf(this.#parts.map(({ facts }) => facts.table))
  }

  get summary(): string {
    this.#summary ??= this.#summarize()
    return this.#summary
  }

  #summarize(): string {
    const keyspace = commonOf(this.#parts.map(({ facts }) => facts.keyspace ?? this.keyspace))
    const { table } = this
    const target = table === undefined || keyspace === undefined ? table : `${keyspace}.${table}`
    const words = [this.verb === 'prepare' ? 'PREPARE' : undefined, this.operation, target]
    const summary = words.filter((word) => word !== undefined).join(' ')
    return summary.slice(0, summaryCharsMax)
  }

  get parameterizedText(): string {
    const byText = new Map(this.#parts.map((part) => [part.text, part]))
    const texts = Array.from(byText.values(), ({ parameterizedText }) => parameterizedText)
    return shownStatement(texts.join('; '))
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
