import { type Cluster, runOnAnyNode } from '../../cluster/index.ts'
import type { CodecOptions } from '../../codec/index.ts'
import { rejectWithCopy } from '../../errors/index.ts'
import { prepareChannel, traced } from '../../observability/index.ts'
import { defaultRetryPolicy } from '../../policies/index.ts'
import type { PreparedResult } from '../../protocol/index.ts'
import {
  type InternalRequestOptions,
  type Connection,
  reservedStreamCount,
  sendPrepare,
} from '../../transport/index.ts'
import { RingQueue } from '../../util/index.ts'
import { PreparedMetadata } from './prepared-metadata.ts'
import type { SchemaChangeTracker } from './schema-tracker.ts'
import type { StatementHandle } from './statement-cache.ts'

export interface PreparerOptions {
  readonly cluster: Cluster
  readonly requestOptions: InternalRequestOptions
  readonly codec: CodecOptions
  readonly schema: SchemaChangeTracker
}

/**
 * PREPAREs under way at a time: half of the room connections keep for the driver's own requests.
 */
const prepareCountMax = reservedStreamCount / 2

/** Sends PREPARE: once per statement, and once per node that turns out not to know it. */
export class StatementPreparer {
  readonly #options: PreparerOptions
  readonly #refreshing = new Map<StatementHandle, Promise<void>>()
  readonly #waiting = new RingQueue<() => void>()
  #runningCount = 0

  constructor(options: PreparerOptions) {
    this.#options = options
  }

  /** Prepares a statement that is not prepared yet; callers in the meantime share the PREPARE. */
  prepare(handle: StatementHandle): Promise<void> {
    if (handle.metadata !== undefined) return Promise.resolve()
    if (handle.preparing !== undefined) return handle.preparing.catch(rejectWithCopy)
    handle.preparing = this.#prepareAnywhere(handle).finally(() => {
      handle.preparing = undefined
    })
    return handle.preparing
  }

  /** Prepares a statement that is not prepared yet, or whose metadata may be out of date. */
  async ensureCurrent(handle: StatementHandle): Promise<void> {
    await this.prepare(handle)
    if (this.isStale(handle)) await this.refresh(handle)
  }

  /** Prepares on the node behind the connection, which has answered that it does not know it. */
  prepareOn(connection: Connection, handle: StatementHandle): Promise<void> {
    const { address } = connection
    return share(handle.preparingOn, address, () => this.#prepareOn(connection, handle))
  }

  /** Whether the schema has changed so that the statement has to be prepared again. */
  isStale({ metadata }: StatementHandle): boolean {
    const { schema } = this.#options
    const { epoch } = schema
    if (metadata === undefined || metadata.epoch === epoch) return false
    if (schema.hasChanged(metadata.epoch, metadata)) return true
    metadata.epoch = epoch
    return false
  }

  /** Prepares on any node, to see whether the statement's types have changed. */
  refresh(handle: StatementHandle): Promise<void> {
    return share(this.#refreshing, handle, () => this.#prepareAnywhere(handle))
  }

  async #prepareAnywhere(handle: StatementHandle): Promise<void> {
    const { cluster, requestOptions, schema } = this.#options
    const { epoch } = schema
    const run = { cluster, retry: defaultRetryPolicy, ...requestOptions }
    const { prepared, from } = await runOnAnyNode(run, async (connection, timeoutMs) => ({
      prepared: await this.#prepareIn(connection, handle, { ...requestOptions, timeoutMs }),
      from: connection,
    }))
    this.#takeAnswer(handle, prepared, from, epoch)
  }

  async #prepareOn(connection: Connection, handle: StatementHandle): Promise<void> {
    const { requestOptions, schema } = this.#options
    const { epoch } = schema
    const prepared = await this.#prepareIn(connection, handle, requestOptions)
    this.#takeAnswer(handle, prepared, connection, epoch)
  }

  /**
   * Id, markers and plan change in one assignment: a request sees all of it or nothing. The same
   * markers under another id are one node's name for the statement.
   */
  #takeAnswer(
    handle: StatementHandle,
    prepared: PreparedResult,
    { address, features }: Connection,
    epoch: number,
  ): void {
    const { metadata } = handle
    handle.resultMetadata.learn(prepared)
    if (metadata === undefined || !metadata.hasMarkersOf(prepared)) {
      const { codec } = this.#options
      const { lwtMarkMask } = features
      handle.metadata = new PreparedMetadata(prepared, handle.facts, codec, epoch, lwtMarkMask)
      return
    }
    metadata.learnId(address, prepared.id)
    metadata.epoch = epoch
  }

  /**
   * PREPARE means the keyspace of its connection. A statement of another keyspace than the session
   * is in now is prepared over a connection of its own.
   */
  async #prepareIn(
    connection: Connection,
    { text, keyspace }: StatementHandle,
    requestOptions: InternalRequestOptions,
  ): Promise<PreparedResult> {
    return await this.#inTurn(async () => {
      const prepareOver = (one: Connection, sentKeyspace?: string): Promise<PreparedResult> =>
        traced(
          prepareChannel,
          requestOptions.deadlineTimer.clock,
          () => ({ node: one.address, text, keyspace }),
          () => sendPrepare(one, text, requestOptions, sentKeyspace),
        )
      if (keyspace === undefined || connection.keyspace.isIn(keyspace)) {
        return await prepareOver(connection)
      }
      if (connection.canNameKeyspace) return await prepareOver(connection, keyspace)
      return await this.#options.cluster.withConnectionIn(connection, keyspace, prepareOver)
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

/** Callers that come while the work for the key is under way wait for the same work. */
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
