import { ClosedError, ConfigError } from '../errors/index.ts'
import {
  type BatchLimits,
  type ClientAddress,
  CooperativeScheduler,
  type Durability,
  Engine,
  EngineNode,
  type KvStore,
  MemoryStore,
  type NodeCredentials,
  openDiskStore,
} from '../engine/index.ts'
import { type Link, type LinkHandler, openMemoryLink } from '../transport/index.ts'
import { Inet } from '../types/index.ts'
import { type Clock, systemRuntime } from '../util/index.ts'
import { copyStore } from './copy-store.ts'
import { type Listener, type ListenOptions, openListener } from './listener.ts'

export interface EngineSettings {
  /** Directory of the store; `undefined` keeps it in memory. */
  readonly path: string | undefined
  readonly durability: Durability | undefined
  /** The clock of the engine. Default: the system clock. */
  readonly clock: Clock | undefined
  /** The login that clients need. Default: none. */
  readonly credentials: NodeCredentials | undefined
  /** Limits of batches on several partitions. Default: those of Cassandra. */
  readonly batchLimits?: Partial<BatchLimits> | undefined
}

/** Address of clients within the process. */
const insideAddress: ClientAddress = { address: Inet.parse('127.0.0.1'), port: 0 }

/** A running engine with its node, its store and its connections. */
export class OpenEngine {
  readonly settings: EngineSettings
  readonly #engine: Engine
  readonly #node: EngineNode
  readonly #storage: KvStore
  readonly #links: Set<Link> = new Set()
  readonly #listeners: Set<Listener> = new Set()
  readonly #copies: Set<Promise<MemoryStore>> = new Set()
  #closing: Promise<void> | undefined

  constructor(storage: KvStore, settings: EngineSettings) {
    this.settings = settings
    this.#storage = storage
    const { clock, batchLimits } = settings
    this.#engine = new Engine({ storage, clock, batchLimits })
    this.#node = new EngineNode(this.#engine, { credentials: settings.credentials })
  }

  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /** Opens a link to the node within the process. @throws ClosedError */
  connect(handler: LinkHandler): Link {
    this.#checkOpen()
    // The clock of the process, whatever the engine's: delivery concerns the event loop.
    return openMemoryLink(handler, (toClient) => this.#accept(toClient), systemRuntime)
  }

  #accept(toClient: Link): LinkHandler {
    const connection = this.#node.connect(toClient, insideAddress)
    this.#links.add(toClient)
    return {
      onBytes: (bytes, start, end) => connection.push(bytes, start, end),
      onClosed: () => {
        this.#links.delete(toClient)
        connection.close()
      },
    }
  }

  /** @throws ClosedError, ConfigError when the address cannot be listened on */
  async listen(options: ListenOptions): Promise<Listener> {
    this.#checkOpen()
    const listener = await openListener(this.#node, options, {
      onClosed: (closed) => void this.#listeners.delete(closed),
    })
    if (this.isClosed) {
      await listener.close()
      throw new ClosedError('database')
    }
    this.#listeners.add(listener)
    return listener
  }

  /**
   * An engine in memory with the same content, whose changes are its own.
   *
   * @param clock of the new engine
   * @throws ClosedError
   */
  async fork(clock: Clock | undefined = this.settings.clock): Promise<OpenEngine> {
    this.#checkOpen()
    this.#engine.prepareCopy()
    const copying = this.#copy()
    this.#copies.add(copying)
    const copy = await copying.finally(() => this.#copies.delete(copying))
    // The copy may hold writes whose commit is still to come: its readers must not see them before.
    await this.#storage.commit()
    const settings = { ...this.settings, clock, path: undefined, durability: undefined }
    return new OpenEngine(copy, settings)
  }

  async #copy(): Promise<MemoryStore> {
    const storage = this.#storage
    if (storage instanceof MemoryStore) return storage.fork()
    const scheduler = new CooperativeScheduler(this.#engine.runtime)
    return await copyStore(storage, scheduler, () => this.#checkOpen())
  }

  /** Ends every connection, makes everything durable and releases the path. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()))
    this.#node.close()
    for (const link of this.#links) link.destroy()
    this.#links.clear()
    // Sessions are notified in a later turn at the latest; their calls after that fail as closed.
    await this.#engine.nextTurn()
    await Promise.allSettled(this.#copies)
    try {
      await this.#engine.close()
    } finally {
      // Also when the disk did not take the last writes: the directory is released.
      await this.#storage.close()
    }
  }

  #checkOpen(): void {
    if (this.isClosed) throw new ClosedError('database')
  }
}

const durabilities: readonly unknown[] = ['fsync', 'os', 'none', undefined]

/**
 * @throws EngineLockedError, DependencyMissingError, StorageError, ConfigError
 */
export async function openEngine(settings: EngineSettings): Promise<OpenEngine> {
  const { path, durability } = settings
  if (!durabilities.includes(durability)) {
    throw new ConfigError(`durability is 'fsync', 'os' or 'none', not ${String(durability)}`)
  }
  if (path === undefined) {
    if (durability !== undefined) throw new ConfigError('durability needs a path')
    return new OpenEngine(new MemoryStore(), settings)
  }
  const storage = await openDiskStore(path, durability)
  try {
    return new OpenEngine(storage, settings)
  } catch (error) {
    await storage.close()
    throw error
  }
}
