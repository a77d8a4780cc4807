import { type RequestTrace, TsyllaError } from '../../index.ts'
import type { OtelAttributes } from './api.ts'

// Names and values are those of the semantic conventions 1.45 for databases and for Cassandra.

/** Adds an attribute that has a value. */
function add(
  attributes: OtelAttributes,
  name: string,
  value: string | number | boolean | undefined,
): void {
  if (value !== undefined) attributes[name] = value
}

/** Host, port, and the host id that follows when nodes share the address of a proxy. */
const addressPattern = /^\[?([^[\]]+?)\]?:(\d+)(?:\/[\da-f-]+)?$/i

/** Splits `host:port`, `[v6]:port`, `host:port/hostId` or `embedded:path`. */
export function addressAttributes(
  prefix: 'server' | 'network.peer',
  address: string,
): OtelAttributes {
  const [, host, port] = addressPattern.exec(address) ?? []
  return {
    [`${prefix}.address`]: host ?? address,
    ...(port === undefined ? {} : { [`${prefix}.port`]: Number(port) }),
  }
}

/**
 * Names the connections to one cluster: `server.address:server.port`, as the conventions say for
 * pools without a name. The keyspace is not a part of it, since `USE` changes it.
 *
 * @param server the first contact point of the session
 */
export function poolAttributes(server: string): OtelAttributes {
  return { 'db.client.connection.pool.name': server }
}

/** Attributes that spans and metrics have in common, and that are known at the start. */
export function commonAttributes(trace: RequestTrace, systemName?: string): OtelAttributes {
  const attributes: OtelAttributes = { 'db.system.name': systemName ?? trace.system }
  const operation = trace.verb === 'prepare' ? 'PREPARE' : trace.operation
  add(attributes, 'db.namespace', trace.keyspace)
  add(attributes, 'db.collection.name', trace.table)
  add(attributes, 'db.operation.name', operation)
  add(attributes, 'db.query.summary', trace.summary === '' ? undefined : trace.summary)
  Object.assign(attributes, addressAttributes('server', trace.server))
  return attributes
}

/** Further attributes of a span that are known at the start. */
export function startAttributes(trace: RequestTrace, hasText: boolean): OtelAttributes {
  const attributes: OtelAttributes = {}
  const { verb, statementCount } = trace
  if (hasText) attributes['db.query.text'] = trace.parameterizedText
  if (verb === 'batch' && statementCount !== 1) {
    attributes['db.operation.batch.size'] = statementCount
  }
  return attributes
}

/** Attributes of spans and metrics about a failure. */
export function errorAttributes({ error }: RequestTrace): OtelAttributes {
  if (error === undefined) return {}
  if (!TsyllaError.is(error)) {
    return { 'error.type': error instanceof Error ? error.name : '_OTHER' }
  }
  if (!('serverCode' in error)) return { 'error.type': error.code }
  const code = String(error.serverCode)
  return { 'error.type': code, 'db.response.status_code': code }
}

/** Attributes of a span that are known at the end. */
export function endAttributes(trace: RequestTrace): OtelAttributes {
  const attributes = errorAttributes(trace)
  const { node } = trace
  if (node !== undefined) {
    Object.assign(attributes, addressAttributes('network.peer', node.address))
    attributes['cassandra.coordinator.id'] = node.hostId
    attributes['cassandra.coordinator.dc'] = node.dataCenter
  }
  add(attributes, 'cassandra.consistency.level', trace.consistency?.toLowerCase())
  add(attributes, 'cassandra.page.size', trace.pageSize)
  add(attributes, 'cassandra.query.idempotent', trace.isIdempotent)
  add(attributes, 'cassandra.speculative_execution.count', trace.speculativeExecutionCount)
  add(attributes, 'db.response.returned_rows', returnedRows(trace))
  return attributes
}

/** Rows of a result; `undefined` for a statement that returns none. */
export function returnedRows({ verb, result }: RequestTrace): number | undefined {
  return verb === 'prepare' || result === undefined || result.colSpecs().length === 0
    ? undefined
    : result.length
}
