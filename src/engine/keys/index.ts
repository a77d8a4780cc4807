export { comparableKey } from './comparable.ts'
export { ComparableReader, isRecoverable } from './comparable-decode.ts'
export {
  boundAfter,
  boundBefore,
  type ClusteringBound,
  type ClusteringKey,
  clusteringKeyOf,
  partitionComponents,
  partitionEnd,
  PartitionEntry,
  type PartitionKey,
  partitionKeyOf,
  partitionKeyOfBytes,
  partitionOfPrefix,
  prefixLength,
  StoreTag,
  tableRange,
  tokenPlace,
  routingKey,
} from './table-key.ts'
