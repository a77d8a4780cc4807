import { analyzeStatement, type StatementFacts } from '../../cql/index.ts'
import { parameterized, withoutLiterals } from './statement-text.ts'

/** A statement as traces show it. Each part is computed when it is asked for first, and kept. */
export class ShownStatement {
  readonly text: string
  #facts: StatementFacts | undefined
  #operation: string | null | undefined
  #parameterizedText: string | undefined

  /** @param facts of the text, if they are known already */
  constructor(text: string, facts?: StatementFacts) {
    this.text = text
    this.#facts = facts
  }

  get facts(): StatementFacts {
    return (this.#facts ??= analyzeStatement(this.text))
  }

  /** The first word, of a definition also what it defines: `SELECT`, `CREATE TABLE`. */
  get operation(): string | undefined {
    if (this.#operation === undefined) this.#operation = operationOf(this.text) ?? null
    return this.#operation ?? undefined
  }

  /** The text with `?` instead of literals and without comments. */
  get parameterizedText(): string {
    return (this.#parameterizedText ??= parameterized(this.text))
  }
}

const firstWords = /^\s*([a-z]+)(?:\s+(?:or\s+replace\s+|custom\s+|materialized\s+)?([a-z]+))?/i

function operationOf(text: string): string | undefined {
  const [, verb, object] = firstWords.exec(withoutLiterals(text)) ?? []
  if (verb === undefined) return undefined
  const isDefinition = /^(?:create|alter|drop)$/i.test(verb) && object !== undefined
  if (/^begin$/i.test(verb)) return 'BATCH'
  return (isDefinition ? `${verb} ${object}` : verb).toUpperCase()
}
