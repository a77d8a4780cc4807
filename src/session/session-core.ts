import type { CodecOptions } from '../codec/index.ts'
import type { SchemaChange } from '../protocol/index.ts'
import type { Connection } from '../transport/index.ts'
import type { ResolvedOptions } from './options.ts'
import type { PreparedEntry } from './prepared-entry.ts'
import type { RequestHost } from './request-host.ts'
import type { Router } from './router.ts'
import type { ShapeCache } from './shape-cache.ts'

/** What executions need of their session. */
export interface SessionCore {
  readonly options: ResolvedOptions
  readonly host: RequestHost
  readonly router: Router
  readonly codecOptions: CodecOptions
  /** Shapes of answers to texts that are not prepared. */
  readonly queryShapes: ShapeCache
  /** The next write timestamp in microseconds, or `undefined` when the servers stamp. */
  nextTimestamp(): number | undefined
  /** Prepares a statement on the node that does not know it; one PREPARE however many ask. */
  prepareOn(connection: Connection, entry: PreparedEntry): Promise<void>
  /** Prepares a statement anew on some node, in case its types have changed. */
  refresh(entry: PreparedEntry): Promise<void>
  /** A user's `USE`: all connections follow before it is answered. */
  onSetKeyspace(keyspace: string, connection: Connection): Promise<void>
  /** DDL is done when the nodes agree. */
  onSchemaChange(change: SchemaChange, connection: Connection): Promise<void>
}

/** Bytes values will take on the wire, roughly. */
export function estimateValueBytes(values: readonly unknown[]): number {
  let bytes = 64
  for (const value of values) {
    if (typeof value === 'string') bytes += 4 + value.length
    else if (value instanceof Uint8Array) bytes += 4 + value.length
    else bytes += typeof value === 'object' && value !== null ? 64 : 12
  }
  return bytes
}
