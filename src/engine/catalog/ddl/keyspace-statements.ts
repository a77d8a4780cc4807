import type {
  AlterKeyspaceStatement,
  CreateKeyspaceStatement,
  DropKeyspaceStatement,
} from '../../../cql/index.ts'
import { alreadyExists, configurationError, invalid } from '../../errors.ts'
import {
  checkKeyspaceName,
  keyspaceOrThrow,
  type KeyspaceSchema,
  type Schema,
  withEntry,
  withKeyspace,
} from '../schema.ts'
import { booleanProperty, checkPropertyNames, mapProperty, propertyValues } from './properties.ts'

const strategyPackage = 'org.apache.cassandra.locator.'
const knownOptions: ReadonlySet<string> = new Set(['durable_writes', 'replication'])

/** Data centers a NetworkTopologyStrategy may name: those of this node. */
export interface LocalDataCenter {
  readonly dataCenters: () => readonly string[]
}

export function createKeyspace(
  schema: Schema,
  statement: CreateKeyspaceStatement,
  local: LocalDataCenter,
): Schema {
  const { keyspace: name, ifNotExists } = statement
  checkKeyspaceName(name)
  const values = propertyValues(statement.properties)
  checkPropertyNames(values, knownOptions)
  const replication = mapProperty(values, 'replication')
  if (replication !== undefined && replication.size > 0 && !replication.has('class')) {
    throw configurationError('Missing replication strategy class')
  }
  if (replication === undefined) throw invalid("Missing mandatory option 'replication'")
  if (schema.keyspaces.has(name)) {
    if (ifNotExists) return schema
    throw alreadyExists(`Cannot add existing keyspace "${name}"`, name)
  }
  return withKeyspace(schema, {
    name,
    replication: parseReplication(replication, name, local),
    durableWrites: booleanProperty(values, 'durable_writes') ?? true,
    tables: new Map(),
    types: new Map(),
  })
}

export function alterKeyspace(
  schema: Schema,
  statement: AlterKeyspaceStatement,
  local: LocalDataCenter,
): Schema {
  const values = propertyValues(statement.properties)
  checkPropertyNames(values, knownOptions)
  const keyspace = schema.keyspaces.get(statement.keyspace)
  if (keyspace === undefined) {
    if (statement.ifExists) return schema
    throw invalid(`Keyspace '${statement.keyspace}' doesn't exist`)
  }
  const given = mapProperty(values, 'replication')
  const altered: KeyspaceSchema = {
    ...keyspace,
    durableWrites: booleanProperty(values, 'durable_writes') ?? keyspace.durableWrites,
    replication:
      given === undefined ? keyspace.replication : parseReplication(given, keyspace.name, local),
  }
  return withKeyspace(schema, altered)
}

export function dropKeyspace(schema: Schema, statement: DropKeyspaceStatement): Schema {
  if (statement.ifExists && !schema.keyspaces.has(statement.keyspace)) return schema
  keyspaceOrThrow(schema, statement.keyspace)
  return { ...schema, keyspaces: withEntry(schema.keyspaces, statement.keyspace, undefined) }
}

/** ReplicationParams.fromMap and the checks of the strategies. */
function parseReplication(
  given: ReadonlyMap<string, string>,
  keyspace: string,
  local: LocalDataCenter,
): ReadonlyMap<string, string> {
  const className = given.get('class')
  if (className === undefined) throw configurationError('Missing replication strategy class')
  const strategy = className.startsWith(strategyPackage)
    ? className.slice(strategyPackage.length)
    : className
  const options = new Map(given)
  options.delete('class')
  const result = new Map([['class', strategyPackage + strategy]])
  if (strategy === 'LocalStrategy') {
    throw invalid('Unable to use given strategy class: LocalStrategy is reserved for internal use.')
  }
  if (strategy === 'SimpleStrategy') {
    checkOptions(options, ['replication_factor'], strategy, keyspace)
    // DatabaseDescriptor.getDefaultKeyspaceRF
    if (!options.has('replication_factor')) options.set('replication_factor', '1')
  } else if (strategy === 'NetworkTopologyStrategy') {
    const factor = options.get('replication_factor')
    options.delete('replication_factor')
    const dataCenters = local.dataCenters()
    if (factor !== undefined) {
      for (const name of dataCenters) if (!options.has(name)) options.set(name, factor)
    }
    checkOptions(options, dataCenters, strategy, keyspace)
  } else {
    const full = className.includes('.') ? className : strategyPackage + className
    throw configurationError(`Unable to find replication strategy class '${full}'`)
  }
  for (const [name, factor] of options) {
    checkFactor(factor)
    result.set(name, factor)
  }
  return result
}

function checkOptions(
  options: ReadonlyMap<string, string>,
  known: readonly string[],
  strategy: string,
  keyspace: string,
): void {
  for (const name of options.keys()) {
    if (!known.includes(name)) {
      throw configurationError(
        `Unrecognized strategy option {${name}} passed to ${strategy} for keyspace ${keyspace}`,
      )
    }
  }
}

function checkFactor(text: string): void {
  const [total] = text.split('/')
  if (!/^[+-]?\d+$/.test(total!)) throw configurationError(`For input string: "${text}"`)
  const factor = Number(total)
  if (factor < 0) {
    throw configurationError(`Replication factor must be non-negative, found ${factor}`)
  }
}
