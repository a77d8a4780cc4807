import type { ExecuteRequest } from '../../protocol/index.ts'
import { tokenOf } from '../../routing/index.ts'
import { routingKey } from '../keys/index.ts'
import { valuesFor } from './named-values.ts'
import type { NodeHost } from './node-host.ts'
import type { RequestedPartition } from './node-placement.ts'

/**
 * Returns the partition of a request, `undefined` when its key is not bound as a whole.
 *
 * @throws ServerError UNPREPARED, and what wrong values cause
 */
export function partitionOf(
  { statements, engine }: NodeHost,
  { id, parameters }: ExecuteRequest,
): RequestedPartition | undefined {
  const { plan } = statements.prepared(id)
  const { markers, partitionKeyIndexes } = plan
  const [first] = partitionKeyIndexes
  if (first === undefined) return undefined
  const { keyspace, table } = markers[first]!
  const replication = engine.catalog.schema.keyspaces.get(keyspace)?.replication
  const values = valuesFor(markers, parameters)
  const parts = partitionKeyIndexes.map((index) => values[index])
  if (replication === undefined || !parts.every((part) => part instanceof Uint8Array)) {
    return undefined
  }
  return { keyspace, table, replication, token: tokenOf(routingKey(parts)) }
}
