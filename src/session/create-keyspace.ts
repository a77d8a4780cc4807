import { quoteIdentifier, quoteString } from '../cql/index.ts'
import { ConfigError } from '../errors/index.ts'
import type { CreateKeyspaceOptions } from './options.ts'

/**
 * `CREATE KEYSPACE IF NOT EXISTS` for a keyspace that is missing.
 *
 * @param dataCenter the local one, which gets `replicationFactor` copies
 */
export function createKeyspaceText(
  name: string,
  options: CreateKeyspaceOptions,
  dataCenter: string,
): string {
  const copies = options.replication ?? { [dataCenter]: options.replicationFactor ?? 1 }
  const factors = Object.entries(copies).map(([center, count]) => {
    if (!Number.isInteger(count) || count < 0) {
      throw new ConfigError(
        `The replication factor of ${center} must be a whole number from 0 on, but is ${count}`,
      )
    }
    return `, ${quoteString(center)}: ${count}`
  })
  const durable = options.durableWrites === false ? ' AND durable_writes = false' : ''
  return `CREATE KEYSPACE IF NOT EXISTS ${quoteIdentifier(name)} WITH replication = {'class': 'NetworkTopologyStrategy'${factors.join('')}}${durable}`
}
