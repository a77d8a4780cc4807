import type { Cluster } from '../cluster/index.ts'
import type { CodecOptions } from '../codec/index.ts'
import { TsyllaError } from '../errors/index.ts'
import type { PreparedResult } from '../protocol/index.ts'
import { type CallOptions, type Connection, callPrepare, ownCountMax } from '../transport/index.ts'
import { RingQueue } from '../util/index.ts'
import { PreparedEntry, PreparedState } from './prepared-entry.ts'
import type { SchemaLog } from './schema-log.ts'
import { ShapeCache } from './shape-cache.ts'
import type { CachedStatement } from './statement-cache.ts'

export interface PreparerOptions {
  readonly cluster: Cluster
  readonly call: CallOptions
  readonly codec: CodecOptions
  readonly schemaLog: SchemaLog
}

/**
 * PREPAREs under way at a time: half of the room connections keep for the driver's own requests.
 */
const prepareCountMax = ownCountMax / 2
/** How often a PREPARE may be overtaken by a USE before it gets a connection of its own. */
const keyspaceTryCountMax = 2

/** Sends PREPARE: once per statement, and once per node that turns out not to know it. */
export class StatementPreparer {
  readonly #cluster: Cluster
  readonly #call: CallOptions
  readonly #codec: CodecOptions
  readonly #schemaLog: SchemaLog
  readonly #refreshing = new Map<PreparedEntry, Promise<void>>()
  readonly #waiting = new RingQueue<() => void>()
  #runningCount = 0

  constructor(options: PreparerOptions) {
    this.#cluster = options.cluster
    this.#call = options.call
    this.#codec = options.codec
    this.#schemaLog = options.schemaLog
  }

  /** The prepared form of a statement; callers that come while it is made share the PREPARE. */
  prepare(statement: CachedStatement): Promise<PreparedEntry> {
    if (statement.prepared !== undefined) return Promise.resolve(statement.prepared)
    if (statement.preparing !== undefined) return statement.preparing.catch(rejectWithCopy)
    statement.preparing = this.#prepareFirst(statement).finally(() => {
      statement.preparing = undefined
    })
    return statement.preparing
  }

  async #prepareFirst(statement: CachedStatement): Promise<PreparedEntry> {
    const { epoch } = this.#schemaLog
    const { prepared } = await this.#prepareAnywhere(statement.text, statement.keyspace)
    const state = new PreparedState(prepared, statement.facts, this.#codec, epoch)
    const shapes = new ShapeCache(this.#codec)
    statement.prepared = new PreparedEntry(this, statement, state, shapes)
    return statement.prepared
  }

  /**
   * A lost connection sends PREPARE to the next node: it changes nothing, so it may be repeated.
   */
  async #prepareAnywhere(
    text: string,
    keyspace: string | undefined,
  ): Promise<{ readonly prepared: PreparedResult; readonly address: string }> {
    const tried = new Set<NonNullable<ReturnType<Cluster['nodeOf']>>>()
    for (;;) {
      const connection = this.#cluster.anyConnection(tried)
      if (connection === undefined) throw this.#cluster.unavailableError()
      try {
        const prepared = await this.#prepareIn(connection, text, keyspace)
        return { prepared, address: connection.address }
      } catch (error) {
        const node = this.#cluster.nodeOf(connection)
        const isLost = TsyllaError.is(error) && error.code === 'TSYLLA_CONNECTION'
        if (!isLost || node === undefined) throw error
        tried.add(node)
      }
    }
  }

  /** Prepares on the node behind the connection, which has said that it does not know it. */
  prepareOn(connection: Connection, entry: PreparedEntry): Promise<void> {
    const { address } = connection
    return share(entry.preparing, address, () => this.#prepareAgain(connection, entry))
  }

  /** Whether the schema has changed so that the statement has to be prepared again. */
  isStale({ state }: PreparedEntry): boolean {
    const { epoch } = this.#schemaLog
    if (state.epoch === epoch) return false
    if (this.#schemaLog.hasChanged(state.epoch, state)) return true
    state.epoch = epoch
    return false
  }

  /** Prepares on any node, to see whether the statement's types have changed. */
  refresh(entry: PreparedEntry): Promise<void> {
    return share(this.#refreshing, entry, () => this.#refresh(entry))
  }

  async #refresh(entry: PreparedEntry): Promise<void> {
    const { epoch } = this.#schemaLog
    const { prepared, address } = await this.#prepareAnywhere(entry.text, entry.keyspace)
    this.#takeState(entry, prepared, address, epoch)
  }

  async #prepareAgain(connection: Connection, entry: PreparedEntry): Promise<void> {
    const { epoch } = this.#schemaLog
    const prepared = await this.#prepareIn(connection, entry.text, entry.keyspace)
    this.#takeState(entry, prepared, connection.address, epoch)
  }

  /**
   * Id, markers and plan change in one assignment: a request sees all of it or nothing. The same
   * markers under another id are one node's name for the statement.
   */
  #takeState(entry: PreparedEntry, prepared: PreparedResult, address: string, epoch: number): void {
    const { state } = entry
    if (!state.hasMarkersOf(prepared)) {
      entry.state = new PreparedState(prepared, entry.facts, this.#codec, epoch)
      return
    }
    state.learnId(address, prepared.id)
    state.epoch = epoch
  }

  /**
   * PREPARE means the keyspace of its connection. A statement of another keyspace than the session
   * is in now is prepared over a connection of its own.
   */
  async #prepareIn(
    connection: Connection,
    text: string,
    keyspace: string | undefined,
  ): Promise<PreparedResult> {
    return await this.#inTurn(async () => {
      for (let tries = 0; tries < keyspaceTryCountMax; tries++) {
        if (keyspace !== undefined && !connection.isIn(keyspace)) break
        const { useCount } = connection
        const prepared = await callPrepare(connection, text, this.#call)
        // A USE that was sent meanwhile may have overtaken it on the node.
        if (keyspace === undefined || connection.useCount === useCount) return prepared
      }
      return await this.#cluster.beside(connection, keyspace!, (side) =>
        callPrepare(side, text, this.#call),
      )
    })
  }

  /** Any number of statements may be prepared at once; the room for them is bounded. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#runningCount < prepareCountMax) this.#runningCount++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#runningCount--
      else next()
    }
  }
}

/** Whoever comes while the work for the key is under way waits for that. */
function share<Key>(
  running: Map<Key, Promise<void>>,
  key: Key,
  start: () => Promise<void>,
): Promise<void> {
  const current = running.get(key)
  if (current !== undefined) return current.catch(rejectWithCopy)
  const started = start().finally(() => running.delete(key))
  running.set(key, started)
  return started
}

/** Who shares a PREPARE does not share its error: each request adds what it knows to its own. */
function rejectWithCopy(error: unknown): never {
  throw TsyllaError.is(error) ? error.copy() : error
}
