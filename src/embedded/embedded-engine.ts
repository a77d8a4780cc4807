import type { BatchLimits, Durability } from '../engine/index.ts'
import { ConfigError, Secret } from '../errors/index.ts'
import type { EndpointFactory } from '../transport/index.ts'
import type { Clock } from '../util/index.ts'
import { EngineEndpoint } from './engine-endpoint.ts'
import { forgetOwned, openOwned } from './engine-registry.ts'
import type { Listener, ListenOptions } from './listener.ts'
import type { EngineSettings, OpenEngine } from './open-engine.ts'

export interface EmbeddedOptions {
  /** Directory of the data. Default: the data is kept in memory. */
  readonly path?: string | undefined
  /**
   * When a write on disk is acknowledged: `fsync` (default) when the disk has it, `os` when the
   * operating system has it, `none` at once.
   */
  readonly durability?: Durability | undefined
  /** Clock of the database and of its sessions, for tests of TTLs. */
  readonly clock?: Clock | undefined
  /**
   * What batches on several partitions may be. Default: what Cassandra lets through, 50 KiB, so
   * that what works here works there; batches on one partition may be larger on both.
   */
  readonly batchLimits?: Partial<BatchLimits> | undefined
  /** User that clients over TCP and sessions must log in as. Default: no login. */
  readonly user?: string | undefined
  readonly password?: string | Secret | undefined
}

export interface ForkOptions {
  /** Time of the copy. Default: the clock of the original. */
  readonly clock?: Clock | undefined
}

/** An engine that belongs to the code that opened it, which closes it. */
export abstract class EmbeddedEngine {
  readonly #engine: OpenEngine
  readonly #address: string

  /** @internal Opened by {@link openEmbedded}. */
  constructor(engine: OpenEngine) {
    this.#engine = engine
    this.#address = `embedded:${engine.settings.path ?? ''}`
  }

  /** Directory of the data; `undefined` in memory. */
  get path(): string | undefined {
    return this.#engine.settings.path
  }

  /** @internal How a session reaches the engine; closing the session leaves the engine open. */
  protected endpointFactory(): EndpointFactory {
    return async () => new EngineEndpoint(this.#address, this.#engine, async () => {})
  }

  /** @internal */
  protected async forkEngine({ clock }: ForkOptions): Promise<OpenEngine> {
    return await this.#engine.fork(clock)
  }

  /** Answers any CQL driver on a TCP port. @throws ClosedError, ConfigError */
  async listen(options: ListenOptions = {}): Promise<Listener> {
    return await this.#engine.listen(options)
  }

  /** Makes all writes durable and closes; later calls of sessions fail with `TSYLLA_CLOSED`. */
  async close(): Promise<void> {
    await this.#engine.close()
    await forgetOwned(this.#engine)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * @throws EngineLockedError, DependencyMissingError, StorageError, ConfigError
 */
export async function openEmbedded(options: EmbeddedOptions = {}): Promise<OpenEngine> {
  return await openOwned(settingsOf(options))
}

function settingsOf(options: EmbeddedOptions): EngineSettings {
  const { path, durability, clock, user, password, batchLimits } = options
  checkLimits(batchLimits)
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw new ConfigError('path is a directory, or left out for a database in memory')
  }
  if ((user === undefined) !== (password === undefined)) {
    throw new ConfigError('user and password go together')
  }
  const credentials =
    user === undefined || password === undefined
      ? undefined
      : { user, password: typeof password === 'string' ? new Secret(password) : password }
  return { path, durability, clock, credentials, batchLimits }
}

const limitNames: readonly string[] = ['warnBytes', 'failBytes', 'warnPartitions']

function checkLimits(limits: unknown): void {
  if (limits === undefined) return
  const isValid =
    typeof limits === 'object' &&
    limits !== null &&
    Object.entries(limits).every(
      ([name, value]) => limitNames.includes(name) && typeof value === 'number' && value >= 0,
    )
  if (isValid) return
  throw new ConfigError(`batchLimits has numbers, Infinity for no limit: ${limitNames.join(', ')}`)
}
