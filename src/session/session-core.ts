import type { CodecOptions } from '../codec/index.ts'
import type { SchemaChange } from '../protocol/index.ts'
import type { Connection } from '../transport/index.ts'
import type { ResolvedOptions } from './options.ts'
import type { PreparedEntry } from './prepared-entry.ts'
import type { RequestHost } from './request-host.ts'
import type { Router } from './router.ts'
import type { ShapeCache } from './shape-cache.ts'
import type { CachedStatement } from './statement-cache.ts'

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
  /** A conditional write was answered, which a server has stamped. */
  onConditional(): void
  /** The prepared form of a text; one PREPARE however many ask. */
  prepare(statement: CachedStatement): Promise<PreparedEntry>
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
  try {
    for (const value of values) bytes += estimateBytes(value, 0)
  } catch {
    // A value that cannot be read cannot be bound either: encoding it says which.
  }
  return bytes
}

function estimateBytes(value: unknown, depth: number): number {
  if (typeof value === 'string') return 4 + value.length
  if (typeof value !== 'object' || value === null) return 12
  if (ArrayBuffer.isView(value)) return 4 + value.byteLength
  if (depth > estimateDepthMax) return 64
  let bytes = 64
  if (Array.isArray(value) || value instanceof Set) {
    for (const element of value) bytes += estimateBytes(element, depth + 1)
  } else if (value instanceof Map) {
    for (const [key, element] of value) {
      bytes += estimateBytes(key, depth + 1) + estimateBytes(element, depth + 1)
    }
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const field of Object.values(value)) bytes += estimateBytes(field, depth + 1)
  }
  return bytes
}

/** Values may be made of each other without end; encoding refuses those. */
const estimateDepthMax = 4
