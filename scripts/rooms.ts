/**
 * The rooms of `src/` and what each may import. This is the one place that says so: the tidy test
 * reads it, `CONTRIBUTING.md` points to it. Imports go only downward; type imports and dynamic
 * imports count.
 */
export interface Room {
  /** Folder under `src/`, or a file name for an entry point. */
  readonly name: string
  readonly level: number
  /** Rooms this one may import besides itself. */
  readonly mayImport: readonly string[]
  /** Modules of Node and packages it may import; a room without them does no I/O. */
  readonly mayUse?: readonly string[]
}

const upTo2 = ['util', 'errors', 'types']
const upTo6 = [...upTo2, 'protocol', 'cql', 'codec', 'routing', 'policies', 'transport']

export const rooms: readonly Room[] = [
  { name: 'util', level: 0, mayImport: [] },
  { name: 'errors', level: 1, mayImport: ['util'] },
  { name: 'types', level: 2, mayImport: ['util', 'errors'] },
  {
    name: 'observability',
    level: 3,
    mayImport: upTo2,
    mayUse: ['node:diagnostics_channel'],
  },
  { name: 'protocol', level: 3, mayImport: upTo2, mayUse: ['lz4-napi', 'node:zlib', 'snappy'] },
  { name: 'cql', level: 3, mayImport: upTo2 },
  { name: 'bulk', level: 4, mayImport: [...upTo2, 'cql'] },
  { name: 'values', level: 3, mayImport: upTo2, mayUse: ['node:buffer'] },
  { name: 'codec', level: 4, mayImport: [...upTo2, 'protocol', 'values'] },
  { name: 'routing', level: 4, mayImport: [...upTo2, 'protocol'] },
  { name: 'policies', level: 5, mayImport: [...upTo2, 'routing'] },
  {
    name: 'transport',
    level: 6,
    mayImport: [...upTo2, 'observability', 'protocol', 'routing'],
    mayUse: ['node:dns/promises', 'node:events', 'node:net', 'node:tls'],
  },
  {
    name: 'engine',
    level: 6,
    mayImport: [...upTo2, 'cql', 'codec', 'protocol', 'routing', 'values'],
    mayUse: [
      ...['node:buffer', 'node:crypto', 'node:fs/promises', 'node:net', 'node:os', 'node:path'],
      ...['node:zlib', 'sorted-btree', 'lmdb'],
    ],
  },
  {
    name: 'cloud',
    level: 7,
    mayImport: ['util', 'errors', 'transport'],
    mayUse: [
      ...['node:crypto', 'node:fs/promises', 'node:http', 'node:https', 'node:path', 'node:zlib'],
      'yaml',
    ],
  },
  { name: 'cluster', level: 7, mayImport: [...upTo6, 'observability'] },
  { name: 'metadata', level: 7, mayImport: [...upTo2, 'cql'] },
  {
    name: 'embedded',
    level: 7,
    mayImport: [...upTo2, 'engine', 'transport', 'protocol'],
    mayUse: ['node:crypto', 'node:fs/promises', 'node:net', 'node:tls'],
  },
  {
    name: 'session',
    level: 8,
    mayImport: [...upTo6, 'cloud', 'cluster', 'metadata', 'observability'],
    mayUse: ['node:crypto'],
  },
  { name: 'kernel', level: 8, mayImport: [...upTo2, 'cql'], mayUse: ['node:util'] },
  {
    name: 'patterns',
    level: 9,
    mayImport: [...upTo2, 'cql', 'kernel'],
    mayUse: ['node:crypto', 'node:diagnostics_channel'],
  },
  // Only the entry point `testing.ts` imports it: what applications load does not contain it.
  {
    name: 'testing',
    level: 10,
    mayImport: [...upTo2, 'protocol', 'routing', 'transport', 'embedded', 'kernel'],
    mayUse: [
      ...['node:child_process', 'node:events', 'node:fs', 'node:net', 'node:readline'],
      ...['node:stream', 'node:url'],
    ],
  },
]

/** A folder of `src/engine/`. */
export interface EngineRoom {
  readonly name: string
  /** Folders that stand above it in the list, and files directly under `src/engine/`. */
  readonly mayImport: readonly string[]
}

/**
 * The rooms of the engine from the lowest to the highest, with what each imports of the engine. A
 * test refuses permissions that no import uses.
 */
export const engineRooms: readonly EngineRoom[] = [
  { name: 'storage', mayImport: [] },
  { name: 'catalog', mayImport: ['storage', 'errors.ts', 'timestamp.ts'] },
  { name: 'keys', mayImport: ['storage', 'catalog'] },
  { name: 'rows', mayImport: ['storage', 'catalog', 'keys', 'timestamp.ts'] },
  { name: 'functions', mayImport: ['query-context.ts', 'errors.ts'] },
  // What execution calls for each row or value: terms, selectors, operations, conditions.
  {
    name: 'evaluate',
    mayImport: ['catalog', 'keys', 'rows', 'functions', 'query-context.ts', 'errors.ts'],
  },
  // Turns statements and the schema into plans. It runs when a statement is prepared, never later.
  { name: 'analyze', mayImport: ['catalog', 'functions', 'evaluate', 'errors.ts'] },
  {
    name: 'execute',
    mayImport: [
      ...['catalog', 'keys', 'rows', 'functions', 'evaluate', 'analyze'],
      ...['answer-memory.ts', 'query-context.ts', 'read-queue.ts', 'errors.ts', 'timestamp.ts'],
    ],
  },
  { name: 'system', mayImport: ['storage', 'catalog', 'keys', 'rows'] },
  {
    name: 'node',
    mayImport: [
      ...['catalog', 'keys', 'analyze', 'execute', 'system'],
      ...['answer-memory.ts', 'engine.ts', 'engine-options.ts', 'errors.ts', 'value-count.ts'],
    ],
  },
]

/**
 * Rooms above the entry points, which are the files directly under `src/` and may import every room
 * below. They import the entry files, and the rooms named here: adapters check options and names of
 * tables as the patterns do.
 */
export const aboveEntries: { readonly [name: string]: readonly string[] } = {
  adapters: ['kernel'],
  cli: [],
  studio: [],
}

/**
 * Modules other rooms may import past a room's door, because a re-export on the hot path would
 * cost or because the door would pull in more than is needed. Keep this list short.
 */
export const doorExceptions: readonly string[] = []
