/** Part of a statement a bind marker stands in. */
export type MarkerClause =
  /** A value of `INSERT … VALUES (…)`. */
  | 'insert'
  /** The right side of an assignment in SET, plain or with `+`/`-`. */
  | 'set'
  /** An index or key inside brackets: `m[?]`, in SET, IF, DELETE or SELECT. */
  | 'element'
  /** A value compared in WHERE, `IN` and `token(…)` included. */
  | 'where'
  /** A value compared in IF. */
  | 'if'
  | 'limit'
  | 'perPartitionLimit'
  | 'ttl'
  | 'timestamp'
  /** The document of `INSERT … JSON ?`. */
  | 'json'
  /** Anywhere else: function arguments, selected terms, `ANN OF`, … */
  | 'other'

export type MarkerOperator =
  | '='
  | '<'
  | '<='
  | '>'
  | '>='
  | '!='
  | 'in'
  | 'contains'
  | 'containsKey'
  | 'like'

/**
 * What the text of a statement says about one of its bind markers. The server describes a marker by
 * name and type only; binding by name and the rules of UNSET and null need its place too.
 */
export interface MarkerFacts {
  /** Place among the markers of the text, from 0. */
  readonly index: number
  /** The spelling after the colon, without quotes; `undefined` for `?`. */
  readonly name: string | undefined
  /** Whether the name was written in double quotes and so keeps its case on the server. */
  readonly isQuoted: boolean
  /** Column the marker is assigned to or compared with, as the server folds it; if there is one. */
  readonly column: string | undefined
  readonly clause: MarkerClause
  /** The operator of a comparison in WHERE or IF; `undefined` elsewhere. */
  readonly operator: MarkerOperator | undefined
  /**
   * Whether the marker is a value by itself, the operand of `v = v + ?` included, and not a
   * function's argument or an item of a literal. Only such a marker may be UNSET.
   */
  readonly isWhole: boolean
}
