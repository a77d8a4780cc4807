export { type AnswerLimits, answerLimitsDefault } from './answer-memory.ts'
export { type SchemaListener } from './catalog/catalog.ts'
export {
  type KeyspaceSchema,
  type Schema,
  type TableEntry,
} from './catalog/schema.ts'
export { type TableOptions } from './catalog/table-options.ts'
export {
  type ColumnKind,
  type ColumnSchema,
  type TableParts,
  type TableSchema,
} from './catalog/table-schema.ts'
export { Engine } from './engine.ts'
export type {
  EngineBatchEntry,
  EngineExecuteOptions,
  EngineOptions,
  TableSource,
} from './engine-options.ts'
export type { BatchLimits } from './execute/batch-limits.ts'
export { type EncodedRows, type EngineResult, resultRows } from './execute/result.ts'
export type { Cell } from './functions/definitions.ts'
export type { BatchKind } from './analyze/batch.ts'
export type { PreparedPlan } from './analyze/prepared-plan.ts'
export {
  CooperativeScheduler,
  type Durability,
  type KvSnapshot,
  type KvStore,
  makeDirectory,
  MemoryStore,
  openDiskStore,
  WriteBatch,
} from './storage/index.ts'
export type { NodeCredentials } from './node/credentials.ts'
export { availableCompressors, EngineNode, type EngineNodeOptions } from './node/engine-node.ts'
export type { ClientAddress, LoginGuard } from './node/client-address.ts'
export { NodeConnection } from './node/node-connection.ts'
export type { NodeOutput } from './node/node-output.ts'
export type { NodePlacement, RequestedPartition } from './node/node-placement.ts'
export type { AdvertisedAddress, NodeIdentity, NodePeer } from './system/node-identity.ts'
