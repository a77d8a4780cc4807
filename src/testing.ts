import { embedded, type EmbeddedDatabase } from './embedded.ts'
import { ClosedError, ConfigError } from './errors/index.ts'
import type { Session, SessionOptions } from './index.ts'
import { checkOptions } from './kernel/index.ts'
import { ManualClock } from './testing/index.ts'
import { type Clock, systemClock } from './util/index.ts'

export {
  type CheckOptions,
  checkLinearizable,
  type FaultKind,
  FaultProxy,
  type FaultProxyCounters,
  type FaultProxyOptions,
  type FaultRule,
  foldInvariant,
  type ForgedError,
  type ForgedErrorName,
  type InjectedEvent,
  type HistoryModel,
  HistoryTooComplexError,
  type InjectedFault,
  type LinearizabilityResult,
  ManualClock,
  type HistoryOperation,
  ProcessRun,
  ProcessRunError,
  type ProxiedFrame,
  type RequestName,
  runProcesses,
  type RunProcessesOptions,
  SimulatedCluster,
  type SimulatedClusterOptions,
  type SimulatedNode,
  type SimulatedNodeCounters,
  type SimulatedNodeOptions,
  type SimulatedReplica,
  type SimulatedTablet,
  SkewedClock,
  type Violation,
  type Worker,
  worker,
  type WorkerExit,
  WorkerProcess,
} from './testing/index.ts'
export type { TimeSpan } from './kernel/index.ts'
export type { Clock, Timer } from './util/index.ts'

export interface EngineFixtureOptions {
  /** The keyspace of the sessions, which is created. Default `test`. */
  readonly keyspace?: string | undefined
  /** Fills the database that all others are copies of; called once. */
  readonly setUp?: ((session: Session, clock: ManualClock) => Promise<void>) | undefined
  /** When the time of each database begins. Default: the date of the machine. */
  readonly now?: number | Date | undefined
  /** Other options of the sessions. */
  readonly session?: Partial<SessionOptions> | undefined
}

/** A database of one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly database: EmbeddedDatabase
  /** In the keyspace of the fixture. */
  readonly session: Session
  /** The time of this database, of its session, and of patterns on it. */
  readonly clock: ManualClock
  /** Closes session and database. */
  close(): Promise<void>
}

/**
 * Databases for tests: `setUp` runs once, and each test gets a copy of what it made, with a time of
 * its own. Needs no particular test runner.
 *
 * @example
 * const fixture = engineFixture({ setUp: (session) => createTables(session, [limiter(session)]) })
 * afterAll(() => fixture.close())
 * test('…', async () => {
 *   await using db = await fixture.open()
 *   await db.session.execute('…')
 *   db.clock.advance('1h')
 * })
 */
export function engineFixture(options: EngineFixtureOptions = {}): EngineFixture {
  return new EngineFixture(options)
}

/** Made by {@link engineFixture}. */
export class EngineFixture implements AsyncDisposable {
  readonly #options: EngineFixtureOptions
  readonly #open = new Set<TestDatabase>()
  /** Copies that are being made. */
  readonly #opening = new Set<Promise<TestDatabase>>()
  #closing: Promise<void> | undefined
  #template: Promise<EmbeddedDatabase> | undefined
  #clock: ManualClock | undefined

  /** @internal */
  constructor(options: EngineFixtureOptions) {
    checkOptions('engineFixture', options, {
      ...{ keyspace: true, setUp: true, now: true, session: true },
    })
    if (options.setUp !== undefined && typeof options.setUp !== 'function') {
      throw new ConfigError('setUp must be a function of a session and a clock')
    }
    this.#options = options
  }

  /**
   * A copy of what `setUp` has made.
   *
   * @throws what `setUp` throws, and ClosedError while the fixture is being closed
   */
  async open(): Promise<TestDatabase> {
    if (this.#closing !== undefined) throw new ClosedError('engine fixture')
    const opening = this.#copy()
    this.#opening.add(opening)
    try {
      return await opening
    } finally {
      this.#opening.delete(opening)
    }
  }

  async #copy(): Promise<TestDatabase> {
    this.#template ??= this.#setUp()
    const template = await this.#template
    // What setUp has stamped is not later than the copy's time.
    const clock = new ManualClock(this.#clock!.nowMs())
    const database = await template.fork({ clock })
    const session = await database.session(this.#sessionOptions())
    const opened: TestDatabase = {
      ...{ database, session, clock },
      close: async () => {
        this.#open.delete(opened)
        await session.close()
        await database.close()
      },
      [Symbol.asyncDispose]: () => opened.close(),
    }
    this.#open.add(opened)
    return opened
  }

  /** Closes everything that is still open, or is being opened. Afterwards `open` sets up again. */
  async close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => (this.#closing = undefined))
    await this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#opening)
    for (const database of this.#open) await database.close()
    const template = await this.#template?.catch(() => undefined)
    this.#template = undefined
    await template?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #setUp(): Promise<EmbeddedDatabase> {
    const { now = systemClock.nowMs(), setUp } = this.#options
    const clock = new ManualClock(now)
    this.#clock = clock
    const database = await embedded({ clock: clock satisfies Clock })
    try {
      const session = await database.session(this.#sessionOptions())
      await setUp?.(session, clock)
      await session.close()
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }

  #sessionOptions(): Partial<SessionOptions> {
    const { keyspace = 'test', session } = this.#options
    return { createKeyspace: true, ...session, keyspace }
  }
}
