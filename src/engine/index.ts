export { Catalog, type SchemaListener, unsupported } from './catalog/catalog.ts'
export {
  type KeyspaceSchema,
  type Schema,
  type SchemaChange,
  type SchemaChangeKind,
  systemKeyspaces,
  type TableEntry,
} from './catalog/schema.ts'
export { type TableOptions, tableOptionsDefault } from './catalog/table-options.ts'
export {
  type ColumnKind,
  type ColumnSchema,
  createTableSchema,
  type TableParts,
  type TableSchema,
} from './catalog/table-schema.ts'
export {
  Engine,
  type EngineBatchEntry,
  type EngineExecuteOptions,
  type EngineOptions,
} from './engine.ts'
export { type EngineResult, resultRows, type RowsResult } from './execute/result.ts'
export type { VirtualTable } from './execute/virtual-reader.ts'
export type { Cell } from './functions/definitions.ts'
export type { BatchKind } from './plan/batch.ts'
export type { PreparedPlan } from './plan/prepared-plan.ts'
export { type KvStore, MemoryStore, openDiskStore } from './storage/index.ts'
