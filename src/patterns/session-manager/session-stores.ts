import {
  decodeRow,
  LwtClient,
  type LwtCounters,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
} from '../../kernel/index.ts'
import type { Executor, UnknownColumns } from '../../types/index.ts'
import { LastUses, lastUseTable } from './last-use.ts'
import { LegacySessions, legacyTable } from './legacy-sessions.ts'
import { type SessionAnswer, type SessionAsk, sessionMachine } from './session-machine.ts'
import type { SessionSettings } from './session-options.ts'
import {
  dataColumns,
  decodeSession,
  factColumns,
  sessionRows,
  sessionTable,
} from './session-rows.ts'
import type { SessionState } from './session-state.ts'
import { graceSeconds } from './session-ttl.ts'
import {
  decodeEpoch,
  type EpochAnswer,
  type EpochAsk,
  epochMachine,
  epochRows,
  userEpochTable,
  type UserEpoch,
} from './user-epoch.ts'
import { UserSessions, userSessionsTable } from './user-sessions.ts'

/** The tables of sessions, and the requests on them. */
export class SessionStores {
  readonly #settings: SessionSettings
  readonly #runner: PreparedStatementRunner
  readonly #sessions: LwtClient<Uint8Array, SessionState, SessionAsk, SessionAnswer>
  readonly #epochs: LwtClient<Uint8Array, UserEpoch, EpochAsk, EpochAnswer>
  readonly #factsText: string
  readonly #stateText: string
  readonly #epochText: string
  /** `undefined` when sessions do not end by not being used. */
  readonly lastUses: LastUses | undefined
  readonly legacy: LegacySessions
  readonly byUser: UserSessions

  constructor(executor: Executor, settings: SessionSettings) {
    this.#settings = settings
    const { table, clock, random, timeoutMs, serialConsistency, idleMs } = settings
    // What a conditional write has acknowledged is found by every read that follows.
    const consistency = serialConsistency === 'SERIAL' ? 'QUORUM' : 'LOCAL_QUORUM'
    const levels = { clock, random, timeoutMs, serialConsistency, consistency } as const
    this.#runner = new PreparedStatementRunner(executor, { clock, consistency })
    this.#sessions = new LwtClient(executor, {
      ...levels,
      kind: 'session',
      machine: sessionMachine,
      createRows: (runner) => sessionRows(runner, `${table}_state`, clock),
    })
    this.#epochs = new LwtClient(executor, {
      ...levels,
      kind: 'session-epoch',
      machine: epochMachine,
      createRows: (runner) => epochRows(runner, `${table}_users`),
    })
    const stateTable = tableText(`${table}_state`)
    this.#factsText = `SELECT ${factColumns.join(', ')} FROM ${stateTable} WHERE id = ?`
    const all = [...factColumns, ...dataColumns].join(', ')
    this.#stateText = `SELECT ${all} FROM ${stateTable} WHERE id = ?`
    this.#epochText = `SELECT epoch, kept FROM ${tableText(`${table}_users`)} WHERE tag = ?`
    this.lastUses =
      idleMs === undefined
        ? undefined
        : new LastUses(this.#runner, `${table}_last_use`, clock, idleMs)
    this.legacy = new LegacySessions(this.#runner, table, clock)
    this.byUser = new UserSessions(this.#runner, `${table}_by_user`, clock)
  }

  get lwt(): LwtCounters {
    const [ofSessions, ofEpochs] = [this.#sessions.counters, this.#epochs.counters]
    return {
      requests: ofSessions.requests + ofEpochs.requests,
      conditionalWrites: ofSessions.conditionalWrites + ofEpochs.conditionalWrites,
      conflicts: ofSessions.conflicts + ofEpochs.conflicts,
      ambiguousWrites: ofSessions.ambiguousWrites + ofEpochs.ambiguousWrites,
      serialReads: ofSessions.serialReads + ofEpochs.serialReads,
    }
  }

  tableDefinitions(): readonly TableDefinition[] {
    const { table, absoluteMs } = this.#settings
    const ttlSeconds = Math.ceil(absoluteMs / 1_000) + graceSeconds
    return [
      sessionTable(`${table}_state`, ttlSeconds),
      userEpochTable(`${table}_users`),
      userSessionsTable(`${table}_by_user`, ttlSeconds),
      lastUseTable(`${table}_last_use`, ttlSeconds),
      legacyTable(table, ttlSeconds),
    ]
  }

  /** @param withData whether `updates` and `data` are read too; else they are empty */
  async readState(id: Uint8Array, withData: boolean): Promise<SessionState | undefined> {
    const row = await this.#readRow(withData ? this.#stateText : this.#factsText, id)
    return row && decodeRow(`${this.#settings.table}_state`, row, decodeSession)
  }

  async readEpoch(tag: Uint8Array): Promise<UserEpoch | undefined> {
    const row = await this.#readRow(this.#epochText, tag)
    return row && decodeRow(`${this.#settings.table}_users`, row, decodeEpoch)
  }

  async readLastUse(id: Uint8Array): Promise<number | undefined> {
    return await this.lastUses?.read(id, this.#settings.timeoutMs)
  }

  /** Executes a request on the row of a token. */
  async ask(id: Uint8Array, ask: SessionAsk): Promise<SessionAnswer> {
    return await this.#sessions.submit(Buffer.from(id).toString('base64'), id, ask)
  }

  async nextEpoch(tag: Uint8Array, kept: EpochAsk['kept']): Promise<EpochAnswer> {
    return await this.#epochs.submit(Buffer.from(tag).toString('base64'), tag, { kept })
  }

  async #readRow(text: string, key: Uint8Array): Promise<UnknownColumns | undefined> {
    const options = { timeout: this.#settings.timeoutMs }
    return (await this.#runner.run(text, [key], options)).firstRow()
  }
}
