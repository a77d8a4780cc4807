import type { Session } from './index.ts'
import {
  type ContactPoint,
  type CreateKeyspaceOptions,
  type Secret,
  SessionBuilder,
  type SessionOptions,
} from './index.ts'
import { ConnectionManager } from './patterns/database-manager.ts'

export type { DatabaseEvent, DatabaseStats } from './patterns/database-manager.ts'
export {
  ClockDriftError,
  FactoryTimeoutError,
  LockHeldError,
  LockLostError,
  RevisionConflictError,
  SchemaMismatchError,
  SessionDataError,
  SessionInvalidError,
} from './errors/index.ts'
export {
  createTables,
  HybridClock,
  type HybridClockOptions,
  type LwtCounters,
  type SchemaStep,
  type TableDefinition,
  type TableOwner,
  type TimeSpan,
} from './kernel/index.ts'
export { LeaderElection, type LeaderOptions } from './patterns/lock/leader-election.ts'
export type { Holding } from './patterns/lock/holding.ts'
export { Lease } from './patterns/lock/lease.ts'
export {
  Permit,
  type PermitOptions,
  Semaphore,
  type SemaphoreEvent,
  type SemaphoreOptions,
  type SemaphoreStats,
} from './patterns/lock/semaphore.ts'
export {
  type AcquireOptions,
  Lock,
  type LockEvent,
  type LockOptions,
  type LockStats,
} from './patterns/lock/lock.ts'
export {
  Cache,
  type CacheLookup,
  type CacheStats,
  type GetOrSetOptions,
  type LookupOptions,
} from './patterns/cache/cache.ts'
export type { CacheCodec } from './patterns/cache/cache-codec.ts'
export type { CacheEvent } from './patterns/cache/cache-core.ts'
export type {
  CacheOptions,
  EntryOptions,
  MemoryOptions,
  SetOptions,
} from './patterns/cache/cache-options.ts'
export type { Factory, FactoryContext } from './patterns/cache/factory-run.ts'
export type { NewEvent, StoredEvent } from './patterns/event-commit.ts'
export {
  type AppendEvent,
  type AppendOptions,
  EventStore,
  type EventStoreOptions,
  type EventStoreStats,
  type ReadOptions,
} from './patterns/event-store.ts'
export {
  type MetricPoint,
  type MetricsEvent,
  MetricsStore,
  type MetricsStoreOptions,
  type MetricsStoreStats,
  type QueryOptions,
} from './patterns/metrics-store.ts'
export type { RateLimitDecision, RuleDecision } from './patterns/rate-limiter/decision.ts'
export { rateLimitHeaders } from './patterns/rate-limiter/headers.ts'
export type { RateLimitEvent } from './patterns/rate-limiter/limit-events.ts'
export {
  RateLimiter,
  type RateLimiterOptions,
  type RateLimiterStats,
  type TakeOptions,
  type WaitOptions,
} from './patterns/rate-limiter/rate-limiter.ts'
export type { RateLimitRule } from './patterns/rate-limiter/rules.ts'
export {
  type DefaultKey,
  Repository,
  type RepositoryEvent,
  type RepositoryKey,
  type RepositoryOptions,
  type RepositoryStats,
} from './patterns/repository.ts'
export type { RepositoryColumn } from './patterns/repository-property.ts'
export {
  SchemaManager,
  type SchemaManagerOptions,
  SchemaPlan,
} from './patterns/schema-manager.ts'
export type {
  InspectOptions,
  NewSessionOptions,
  RevokeAllOptions,
  SessionInspection,
  SessionSnapshot,
  UpdateOptions,
} from './patterns/session-manager/session-arguments.ts'
export {
  parseCookies,
  SessionCookie,
  type SessionCookieOptions,
} from './patterns/session-manager/session-cookie.ts'
export type {
  SessionChange,
  SessionData,
  StandardResult,
  StandardSchema,
} from './patterns/session-manager/session-data.ts'
export type {
  SessionEnd,
  SessionEvent,
  SessionReason,
  SessionStats,
} from './patterns/session-manager/session-events.ts'
export type { SessionInfo } from './patterns/session-manager/session-list.ts'
export { SessionManager } from './patterns/session-manager/session-manager.ts'
export type { SessionManagerOptions } from './patterns/session-manager/session-options.ts'
export { type User, UserRepository } from './patterns/user-repository.ts'

/** Options of {@link DatabaseManager.connect} besides nodes and keyspace. */
export interface DatabaseOptions {
  readonly user?: string | undefined
  readonly password?: string | Secret | undefined
  readonly poolSize?: SessionOptions['poolSize']
  readonly compression?: 'lz4' | 'snappy' | null | undefined
  readonly tls?: SessionOptions['tls'] | undefined
  readonly createKeyspace?: boolean | CreateKeyspaceOptions | undefined
  /** Other options of the session. */
  readonly session?: Partial<SessionOptions> | undefined
}

/** Managers by name, per process: the ESM and the CJS build share them. */
const registryKey: unique symbol = Symbol.for('tsylla.databases/1')
type Registry = Map<string, DatabaseManager>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  holder[registryKey] ??= new Map()
  return holder[registryKey]
}

/**
 * The database connection of an application: `instance()` for the one, `named()` for others.
 * Concurrent connects share one session; a failed one can be tried again.
 */
export class DatabaseManager extends ConnectionManager<Session, DatabaseOptions> {
  static instance(): DatabaseManager {
    return DatabaseManager.named('default')
  }

  static named(name: string): DatabaseManager {
    const managers = registry()
    let manager = managers.get(name)
    if (manager === undefined) {
      manager = new DatabaseManager(name)
      managers.set(name, manager)
    }
    return manager
  }

  private constructor(name: string) {
    super(name, openSession)
  }

  override connect(
    nodes: readonly ContactPoint[],
    keyspace?: string,
    options: DatabaseOptions = {},
  ): Promise<Session> {
    return super.connect(nodes, keyspace, options)
  }
}

async function openSession(
  nodes: readonly unknown[],
  keyspace: string | undefined,
  options: DatabaseOptions,
  signal: AbortSignal,
): Promise<Session> {
  const { session, ...rest } = options
  return await new SessionBuilder({
    ...session,
    // Options that are undefined do not override those of `session`.
    ...withoutUndefined({ ...rest, keyspace }),
    contactPoints: nodes as readonly ContactPoint[],
  }).build({ signal })
}

function withoutUndefined(options: Partial<SessionOptions>): Partial<SessionOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
