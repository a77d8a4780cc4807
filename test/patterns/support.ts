import { afterAll, beforeAll, describe } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import {
  type ExecuteOptions,
  type Executor,
  type ExecutorAnswer,
  RequestTimeoutError,
  type Session,
  SessionBuilder,
  type SessionOptions,
  type WrapOptions,
} from '../../src/index.ts'
import { WrappedExecutor } from '../../src/types/index.ts'
import { type Clock, sleep, systemClock } from '../../src/util/index.ts'
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
 * by {@link FaultyExecutor.deliver}, it is not sent and fails, or it is applied and no answer
 * comes: the request ends at its own timeout, by {@link FaultyExecutor.clock}.
 */
export type Fault = 'lost' | 'late' | 'silent' | Error

/** An executor whose next writes, and reads, fail as they are told; it keeps what it was asked. */
export class FaultyExecutor extends WrappedExecutor {
  readonly writeFaults: Fault[] = []
  readonly readFaults: Fault[] = []
  readonly prepareFaults: Fault[] = []
  readonly requests: { readonly text: string; readonly options: ExecuteOptions }[] = []
  #late: (() => Promise<unknown>)[] = []
  #inFlightCount = 0
  clock: Clock = systemClock
  onRequest: (text: string) => void = () => {}

  constructor(inner: Executor, options: WrapOptions = { isolated: true }) {
    super(
      inner,
      (call, next) => {
        const work = (): Promise<ExecutorAnswer> => this.#counted(next(call))
        switch (call.verb) {
          case 'prepare':
            return this.#apply('PREPARE', this.prepareFaults.shift(), 30_000, work)
          case 'executePrepared':
            return this.#ask(call.prepared.getStatement(), call.options, work)
          case 'batch':
            return this.#ask('BATCH', call.options, work)
          default:
            return work()
        }
      },
      options,
    )
  }

  get writeCount(): number {
    return this.requests.filter(({ text }) => !text.startsWith('SELECT')).length
  }

  get conditionalWriteCount(): number {
    return this.requests.filter(({ text }) => / IF |^BATCH$/.test(text)).length
  }

  /**
   * Whether no request is under way: a test that moves time meanwhile would let it time out on a
   * machine that is busy.
   */
  get isIdle(): boolean {
    return this.#inFlightCount === 0
  }

  async #counted<T>(answer: Promise<T>): Promise<T> {
    this.#inFlightCount++
    try {
      return await answer
    } finally {
      this.#inFlightCount--
    }
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
    return await this.#apply(text, faults.shift(), options.timeout ?? 12_000, work)
  }

  async #apply<T>(
    text: string,
    fault: Fault | undefined,
    timeoutMs: number,
    work: () => Promise<T>,
  ): Promise<T> {
    if (fault instanceof Error) throw fault
    if (fault === 'late') this.#late.push(work)
    const result = fault === 'late' ? undefined : await work()
    if (fault === 'silent') await sleep(this.clock, timeoutMs)
    const outcome = text.startsWith('SELECT') || text === 'PREPARE' ? 'not_applied' : 'unknown'
    if (fault !== undefined) throw new RequestTimeoutError(timeoutMs, outcome)
    return result as T
  }
}
