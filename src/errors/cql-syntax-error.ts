import { TsyllaErrorBase } from './tsylla-error.ts'

/** A text is not CQL. Positions count as Cassandra counts them. */
export class CqlSyntaxError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CQL_SYNTAX'
  /** Line from 1; 0 when the text ends too early, as in Cassandra's messages. */
  readonly line: number
  /** Column from 0; −1 when the text ends too early. */
  readonly column: number
  /** What could have followed, as CQL or in words; empty when that is not the fault. */
  readonly expected: string
  constructor(message: string, line: number, column: number, expected: string) {
    super(message)
    this.line = line
    this.column = column
    this.expected = expected
  }
}
