import { setTimeout as sleep } from 'node:timers/promises'
import { type PreparedStatement, Session, TsyllaError } from '../../src/index.ts'

export interface LoadOptions {
  readonly contactPoints: readonly string[]
  readonly protocolVersionMax: 4 | 5
  /** Loops that send one request after another. */
  readonly workerCount: number
  /** Time between two requests of a loop. Default 0. */
  readonly pauseMs?: number
}

/** What a load has seen. */
export interface LoadReport {
  readonly requestCount: number
  /** Requests that are idempotent and failed, with what they reported. Nothing is expected here. */
  readonly failures: readonly string[]
  /** Increments that failed, by code and outcome: they are not idempotent, nor repeated. */
  readonly failedIncrements: ReadonlyMap<string, number>
  /** Rows that were not what was written, and counts that cannot be. */
  readonly wrongAnswers: readonly string[]
}

const keyspace = 'soak'
/** Failures and wrong answers that are kept. */
const keptMax = 50
/** Each loop increments one counter and writes rows of its own. */
const counterId = (worker: number): number => worker

interface Statements {
  readonly insert: PreparedStatement
  readonly select: PreparedStatement
  readonly increment: PreparedStatement
  readonly count: PreparedStatement
}

/**
 * Writes rows and reads them again, and increments counters, at `LOCAL_QUORUM`, for as long as it
 * is not stopped; and compares all that is read with what was written.
 */
export class Load {
  readonly session: Session
  readonly #name: string
  readonly #options: LoadOptions
  readonly #statements: Statements
  readonly #failures: string[] = []
  readonly #wrongAnswers: string[] = []
  readonly #failedIncrements = new Map<string, number>()
  #requestCount = 0
  #isStopping = false
  #loops: Promise<void>[] = []

  private constructor(session: Session, options: LoadOptions, statements: Statements) {
    this.session = session
    this.#options = options
    this.#statements = statements
    this.#name = `v${options.protocolVersionMax}`
  }

  static async start(options: LoadOptions): Promise<Load> {
    const session = await Session.connect([...options.contactPoints], {
      keyspace,
      createKeyspace: { replicationFactor: 3 },
      requestTimeoutMs: 30_000,
      protocolVersionMax: options.protocolVersionMax,
    })
    const name = `v${options.protocolVersionMax}`
    await session.execute(
      `CREATE TABLE ${name} (worker int, id int, v text, PRIMARY KEY ((worker, id)))`,
    )
    await session.execute(`CREATE TABLE ${name}_counts (worker int PRIMARY KEY, n counter)`)
    const load = new Load(session, options, {
      insert: await session.prepare(`INSERT INTO ${name} (worker, id, v) VALUES (?, ?, ?)`),
      // All columns: their metadata change with the table.
      select: await session.prepare(`SELECT * FROM ${name} WHERE worker = ? AND id = ?`),
      increment: await session.prepare(`UPDATE ${name}_counts SET n = n + 1 WHERE worker = ?`),
      count: await session.prepare(`SELECT n FROM ${name}_counts WHERE worker = ?`),
    })
    load.#loops = Array.from({ length: options.workerCount }, (_, worker) => load.#loop(worker))
    return load
  }

  get requestCount(): number {
    return this.#requestCount
  }

  get failures(): readonly string[] {
    return this.#failures
  }

  /** Adds and drops a column: prepared statements of the load are out of date each time. */
  async alter(round: number): Promise<void> {
    await this.session.execute(`ALTER TABLE ${this.#name} ADD added${round} int`)
    await this.session.execute(`ALTER TABLE ${this.#name} DROP added${round}`)
  }

  /** Ends the loops, checks what is left, and closes the session. */
  async stop(): Promise<LoadReport> {
    this.#isStopping = true
    await Promise.all(this.#loops)
    await this.session.close()
    return {
      requestCount: this.#requestCount,
      failures: this.#failures,
      failedIncrements: this.#failedIncrements,
      wrongAnswers: this.#wrongAnswers,
    }
  }

  async #loop(worker: number): Promise<void> {
    let incremented = 0
    let unknown = 0
    for (let id = 0; !this.#isStopping; id++) {
      const text = `${worker}:${id}`
      const isWritten = await this.#try(this.#statements.insert, [worker, id, text])
      await this.#check(worker, id, isWritten ? text : undefined)
      // A row that was written long ago.
      await this.#check(worker, id >> 1, undefined)
      const outcome = await this.#increment(worker)
      if (outcome === 'applied') incremented++
      else if (outcome === 'unknown') unknown++
      if (this.#options.pauseMs !== undefined) await sleep(this.#options.pauseMs)
    }
    const n = await this.#read(this.#statements.count, [counterId(worker)])
    const count = Number(n?.['n'] ?? 0n)
    if (n === undefined || (count >= incremented && count <= incremented + unknown)) return
    this.#note(
      this.#wrongAnswers,
      `${this.#name}: ${incremented} increments and ${unknown} of unknown outcome made ${count}`,
    )
  }

  /** @param written the text of the row; `undefined` when it is not known whether there is one */
  async #check(worker: number, id: number, written: string | undefined): Promise<void> {
    const row = await this.#read(this.#statements.select, [worker, id])
    if (row === undefined) return
    const { v } = row
    const isRight = v === `${worker}:${id}` || (written === undefined && v === undefined)
    if (isRight) return
    this.#note(this.#wrongAnswers, `${this.#name}: row ${worker}:${id} has ${String(v)}`)
  }

  async #try(statement: PreparedStatement, values: readonly unknown[]): Promise<boolean> {
    return (await this.#read(statement, values)) !== undefined
  }

  /** Returns the row, one without columns where there is none, `undefined` when it failed. */
  async #read(
    statement: PreparedStatement,
    values: readonly unknown[],
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    this.#requestCount++
    try {
      const result = await this.session.executePrepared(statement, [...values], {
        consistency: 'LOCAL_QUORUM',
        idempotent: true,
      })
      return result.rows()[0] ?? {}
    } catch (error) {
      this.#note(this.#failures, `${this.#name}: ${describe(error)}`)
      return undefined
    }
  }

  async #increment(worker: number): Promise<'applied' | 'not_applied' | 'unknown'> {
    this.#requestCount++
    try {
      await this.session.executePrepared(this.#statements.increment, [counterId(worker)], {
        consistency: 'LOCAL_QUORUM',
      })
      return 'applied'
    } catch (error) {
      if (!TsyllaError.is(error)) throw error
      const kind = `${error.code} ${error.outcome}`
      this.#failedIncrements.set(kind, (this.#failedIncrements.get(kind) ?? 0) + 1)
      if (error.code === 'TSYLLA_SERVER_UNPREPARED') {
        this.#note(this.#failures, `${this.#name}: ${describe(error)}`)
      }
      return error.outcome === 'not_applied' ? 'not_applied' : 'unknown'
    }
  }

  #note(list: string[], text: string): void {
    if (list.length < keptMax) list.push(text)
  }
}

function describe(error: unknown): string {
  if (!TsyllaError.is(error)) return String(error)
  const attempts = error.attempts.map((each) => `${each.node} ${each.error.code}`)
  return `${error.code} ${error.outcome}: ${error.message} [${attempts.join(', ')}]`
}
