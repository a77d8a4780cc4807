import { afterAll, beforeAll, describe } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import {
  type BindValues,
  type ExecuteOptions,
  type PreparedStatement,
  RequestTimeoutError,
  type Result,
  type Session,
  SessionBuilder,
  type SessionOptions,
} from '../../src/index.ts'
import { LosingExecutor } from '../support/losing-executor.ts'
import { describeOnServers, type Target } from '../support/targets.ts'

/** Forms of values a session can be told to give; patterns must not care. */
const forms: readonly Partial<SessionOptions>[] = [
  { int64: 'number', timestampValues: 'bigint' },
  { int64: 'string', timestampValues: 'bigint' },
]

/** Runs the tests of a pattern on the servers, and on the engine with every form of values. */
export function describePattern(name: string, define: (target: Target) => void): void {
  describeOnServers(name, define)
  for (const form of forms) {
    describe(`${name} · engine · int64 as ${form.int64}, timestamps as bigint`, () =>
      defineOnEngine(form, define))
  }
}

function defineOnEngine(options: Partial<SessionOptions>, define: (target: Target) => void): void {
  const keyspace = 'forms'
  const opened: Session[] = []
  let db: EmbeddedDatabase | undefined
  let main: Session | undefined
  const open: Target['open'] = async (configure = (builder) => builder) => {
    db ??= await embedded()
    const builder = new SessionBuilder({ ...options, keyspace, createKeyspace: true }).knownNode(db)
    const session = await configure(builder).build()
    opened.push(session)
    return session
  }
  beforeAll(async () => {
    main = await open()
  })
  afterAll(async () => {
    await Promise.all(opened.map((session) => session.close()))
    await db?.close()
  })
  define({
    name: 'engine',
    keyspace,
    open,
    get session() {
      if (main === undefined) throw new Error('the session is there from beforeAll on')
      return main
    },
  })
}

/**
 * What becomes of one request: it is applied but the answer is lost, it is kept back to be applied
 * by {@link FaultyExecutor.deliver}, or it is not sent and fails.
 */
export type Fault = 'lost' | 'late' | Error

/** An executor whose next writes, and reads, fail as they are told; it keeps what it was asked. */
export class FaultyExecutor extends LosingExecutor {
  readonly writeFaults: Fault[] = []
  readonly readFaults: Fault[] = []
  readonly requests: { readonly text: string; readonly options: ExecuteOptions }[] = []
  #late: (() => Promise<unknown>)[] = []
  onRequest: (text: string) => void = () => {}

  get writeCount(): number {
    return this.requests.filter(({ text }) => !text.startsWith('SELECT')).length
  }

  get conditionalWriteCount(): number {
    return this.requests.filter(({ text }) => / IF |^BATCH$/.test(text)).length
  }

  /** Applies what was kept back. */
  async deliver(): Promise<void> {
    const late = this.#late
    this.#late = []
    for (const work of late) await work()
  }

  async #ask<T>(text: string, options: ExecuteOptions = {}, work: () => Promise<T>): Promise<T> {
    this.requests.push({ text, options })
    this.onRequest(text)
    const faults = text.startsWith('SELECT') ? this.readFaults : this.writeFaults
    const fault = faults.shift()
    if (fault instanceof Error) throw fault
    if (fault === 'late') this.#late.push(work)
    const result = fault === 'late' ? undefined : await work()
    if (fault !== undefined) throw new RequestTimeoutError(1, 'unknown')
    return result as T
  }

  override executePrepared<C>(
    prepared: PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    const work = (): Promise<Result<C>> => super.executePrepared<C>(prepared, values, options)
    return this.#ask(prepared.getStatement(), options, work)
  }

  override batch<C>(...[batch, values, options]: Parameters<Session['batch']>): Promise<Result<C>> {
    return this.#ask('BATCH', options, () => super.batch<C>(batch, values, options))
  }
}
