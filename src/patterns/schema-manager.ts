import { createHash } from 'node:crypto'
import {
  applySteps,
  checkOptions,
  checkTableName,
  createTables,
  planTables,
  type SchemaStep,
  type TableDefinition,
  type TableOwner,
  tableText,
  type TimeSpan,
} from '../kernel/index.ts'
import type { Executor } from '../types/index.ts'
import type { Clock } from '../util/index.ts'
import { Lock } from './lock/lock.ts'

export interface SchemaManagerOptions {
  /** Table of the checksums. Default `schema_checksums`. */
  readonly table?: string | undefined
  /** Table of the lock under which tables are changed. Default `locks`. */
  readonly lockTable?: string | undefined
  /** How long `apply` waits while another process applies. Default `'2m'`. */
  readonly wait?: TimeSpan | undefined
  readonly clock?: Clock | undefined
}

/** What a keyspace lacks; `String(plan)` is the CQL of it. */
export class SchemaPlan {
  readonly steps: readonly SchemaStep[]

  constructor(steps: readonly SchemaStep[]) {
    this.steps = steps
  }

  /** Whether nothing is missing. */
  get isEmpty(): boolean {
    return this.steps.length === 0
  }

  toString(): string {
    if (this.isEmpty) return 'The tables are complete.'
    return this.steps.map(({ statement }) => `${statement};`).join('\n')
  }
}

const lockName = 'schema'

/**
 * Creates and upgrades the tables of patterns when an application is deployed: one process at a
 * time, under a lock. Upgrades only add tables and columns; columns that a definition does not
 * know, for example those of a later version, stay.
 *
 * A checksum of each definition is kept with the time at which it was applied.
 */
export class SchemaManager {
  readonly #executor: Executor
  readonly #owners: readonly TableOwner[]
  readonly #lock: Lock
  readonly #tableName: string
  readonly #wait: TimeSpan

  constructor(
    executor: Executor,
    owners: readonly TableOwner[],
    options: SchemaManagerOptions = {},
  ) {
    checkOptions('SchemaManager', options, {
      table: true,
      lockTable: true,
      wait: true,
      clock: true,
    })
    this.#executor = executor
    this.#owners = owners
    this.#tableName = checkTableName(options.table ?? 'schema_checksums')
    this.#lock = new Lock(executor, { table: options.lockTable, ttl: '30s', clock: options.clock })
    this.#wait = options.wait ?? '2m'
  }

  /** Compares the tables with what the patterns need. Changes nothing. */
  async plan(): Promise<SchemaPlan> {
    return new SchemaPlan(await planTables(this.#executor, this.#owners))
  }

  /**
   * Runs the plan. Another process that applies at the same time waits, and then finds nothing to
   * do; when nothing is missing, no lock is taken. Every statement waits for the agreement of the
   * nodes, as all DDL of a session does.
   *
   * @returns what was done
   * @throws SchemaMismatchError when a table cannot be upgraded; nothing is changed then
   * @throws LockHeldError when another process does not finish within `wait`
   */
  async apply(): Promise<SchemaPlan> {
    await createTables(this.#executor, [this.#lock, this])
    const complete = await this.plan()
    if (complete.isEmpty && (await this.#changedChecksums()).size === 0) return complete
    return await this.#lock.run(lockName, { wait: this.#wait, note: 'apply' }, async (lease) => {
      const plan = await this.plan()
      for (const step of plan.steps) {
        // Another holder would run the same statements: DDL has no fence.
        lease.checkHeld()
        await applySteps(this.#executor, [step])
      }
      await this.#recordChecksums()
      return plan
    })
  }

  /** The table of the checksums as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [
      {
        name: this.#tableName,
        columns: { table_name: 'text', checksum: 'text', applied_at: 'timestamp' },
        partitionKey: ['table_name'],
        writes: 'plain',
      },
    ]
  }

  /** Returns the checksum of every table that was applied, by name. */
  async checksums(): Promise<ReadonlyMap<string, string>> {
    const result = await this.#executor.execute<{ table_name: string; checksum: string }>(
      `SELECT table_name, checksum FROM ${tableText(this.#tableName)}`,
    )
    return new Map(result.rows().map(({ table_name, checksum }) => [table_name, checksum]))
  }

  async #recordChecksums(): Promise<void> {
    for (const [name, checksum] of await this.#changedChecksums()) {
      await this.#executor.execute(
        `INSERT INTO ${tableText(this.#tableName)} (table_name, checksum, applied_at) VALUES (?, ?, toTimestamp(now()))`,
        [name, checksum],
      )
    }
  }

  /** Checksums of the definitions that are not recorded, by name of the table. */
  async #changedChecksums(): Promise<ReadonlyMap<string, string>> {
    const recorded = await this.checksums()
    const definitions = this.#owners.flatMap((owner) => [...owner.tableDefinitions()])
    return new Map(
      definitions
        .map((definition) => [definition.name, checksumOf(definition)] as const)
        .filter(([name, checksum]) => recorded.get(name) !== checksum),
    )
  }
}

/**
 * SHA-256 of the name, the columns, the key and the kind of writes of a definition, independent of
 * the order of its properties. The options of the table, which `ttlSeconds`, `hasDeletions` and
 * `compaction` lead to, are not part of it.
 */
function checksumOf(definition: TableDefinition): string {
  const { name, columns, partitionKey, clusteringKey = {}, writes } = definition
  const facts = [
    name,
    Object.entries(columns).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    partitionKey,
    clusteringKey,
    writes,
  ]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}
