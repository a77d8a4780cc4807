import { ConfigError } from '../errors/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { PreparedStatement } from './prepared-statement.ts'
import { Statement, StatementBase, type StatementOptions } from './statement.ts'

/**
 * - `logged`: all of it is applied, or none, eventually; not isolated across partitions.
 * - `unlogged`: one round trip, each partition on its own.
 * - `counter`: counter updates only; never idempotent.
 */
export type BatchType = 'logged' | 'unlogged' | 'counter'

export type BatchEntry = Statement | PreparedStatement

/** Most statements one BATCH frame can count (native_protocol_v4.spec §4.1.7, `<n>` is a short). */
export const batchStatementCountMax = 65_535

/** Entries as a list that shares its tail, so that appending to an immutable batch stays O(1). */
interface Link {
  readonly entry: BatchEntry
  readonly before: Link | undefined
}

/** Statements that go to the server together. Immutable: `append…` returns a new batch. */
export class Batch extends StatementBase {
  static {
    shareAcrossBuilds(this, 'Batch')
  }

  readonly type: BatchType
  readonly #last: Link | undefined
  readonly #count: number
  #entries: readonly BatchEntry[] | undefined

  /**
   * @param type Default `'logged'`
   * @throws ConfigError for another type
   */
  constructor(type?: BatchType, options?: StatementOptions)
  /** @internal */
  constructor(type: BatchType, options: StatementOptions, tail: Tail)
  constructor(type: BatchType = 'logged', options: StatementOptions = {}, tail?: Tail) {
    super(options)
    if (type !== 'logged' && type !== 'unlogged' && type !== 'counter') {
      const given = typeof type === 'string' ? JSON.stringify(type) : typeof type
      throw new ConfigError(`A batch is 'logged', 'unlogged' or 'counter', not ${given}`)
    }
    this.type = type
    const entries = tail instanceof Tail ? tail : undefined
    this.#last = entries?.last
    this.#count = entries?.count ?? 0
  }

  protected override with(options: StatementOptions): this {
    return new Batch(this.type, options, new Tail(this.#last, this.#count)) as this
  }

  /**
   * Returns a new batch with one more statement; this batch stays as it is. Values come from
   * `session.batch(batch, [values, …])`, or else from the `Statement`. Of the options of the
   * statement only `idempotent` counts.
   *
   * @throws ConfigError for anything but a text or a statement, and beyond 65,535 statements
   */
  append(statement: string | BatchEntry): Batch {
    const entry = typeof statement === 'string' ? new Statement(statement) : statement
    if (!(entry instanceof Statement) && !(entry instanceof PreparedStatement)) {
      throw new ConfigError(
        'A batch is made of CQL texts, Statements and PreparedStatements; values go to session.batch(batch, [values, …])',
      )
    }
    if (this.#count === batchStatementCountMax) {
      throw new ConfigError(`A batch holds at most ${batchStatementCountMax} statements`)
    }
    const tail = new Tail({ entry, before: this.#last }, this.#count + 1)
    return new Batch(this.type, this.options, tail)
  }
  appendStatement(statement: string | Statement): Batch {
    return this.append(statement)
  }
  appendQuery(query: Statement): Batch {
    return this.append(query)
  }
  appendPrepared(prepared: PreparedStatement): Batch {
    return this.append(prepared)
  }

  /** Number of statements. */
  statementsCount(): number {
    return this.#count
  }

  /** The entries in the order they were appended. */
  entries(): readonly BatchEntry[] {
    if (this.#entries === undefined) {
      const entries = new Array<BatchEntry>(this.#count)
      let link = this.#last
      for (let i = this.#count - 1; link !== undefined; i--, link = link.before) {
        entries[i] = link.entry
      }
      this.#entries = entries
    }
    return this.#entries
  }
}

/** Carries the private list from one batch to the next through the public constructor. */
class Tail {
  readonly last: Link | undefined
  readonly count: number
  constructor(last: Link | undefined, count: number) {
    this.last = last
    this.count = count
  }
}
