import { TsyllaErrorBase } from './tsylla-error.ts'

/** The text is not valid CQL. Lines and columns are counted as Cassandra counts them. */
export class CqlSyntaxError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CQL_SYNTAX'
  /** Line from 1; 0 when the text ends too early, as in Cassandra's messages. */
  readonly line: number
  /** Column from 0; −1 when the text ends too early. */
  readonly column: number
  /**
   * What the parser expected instead, as CQL or as a description; empty when something else is
   * wrong.
   */
  readonly expected: string
  constructor(message: string, line: number, column: number, expected: string) {
    super(message)
    this.line = line
    this.column = column
    this.expected = expected
  }
}
