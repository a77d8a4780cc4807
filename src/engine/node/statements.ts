import { createHash } from 'node:crypto'
import { ServerError, ServerErrorCode } from '../../errors/index.ts'
import { Opcode, ResultKind, WireWriter, writeResult } from '../../protocol/index.ts'
import type { PreparedPlan } from '../analyze/prepared-plan.ts'
import type { Schema } from '../catalog/schema.ts'
import type { Engine } from '../engine.ts'
import type { SystemRow } from '../system/system-row.ts'

/** Limits of prepared statements and of the characters of their texts; the oldest are evicted. */
const preparedCountMax = 10_000
const preparedLengthMax = 16_000_000

/** A statement that clients execute by its id. */
export interface PreparedEntry {
  readonly id: Uint8Array
  readonly text: string
  readonly keyspace: string | undefined
  /** Body of the RESULT of PREPARE. */
  readonly body: Uint8Array
  plan: PreparedPlan
  /** The schema for which the plan was last checked. */
  schema: Schema
}

/**
 * Prepared statements by id. DDL on a table or type that a statement uses evicts it, as in
 * Cassandra (QueryProcessor.StatementInvalidatingListener).
 */
export class Statements {
  readonly #engine: Engine
  readonly #prepared: Map<string, PreparedEntry> = new Map()
  #length = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** @throws ServerError, CqlSyntaxError */
  prepare(text: string, keyspace: string | undefined): PreparedEntry {
    const id = createHash('md5')
      .update((keyspace ?? '') + text)
      .digest()
    const key = keyOf(id)
    const known = this.#prepared.get(key)
    if (known !== undefined && this.#isUsable(known)) return known
    const { schema } = this.#engine.catalog
    const plan = this.#engine.prepare(text, keyspace)
    const entry = { id, text, keyspace, plan, schema, body: preparedBody(id, plan) }
    this.#remember(key, entry)
    return entry
  }

  /** The statement of an id. @throws ServerError UNPREPARED */
  prepared(id: Uint8Array): PreparedEntry {
    const key = keyOf(id)
    const entry = this.#prepared.get(key)
    if (entry !== undefined) {
      if (entry.schema === this.#engine.catalog.schema || this.#isUsable(entry)) return entry
      this.#forget(key)
    }
    throw unprepared(id)
  }

  /** Rows of `system.prepared_statements`. */
  *rows(): Generator<SystemRow> {
    for (const { id, keyspace, text } of this.#prepared.values()) {
      yield { prepared_id: id, logged_keyspace: keyspace, query_string: text }
    }
  }

  /** Whether DDL left the statement alone; after TRUNCATE it is planned for the new generation. */
  #isUsable(entry: PreparedEntry): boolean {
    const engine = this.#engine
    if (engine.isEvicted(entry.plan)) return false
    entry.plan = engine.prepare(entry.text, entry.keyspace)
    entry.schema = engine.catalog.schema
    return true
  }

  #remember(key: string, entry: PreparedEntry): void {
    this.#forget(key)
    this.#prepared.set(key, entry)
    this.#length += entry.text.length
    for (const oldest of this.#prepared.keys()) {
      const isFull = this.#prepared.size > preparedCountMax || this.#length > preparedLengthMax
      // The one that was just prepared is about to be executed.
      if (!isFull || oldest === key) return
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    const entry = this.#prepared.get(key)
    if (entry === undefined) return
    this.#prepared.delete(key)
    this.#length -= entry.text.length
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

/** PreparedQueryNotFoundException. */
function unprepared(id: Uint8Array): ServerError {
  const hex = Buffer.from(id).toString('hex')
  return new ServerError(
    ServerErrorCode.UNPREPARED,
    `Prepared query with ID ${hex} not found (either the query was not prepared on this host (maybe the host has been restarted?) or you have prepared too many queries and it has been evicted from the internal cache)`,
    { statementId: id },
  )
}

function preparedBody(id: Uint8Array, plan: PreparedPlan): Uint8Array {
  const writer = new WireWriter(256)
  const { markers, resultColumns } = plan
  // ResultSet.PreparedMetadata: markers of several tables have no partition key; `[batch]` is a
  // table of its own.
  const isOneTable = markers.every(
    ({ keyspace, table }) => keyspace === markers[0]!.keyspace && table === markers[0]!.table,
  )
  const partitionKeyIndexes = isOneTable ? plan.partitionKeyIndexes : []
  const bind = { flags: 0, markers, partitionKeyIndexes }
  const kind = ResultKind.PREPARED
  writeResult(writer, { opcode: Opcode.RESULT, kind, id, bind, resultColumns })
  return writer.copyFrom(0)
}
