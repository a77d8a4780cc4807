import type {
  KeyspaceMetadata,
  TableMetadata,
  ViewMetadata,
  VirtualKeyspaceMetadata,
} from './schema-descriptions.ts'
import type * as Reader from './schema-reader.ts'

/** Keyspaces that are remembered; those beyond that are read again. */
const keyspaceCountMax = 256
/** Reads of a keyspace that changes again and again, for one caller. */
const readCountMax = 3

/** Loaded when it is first needed: most applications never ask for their schema. */
const loadReader = (): Promise<typeof Reader> => import('./schema-reader.ts')

/**
 * The schema as the system tables describe it. A keyspace is read when it is first asked for, and
 * again after it has changed: changes by this session, and those that nodes report. What is
 * returned is never changed later.
 */
export class SchemaMetadata {
  readonly #read: Reader.ReadRows
  /** The keyspace of the session. */
  readonly #current: () => string | undefined
  /** By name; a promise is shared by all who ask while it is read. */
  readonly #keyspaces = new Map<string, Promise<KeyspaceMetadata | undefined>>()

  /** Read once, because only another version of the server has others. */
  #virtual: Promise<ReadonlyMap<string, VirtualKeyspaceMetadata>> | undefined

  /** @internal */
  constructor(read: Reader.ReadRows, current: () => string | undefined) {
    this.#read = read
    this.#current = current
  }

  /** Returns the names of all keyspaces, those of the system included, in their order. */
  async keyspaceNames(): Promise<readonly string[]> {
    const { readKeyspaceNames } = await loadReader()
    return await readKeyspaceNames(this.#read)
  }

  /**
   * Returns a keyspace with its tables, views, types, functions and aggregates; `undefined` when
   * there is none.
   *
   * @param name as the server spells it. Default: the keyspace of the session
   */
  async keyspace(
    name: string | undefined = this.#current(),
  ): Promise<KeyspaceMetadata | undefined> {
    if (name === undefined) return undefined
    for (let readCount = 1; ; readCount++) {
      const reading = this.#keyspaces.get(name) ?? this.#begin(name)
      const found = await reading
      // It has changed while its tables were read, one after another.
      const isCurrent = this.#keyspaces.get(name) === reading
      if (isCurrent || found === undefined || readCount === readCountMax) return found
    }
  }

  #begin(name: string): Promise<KeyspaceMetadata | undefined> {
    const reading = this.#readKeyspace(name)
    if (this.#keyspaces.size >= keyspaceCountMax) this.#keyspaces.clear()
    this.#keyspaces.set(name, reading)
    const forget = (): void => {
      if (this.#keyspaces.get(name) === reading) this.#keyspaces.delete(name)
    }
    // What does not exist may be created by a node that has not reported it yet.
    reading.then((found) => found ?? forget(), forget)
    return reading
  }

  async #readKeyspace(name: string): Promise<KeyspaceMetadata | undefined> {
    const { readKeyspace } = await loadReader()
    return await readKeyspace(this.#read, name)
  }

  /** Returns a table; `undefined` when there is none. @param keyspace default: of the session */
  async table(name: string, keyspace?: string): Promise<TableMetadata | undefined> {
    return (await this.keyspace(keyspace))?.tables.get(name)
  }

  /** Returns a view; `undefined` when there is none. @param keyspace default: of the session */
  async view(name: string, keyspace?: string): Promise<ViewMetadata | undefined> {
    return (await this.keyspace(keyspace))?.views.get(name)
  }

  /**
   * Returns the virtual keyspaces by name, with their tables: `system_views` and others
   * of Cassandra 4 and later, from `system_virtual_schema`. Their tables show the state of the node
   * that a request is sent to. Empty where the server has no such schema, as ScyllaDB.
   */
  virtualKeyspaces(): Promise<ReadonlyMap<string, VirtualKeyspaceMetadata>> {
    const known = this.#virtual
    if (known !== undefined) return known
    const reading = this.#readVirtual()
    this.#virtual = reading
    reading.catch(() => {
      if (this.#virtual === reading) this.#virtual = undefined
    })
    return reading
  }

  async #readVirtual(): Promise<ReadonlyMap<string, VirtualKeyspaceMetadata>> {
    const { readVirtualKeyspaces } = await import('./virtual-schema.ts')
    return await readVirtualKeyspaces(this.#read)
  }

  /** Reads keyspaces again when they are next asked for. @param keyspace default: all */
  refresh(keyspace?: string): void {
    if (keyspace === undefined) {
      this.#keyspaces.clear()
      this.#virtual = undefined
    } else this.#keyspaces.delete(keyspace)
  }
}
