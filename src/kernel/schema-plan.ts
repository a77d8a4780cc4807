import { quoteIdentifier } from '../cql/index.ts'
import { ConfigError, SchemaMismatchError } from '../errors/index.ts'
import type { Executor } from '../types/index.ts'
import { type LiveTable, readLiveTable, readServerDialect } from './live-schema.ts'
import {
  createTableText,
  type ServerDialect,
  type TableDefinition,
  tableText,
} from './table-definition.ts'

/** What has tables: every pattern. */
export interface TableOwner {
  tableDefinitions(): readonly TableDefinition[]
}

/** One statement that brings a keyspace closer to what patterns need. */
export interface SchemaStep {
  readonly kind: 'create' | 'add column'
  readonly table: string
  readonly statement: string
}

/**
 * Compares the tables of patterns with those of the server.
 *
 * @returns the statements that are missing, in order; none when the tables are complete
 * @throws SchemaMismatchError when a table has another key or another type of a column
 */
export async function planTables(
  executor: Executor,
  owners: readonly TableOwner[],
): Promise<readonly SchemaStep[]> {
  const definitions = distinct(owners.flatMap((owner) => [...owner.tableDefinitions()]))
  if (definitions.length === 0) return []
  const dialect = await readServerDialect(executor)
  const steps: SchemaStep[] = []
  for (const definition of definitions) {
    const [keyspace, table] = splitName(executor, definition.name)
    const live = keyspace === undefined ? undefined : await readLiveTable(executor, keyspace, table)
    steps.push(...planTable(definition, live, dialect))
  }
  return steps
}

/**
 * Creates the tables of patterns that are missing, and the columns that earlier versions lack. The
 * statements run one after another: concurrent DDL of one table can give it two ids.
 */
export async function createTables(
  executor: Executor,
  owners: readonly TableOwner[],
): Promise<void> {
  await applySteps(executor, await planTables(executor, owners))
}

/** Runs the statements of a plan one after another. */
export async function applySteps(executor: Executor, steps: readonly SchemaStep[]): Promise<void> {
  for (const { statement } of steps) await executor.execute(statement)
}

/** Compares one table with what the server says of it. */
export function planTable(
  definition: TableDefinition,
  live: LiveTable | undefined,
  dialect: ServerDialect,
): readonly SchemaStep[] {
  const table = definition.name
  if (live === undefined) {
    return [{ kind: 'create', table, statement: createTableText(definition, dialect) }]
  }
  const differences = differencesOf(definition, live)
  if (differences.length > 0) throw new SchemaMismatchError(table, differences)
  return Object.entries(definition.columns)
    .filter(([name]) => !live.columns.has(name))
    .map(([name, type]) => ({
      kind: 'add column',
      table,
      statement: `ALTER TABLE ${tableText(table)} ADD ${quoteIdentifier(name)} ${type}`,
    }))
}

/** What no ALTER TABLE can change. */
function differencesOf(definition: TableDefinition, live: LiveTable): readonly string[] {
  const { columns, partitionKey, clusteringKey = {} } = definition
  const differences: string[] = []
  const compare = (what: string, wanted: string, found: string): void => {
    if (wanted !== found) {
      differences.push(`${what} is ${found || 'empty'} instead of ${wanted || 'empty'}`)
    }
  }
  compare('its partition key', partitionKey.join(', '), live.partitionKey.join(', '))
  compare(
    'its clustering key',
    Object.entries(clusteringKey)
      .map(([name, order]) => `${name} ${order}`)
      .join(', '),
    live.clusteringKey.map(([name, order]) => `${name} ${order}`).join(', '),
  )
  for (const [name, type] of Object.entries(columns)) {
    const found = live.columns.get(name)
    if (found !== undefined) {
      compare(`the type of column ${name}`, canonicalType(type), canonicalType(found))
    }
  }
  return differences
}

/**
 * A type in one spelling. What is inside another type is frozen, whether it is spelled out or not.
 */
function canonicalType(type: string): string {
  const words = type
    .toLowerCase()
    .replaceAll(/\bvarchar\b/g, 'text')
    .match(/[\w"]+|[<>,]/g)
  const closings: string[] = []
  let text = ''
  for (const [i, word] of (words ?? []).entries()) {
    if (word === '>') {
      text += closings.pop() ?? ''
    } else if (word === 'frozen' && i > 0) {
      closings.push('')
    } else if (word === '<') {
      // That of an inner `frozen` is left out with it.
      if (words?.[i - 1] !== 'frozen' || i === 1) {
        text += '<'
        closings.push('>')
      }
    } else {
      text += word === ',' ? ', ' : word === 'static' ? ' static' : word
    }
  }
  return text
}

/** Two patterns may have the same table, but not two shapes of it. */
function distinct(definitions: readonly TableDefinition[]): readonly TableDefinition[] {
  const byName = new Map<string, TableDefinition>()
  for (const definition of definitions) {
    const known = byName.get(definition.name)
    if (known === undefined) {
      byName.set(definition.name, definition)
    } else if (JSON.stringify(known.columns) !== JSON.stringify(definition.columns)) {
      throw new ConfigError(
        `Two patterns use table ${definition.name} with different columns: rename one of them with the option table`,
      )
    }
  }
  return [...byName.values()]
}

/** The keyspace is `undefined` when the executor does not say which one it is in. */
function splitName(
  executor: Executor,
  name: string,
): readonly [keyspace: string | undefined, table: string] {
  const [first = '', second] = name.split('.')
  return second === undefined ? [executor.getKeyspace?.(), first] : [first, second]
}
